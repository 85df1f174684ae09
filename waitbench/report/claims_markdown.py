"""claims.md: the verdicts for places that show Markdown."""

from waitbench.analysis.claims import Verdict
from waitbench.analysis.comparison import Comparison
from waitbench.records.text import for_markdown
from waitbench.report.charts.chart import Chart
from waitbench.report.claim_figures import FIGURE_WORDS, HOW, JUDGED, count_words, ruling_rows
from waitbench.report.facts import absences
from waitbench.report.figures import span

COLUMNS = (
    "rule", "figure", "of", "value", "divided by", "value", "ratio", "95 % interval", "supported", "refuted", "verdict",
)  # fmt: skip


def render(comparison: Comparison, charts: list[Chart]) -> str:
    lines = [f"# Verdicts: {for_markdown(comparison.run.plan.title)}", ""]
    if comparison.state:
        lines += [f"**{for_markdown(comparison.state)}**", ""]
    lines += [HOW, "", "All figures and caveats are in [report.md](report.md).", ""]
    lines += [part for absence in absences(comparison) for part in (for_markdown(absence), "")]
    lines += [_row(("claim", "verdict", "reason")), _row(["---"] * 3)]
    for verdict in comparison.claims:
        link = f"[{for_markdown(verdict.claim.says)}](#claim-{verdict.claim.id})"
        lines.append(_row((link, f"**{verdict.judgement}**", count_words(verdict))))
    for verdict in comparison.claims:
        lines += ["", *_claim(verdict), ""]
        lines += [f"![{for_markdown(c.caption)}](charts/{c.name}.svg)" for c in charts if c.section == verdict.claim.id]
        lines += ["", f"What would change the verdict: {for_markdown(verdict.claim.would_change)}"]
    return "\n".join(lines) + "\n"


def _claim(verdict: Verdict) -> list[str]:
    """The heading of a claim, its verdict, its test, and its table."""
    claim = verdict.claim
    lines = [f'## <a id="claim-{claim.id}"></a>{for_markdown(claim.says)}', ""]
    lines += [f"**{verdict.judgement}**: {JUDGED[verdict.judgement]}.", "", for_markdown(claim.tested), ""]
    lines += [_row(COLUMNS), _row(["---"] * len(COLUMNS))]
    return lines + [_row(_cells(row)) for row in ruling_rows(verdict)]


def _cells(row: dict[str, str]) -> list[str]:
    judged = f"{row['verdict']}: {row['why']}" if row["why"] else row["verdict"]
    shown = [
        f"{row['rule']}. {row['says']}", FIGURE_WORDS[row["figure"]], row["of"], row["of_figure"] or "–",
        row["over"], row["over_figure"] or "–", row["ratio"] or "–", span(row["ratio_low"], row["ratio_high"]),
        row["supported"], row["refuted"], judged,
    ]  # fmt: skip
    return [for_markdown(text) for text in shown]


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"
