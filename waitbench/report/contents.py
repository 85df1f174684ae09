"""The contents of a report: what every format shows, in reading order, made from one comparison."""

from collections.abc import Iterator
from dataclasses import dataclass

from waitbench.analysis.claims import Verdict
from waitbench.analysis.comparison import Comparison
from waitbench.analysis.points import Section
from waitbench.report.charts import claims as claim_charts
from waitbench.report.charts.chart import Chart
from waitbench.report.charts.draw import draw
from waitbench.report.table import Table
from waitbench.report.tables.budgets import budget_table
from waitbench.report.tables.claims import rule_table
from waitbench.report.tables.factors import factor_table
from waitbench.report.tables.sections import burst_table, cells_table, knee_table, mixed_table
from waitbench.report.words import factors, knees
from waitbench.report.words.facts import Facts, facts, shortfalls
from waitbench.report.words.levels import heading
from waitbench.report.words.repeats import each_certainty
from waitbench.report.words.summary import certainty, introduction, section_answers


@dataclass(frozen=True)
class Part:
    """A section of the report: how to read it, its table, notes below the table, and charts."""

    key: str
    title: str
    shows: str
    table: Table
    charts: tuple[Chart, ...]
    notes: tuple[str, ...] = ()
    within: bool = False
    """Whether it belongs to the section before it."""


@dataclass(frozen=True)
class ClaimPart:
    """The section of a claim: its rules and their chart."""

    verdict: Verdict
    table: Table
    charts: tuple[Chart, ...]


@dataclass(frozen=True)
class Report:
    comparison: Comparison
    introduction: tuple[str, ...]
    """Sentences on what is compared."""
    results: tuple[str, ...]
    """The first lines, one for each result."""
    certainty: tuple[str, ...]
    """Sentences on how certain the results are."""
    certainties: tuple[str, ...]
    """Lines on how certain each result is; none if the repeats were fixed."""
    parts: tuple[Part, ...]
    budgets: Table
    caveats: tuple[str, ...]
    facts: Facts
    """The method and the environment."""
    claims: tuple[ClaimPart, ...]

    @property
    def title(self) -> str:
        return self.comparison.run.plan.title

    @property
    def charts(self) -> list[Chart]:
        charts = [part.charts for part in self.parts] + [part.charts for part in self.claims]
        return [chart for each in charts for chart in each]


def report_of(comparison: Comparison, charted: bool = True) -> Report:
    """The report of a run. Without charts, it takes a fraction of the time."""
    drawn = _by_section(draw(comparison) if charted else [])
    judged = _by_section(claim_charts.draw(comparison) if charted else [])
    return Report(
        comparison,
        introduction=tuple(introduction(comparison)),
        results=tuple(section_answers(comparison)),
        certainty=tuple(certainty(comparison)),
        certainties=tuple(each_certainty(comparison)),
        parts=tuple(_parts(comparison, drawn)),
        budgets=budget_table(comparison),
        caveats=tuple(shortfalls(comparison)),
        facts=facts(comparison),
        claims=tuple(
            ClaimPart(verdict, rule_table(verdict), judged.get(verdict.claim.id, ())) for verdict in comparison.claims
        ),
    )


def _parts(comparison: Comparison, drawn: dict[str, tuple[Chart, ...]]) -> Iterator[Part]:
    for section in comparison.sections:
        yield _part(section.key, section.title, section.workload.shows, cells_table(section), drawn)
        yield from _factors(comparison, section, drawn)
    for mixed in comparison.mixed:
        yield _part(mixed.key, mixed.title, mixed.scenario.shows, mixed_table(mixed), drawn)
    for bursts in comparison.bursts:
        yield _part(bursts.key, bursts.title, bursts.scenario.shows, burst_table(bursts), drawn)
    for search in comparison.knees:
        yield Part(search.key, search.title, knees.KNEE_SHOWS, knee_table(search), drawn.get(search.key, ()))


def _part(key: str, title: str, shows: str, table: Table, drawn: dict[str, tuple[Chart, ...]]) -> Part:
    return Part(key, title, f"It shows {shows}.", table, drawn.get(key, ()))


def _factors(comparison: Comparison, section: Section, drawn: dict[str, tuple[Chart, ...]]) -> Iterator[Part]:
    found, key = comparison.factors_of(section), f"{section.key}-factors"
    if found:
        title, notes = f"{heading(found.factors)}: {section.title}", tuple(factors.notes(found))
        yield Part(key, title, factors.intro(found), factor_table(found), drawn.get(key, ()), notes, within=True)


def _by_section(charts: list[Chart]) -> dict[str, tuple[Chart, ...]]:
    found: dict[str, tuple[Chart, ...]] = {}
    for chart in charts:
        found[chart.section] = (*found.get(chart.section, ()), chart)
    return found
