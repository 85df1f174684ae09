"""charts/*.svg: each chart as a file of its own."""

from collections.abc import Iterator

from waitbench.report.contents import Report


def files(report: Report) -> Iterator[tuple[str, str]]:
    for chart in report.charts:
        yield f"charts/{chart.name}.svg", chart.svg
