"""Every format of a report, made from one comparison and so from a run's files alone."""

from collections.abc import Iterator

from waitbench.analysis.comparison import Comparison
from waitbench.analysis.loading import load_comparison
from waitbench.errors import Unwritable
from waitbench.records.folder import RunFolder
from waitbench.records.whole_file import write_whole
from waitbench.report import claims_markdown, html, markdown, tables
from waitbench.report.charts.claims import draw as draw_claims
from waitbench.report.charts.draw import draw


def write_report(folder: RunFolder) -> Comparison:
    """Write every format into the run's folder. Raises Unwritable if the folder cannot be written to."""
    comparison = load_comparison(folder)
    save_report(folder, comparison)
    return comparison


def save_report(folder: RunFolder, comparison: Comparison) -> None:
    """Write every format, each file whole or not at all.

    If a file cannot be written, the others are still written. Then Unwritable names the missing files.
    """
    missing, reason = [], ""
    for name, text in _files(comparison):
        try:
            write_whole(folder.path / name, text)
        except OSError as error:
            missing.append(name)
            reason = error.strerror or type(error).__name__
    if missing:
        more = f" and {len(missing) - 3} more files" if len(missing) > 3 else ""
        raise Unwritable(
            f"cannot write the report to {folder.path}: {reason} ({', '.join(missing[:3])}{more}). Free some space "
            f"there or fix its permissions, then run `waitbench report {folder.path}`"
        )


def _files(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """The name and text of each file. The pages come first: they have everything, and the disk may be full."""
    drawn, judged = draw(comparison), draw_claims(comparison)
    yield "report.html", html.render(comparison, drawn)
    yield "report.md", markdown.render(comparison, drawn)
    yield "summary.csv", tables.summary_csv(comparison)
    yield "trials.csv", tables.trials_csv(comparison)
    if comparison.factors:
        yield "factors.csv", tables.factors_csv(comparison)
    if comparison.claims:
        yield "claims.csv", tables.claims_csv(comparison)
        yield "claims.md", claims_markdown.render(comparison, judged)
        yield "claims.html", html.render_claims(comparison, judged)
    for chart in drawn + judged:
        yield f"charts/{chart.name}.svg", chart.svg
