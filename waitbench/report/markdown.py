"""report.md: the same report in Markdown."""

from waitbench.analysis.cells import Cell
from waitbench.analysis.comparison import Comparison
from waitbench.analysis.factors.load_points import Factors
from waitbench.analysis.knee.found import KneeSection
from waitbench.analysis.points import Point, Section
from waitbench.analysis.scenarios.bursts import BurstSection
from waitbench.analysis.scenarios.mixed import MixedPoint, MixedSection, Pair
from waitbench.records.text import for_markdown
from waitbench.report import factor_words
from waitbench.report.charts.chart import Chart
from waitbench.report.facts import facts, shortfalls
from waitbench.report.figures import burst_row, interval, knee_interval, knee_row, mixed_row, span, summary_row
from waitbench.report.summary import certainty, section_answers
from waitbench.report.words import KNEE_SHOWS, burst_word, knee_word, load_title, mixed_word, standing_word

COLUMNS = (
    "", "{load}", "good/s", "95 % interval", "p50 ms", "p99 ms", "p99 interval", "CPU s / 1,000",
    "KiB per request", "peak MiB", "vs. best",
)  # fmt: skip

MIXED_COLUMNS = (
    "", "requests/s offered", "p50 ms alone", "p50 ms with neighbours", "p99 ms alone", "p99 ms with neighbours",
    "{by} interval alone", "{by} interval with neighbours", "neighbours good/s", "neighbours p99 ms", "result",
)  # fmt: skip

BURST_COLUMNS = (
    "", "good/s in calm", "good/s in overload", "good/s after", "p99 ms in calm", "recovery s", "95 % interval",
    "resolution s", "failed", "shed", "result",
)  # fmt: skip

KNEE_COLUMNS = (
    "", "knee, requests/s", "p99 ms at knee", "CPU s / 1,000 at knee", "KiB per request at knee", "trials", "vs. best",
)  # fmt: skip


def render(comparison: Comparison, charts: list[Chart]) -> str:
    lines = [f"# {for_markdown(comparison.run.plan.title)}", ""]
    if comparison.state:
        lines += [f"**{for_markdown(comparison.state)}**", ""]
    lines += _verdicts(comparison)
    lines += [f"- {for_markdown(line)}" for line in section_answers(comparison)]
    if certain := certainty(comparison):
        lines += ["", *map(for_markdown, certain)]
    drawn = [
        *(each for section in comparison.sections for each in _with_factors(section, comparison.factors_of(section))),
        *((mixed.key, mixed_lines(mixed)) for mixed in comparison.mixed),
        *((bursts.key, burst_lines(bursts)) for bursts in comparison.bursts),
        *((knees.key, knee_lines(knees)) for knees in comparison.knees),
    ]
    for key, text in drawn:
        lines += ["", *text, ""]
        lines += [f"![{for_markdown(c.caption)}](charts/{c.name}.svg)" for c in charts if c.section == key]
    lines += ["", *_caveats(comparison), *_facts(comparison)]
    return "\n".join(lines) + "\n"


def _with_factors(section: Section, found: Factors | None) -> list[tuple[str, list[str]]]:
    factors = [(f"{section.key}-factors", factor_lines(found))] if found else []
    return [(section.key, section_lines(section)), *factors]


def factor_lines(found: Factors) -> list[str]:
    """The heading of the factors, how to read their table, the table, and its notes."""
    titles = ["", "compared with", *(measured.measure.title for measured in found.measures)]
    lines = [f"### {factor_words.HEADING}", "", for_markdown(factor_words.intro(found)), ""]
    lines += [_row(titles), _row(["---"] * len(titles))]
    for row in factor_words.rows(found):
        shown = [f"**{text}**" if differs else text for text, differs in row.figures]
        lines.append(_row([for_markdown(row.title), for_markdown(row.against), *shown]))
    return [*lines, "", *(f"- {for_markdown(note)}" for note in factor_words.notes(found))]


def _verdicts(comparison: Comparison) -> list[str]:
    """One line for each claim of the plan."""
    verdicts = [
        f"- **{verdict.judgement}**: [{for_markdown(verdict.claim.says)}](claims.md#claim-{verdict.claim.id})"
        for verdict in comparison.claims
    ]
    return ["## Verdicts", "", *verdicts, "", "## Results", ""] if verdicts else []


