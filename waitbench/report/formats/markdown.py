"""report.md and claims.md: the report for places that show Markdown."""

from collections.abc import Iterable, Iterator

from waitbench.records.text import for_markdown
from waitbench.report.charts.chart import Chart
from waitbench.report.contents import ClaimPart, Part, Report
from waitbench.report.table import Column, Entry, Row, Table
from waitbench.report.tables.claims import verdict_table
from waitbench.report.words.claims import HOW, JUDGED
from waitbench.report.words.facts import absences
from waitbench.report.words.summary import CERTAINTY

EMPTY = "–"
"""Stands for a figure that is unknown."""


def files(report: Report) -> Iterator[tuple[str, str]]:
    yield "report.md", _text(_report(report))
    if report.claims:
        yield "claims.md", _text(_claims(report))


def table_lines(table: Table) -> list[str]:
    """The lines of a table. Figures of an invalid row are struck out, and unknown ones are dashes."""
    titles = [for_markdown(column.title) for column in table.columns]
    rules = ["---:" if column.kind == "figure" else "---" for column in table.columns]
    rows = [[_entry(*each, row) for each in zip(row.entries, table.columns, strict=True)] for row in table.rows]
    return [f"| {' | '.join(cells)} |" for cells in (titles, rules, *rows)]


def _entry(entry: Entry, column: Column, row: Row) -> str:
    text = for_markdown(entry.text)
    if entry.link:
        text = f"[{text}]({entry.link})"
    if entry.verdict:
        text = f"**{entry.verdict}**" + (f": {text}" if text else "")
    if column.kind != "figure":
        return text
    if not text:
        return EMPTY
    text = f"**{text}**" if entry.bold else text
    return text if row.valid else f"~~{text}~~"


def _report(report: Report) -> Iterator[str]:
    yield from _heading(report, report.title)
    yield from (*map(for_markdown, report.introduction), "")
    if report.claims:
        yield from ("## Verdicts", "", *map(_verdict, report.claims), "", "## Results", "")
    yield from _listed(report.results)
    if report.certainty:
        yield from ("", f"## {CERTAINTY}", "", *map(for_markdown, report.certainty))
    if report.certainties:
        yield from ("", *_listed(report.certainties))
    for part in report.parts:
        yield from ("", *_part(part), "", *_charts(part.charts))
    yield from ("", "## Budgets, as read back from the running services", "", *table_lines(report.budgets), "")
    if report.caveats:
        yield from ("## Caveats", "", *_listed(report.caveats), "")
    for title, rows in report.facts:
        yield from (f"## {title}", "", *_listed(f"{name}: {value}" for name, value in rows), "")


def _heading(report: Report, title: str) -> Iterator[str]:
    yield from (f"# {for_markdown(title)}", "")
    if report.comparison.state:
        yield from (f"**{for_markdown(report.comparison.state)}**", "")


def _verdict(part: ClaimPart) -> str:
    claim = part.verdict.claim
    return f"- **{part.verdict.judgement}**: [{for_markdown(claim.says)}](claims.md#claim-{claim.id})"


def _part(part: Part) -> Iterator[str]:
    yield from (f"{'###' if part.within else '##'} {for_markdown(part.title)}", "", for_markdown(part.shows), "")
    yield from table_lines(part.table)
    if part.notes:
        yield from ("", *_listed(part.notes))


def _claims(report: Report) -> Iterator[str]:
    yield from _heading(report, f"Verdicts: {report.title}")
    yield from (HOW, "", "All figures and caveats are in [report.md](report.md).", "")
    for absence in absences(report.comparison):
        yield from (for_markdown(absence), "")
    yield from table_lines(verdict_table(report.comparison))
    for part in report.claims:
        verdict, claim = part.verdict, part.verdict.claim
        yield from ("", f'## <a id="claim-{claim.id}"></a>{for_markdown(claim.says)}', "")
        yield from (f"**{verdict.judgement}**: {JUDGED[verdict.judgement]}.", "", for_markdown(claim.tested), "")
        yield from (*table_lines(part.table), "", *_charts(part.charts))
        yield from ("", f"What would change the verdict: {for_markdown(claim.would_change)}")


def _listed(lines: Iterable[str]) -> list[str]:
    return [f"- {for_markdown(line)}" for line in lines]


def _charts(charts: Iterable[Chart]) -> list[str]:
    return [f"![{for_markdown(chart.caption)}](charts/{chart.name}.svg)" for chart in charts]


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
