"""report.md: the same report for places that show Markdown."""

from markupsafe import escape

from waitbench.answer import answers
from waitbench.cells import Cell, Point, Section
from waitbench.comparison import Comparison
from waitbench.knees import KneeSection
from waitbench.report.charts import Chart
from waitbench.report.facts import facts, shortfalls
from waitbench.report.figures import interval, knee_interval, knee_row, summary_row
from waitbench.report.words import KNEE_SHOWS, knee_word, load_title, standing_word

COLUMNS = (
    "", "{load}", "good/s", "95 % interval", "p50 ms", "p99 ms", "p99 interval", "CPU s / 1,000", "peak MiB", "stands",
)  # fmt: skip

KNEE_COLUMNS = ("", "knee, requests/s", "p99 ms there", "CPU s / 1,000 there", "trials", "stands")


def render(comparison: Comparison, charts: list[Chart]) -> str:
    lines = [f"# {escape(' '.join(comparison.run.plan['title'].split()))}", ""]
    if comparison.state:
        lines += [f"**{comparison.state}**", ""]
    lines += [f"- {line}" for line in answers(comparison)]
    for section in comparison.sections:
        lines += ["", *section_lines(section), ""]
        lines += [f"![{c.caption}](charts/{c.name}.svg)" for c in charts if c.section == section.key]
    for knees in comparison.knees:
        lines += ["", *knee_lines(knees), ""]
        lines += [f"![{c.caption}](charts/{c.name}.svg)" for c in charts if c.section == knees.key]
    lines += ["", *_doubts(comparison), *_facts(comparison)]
    return "\n".join(lines) + "\n"


def section_lines(section: Section) -> list[str]:
    """A section's heading, what it shows, and its table."""
    lines = [f"## {section.title}", "", f"It shows {section.workload.shows}.", ""]
    columns = [column.format(load=load_title(section.points)) for column in COLUMNS]
    lines += [_row(columns), _row(["---"] * len(COLUMNS))]
    return lines + [_row(_cells(cell, point)) for point in section.points for cell in point.cells]


def knee_lines(section: KneeSection) -> list[str]:
    """A search's heading, what it shows, and its table."""
    lines = [f"## {section.title}", "", KNEE_SHOWS, "", _row(KNEE_COLUMNS), _row(["---"] * len(KNEE_COLUMNS))]
    for knee in section.knees:
        row = knee_row(section, knee)
        shown = [knee.target.title, knee_interval(knee), row.get("p99_ms"), row.get("cpu_s_per_1k"), row["trials"]]
        lines.append(_row([*(text or "–" for text in shown), knee_word(section, knee)]))
    return lines


def _cells(cell: Cell, point: Point) -> list[str]:
    row = summary_row(cell)
    shown = [
        cell.target.title, row["load"], row["goodput_rps"], interval(cell.goodput, 1), row["p50_ms"] or "–",
        row["p99_ms"] or "–", interval(cell.percentile_interval("p99"), 1), row["cpu_s_per_1k"] or "–",
        row["peak_rss_mib"] or "–",
    ]  # fmt: skip
    if not cell.valid:
        shown = [shown[0], *(f"~~{text}~~" if text else "" for text in shown[1:])]
    return [*shown, standing_word(point, cell)]


def _doubts(comparison: Comparison) -> list[str]:
    found = shortfalls(comparison)
    return ["## What to doubt", "", *(f"- {line}" for line in found), ""] if found else []


def _facts(comparison: Comparison) -> list[str]:
    lines = []
    for title, rows in facts(comparison):
        lines += [f"## {title}", "", *(f"- {name}: {value}" for name, value in rows), ""]
    return lines


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"