def section_lines(section: Section) -> list[str]:
    """The heading of a section, a sentence on what it shows, and its table."""
    lines = [f"## {section.title}", "", f"It shows {section.workload.shows}.", ""]
    columns = [column.format(load=load_title(section.points)) for column in COLUMNS]
    lines += [_row(columns), _row(["---"] * len(COLUMNS))]
    return lines + [_row(_cells(cell, point)) for point in section.points for cell in point.cells]


def mixed_lines(section: MixedSection) -> list[str]:
    """The heading of a mixed load, a sentence on what it shows, and its table."""
    lines = [f"## {section.title}", "", f"It shows {section.scenario.shows}.", ""]
    by = section.top.percentile
    lines += [_row([column.format(by=by) for column in MIXED_COLUMNS]), _row(["---"] * len(MIXED_COLUMNS))]
    return lines + [_row(_pair(point, pair, by)) for point in section.points for pair in point.pairs]


def burst_lines(section: BurstSection) -> list[str]:
    """The heading of a burst, a sentence on what it shows, and its table."""
    lines = [f"## {section.title}", "", f"It shows {section.scenario.shows}.", ""]
    lines += [_row(BURST_COLUMNS), _row(["---"] * len(BURST_COLUMNS))]
    for burst in section.bursts:
        row = burst_row(burst)
        shown = [
            for_markdown(burst.cell.target.title), row["calm_goodput_rps"], row["overload_goodput_rps"],
            row["after_goodput_rps"], row["calm_p99_ms"], row["recovery_s"] or "–",
            span(row["recovery_low"], row["recovery_high"]),
            row["resolution_s"], row["errors"], row["shed"],
        ]  # fmt: skip
        lines.append(_row([*_struck(shown, burst.cell.valid), burst_word(section, burst)]))
    return lines


def knee_lines(section: KneeSection) -> list[str]:
    """The heading of a search, a sentence on what it shows, and its table."""
    lines = [f"## {section.title}", "", KNEE_SHOWS, "", _row(KNEE_COLUMNS), _row(["---"] * len(KNEE_COLUMNS))]
    for knee in section.knees:
        row = knee_row(section, knee)
        there = [row.get(name) for name in ("p99_ms", "cpu_s_per_1k", "kib_per_request")]
        shown = [for_markdown(knee.target.title), knee_interval(knee), *there, row["trials"]]
        lines.append(_row([*(text or "–" for text in shown), knee_word(section, knee)]))
    return lines


def _cells(cell: Cell, point: Point) -> list[str]:
    row = summary_row(cell)
    shown = [
        for_markdown(cell.target.title), row["load"], row["goodput_rps"], interval(cell.goodput, 1),
        row["p50_ms"] or "–", row["p99_ms"] or "–", interval(cell.percentile_interval("p99"), 1),
        row["cpu_s_per_1k"] or "–", row["kib_per_request"] or "–", row["peak_rss_mib"] or "–",
    ]  # fmt: skip
    return [*_struck(shown, cell.valid), standing_word(point, cell)]


def _pair(point: MixedPoint, pair: Pair, by: str) -> list[str]:
    alone, loaded = (mixed_row(point, pair, cell) if cell else {} for cell in (pair.alone, pair.beside))
    shown = [
        for_markdown(pair.first.target.title), f"{point.load:g}",
        *(row.get(f"{name}_ms") or "–" for name in ("p50", "p99") for row in (alone, loaded)),
        *(span(row.get(f"{by}_low", ""), row.get(f"{by}_high", "")) for row in (alone, loaded)),
        loaded.get("neighbours_goodput_rps") or "–", loaded.get("neighbours_p99_ms") or "–",
    ]  # fmt: skip
    return [*_struck(shown, pair.valid), mixed_word(point, pair)]


def _struck(shown: list[str], valid: bool) -> list[str]:
    """The cells of a row, struck out except for the name if the row is invalid."""
    return shown if valid else [shown[0], *(f"~~{text}~~" if text else "" for text in shown[1:])]


def _caveats(comparison: Comparison) -> list[str]:
    found = shortfalls(comparison)
    return ["## Caveats", "", *(f"- {for_markdown(line)}" for line in found), ""] if found else []


def _facts(comparison: Comparison) -> list[str]:
    lines = []
    for title, rows in facts(comparison):
        lines += [f"## {title}", "", *(f"- {for_markdown(name)}: {for_markdown(value)}" for name, value in rows), ""]
    return lines


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"
