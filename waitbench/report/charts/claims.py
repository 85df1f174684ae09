"""One chart for each claim: the ratio of each rule, with the zones that support and refute the rule."""

import io
import math
import textwrap
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from waitbench.analysis.claims import Ruling, Verdict
from waitbench.analysis.comparison import Comparison
from waitbench.plan.zone import Zone
from waitbench.records.text import for_chart
from waitbench.report.charts.chart import Chart
from waitbench.report.charts.theme import INK, LINES, MUTED, SIZE_IN, STYLE, logarithmic, themed

ROW_IN, LINE_IN, EDGES_IN = 0.36, 0.16, 0.95
"""Heights in inches: the band of a rule, a line of its text, and everything above and below the rules."""
LETTERS = 60
"""The most characters in a line that is not wider than the chart."""
BEYOND = 1.6
"""The margin of the axis beyond the values that must be visible, as a ratio."""
FARTHEST = 4.0
"""The most that an interval may extend the axis beyond the ratios and the zones, as a ratio."""

# The hatches differ too, not only the colours, which are those of the third and the seventh line of the palette.
SUPPORTED: dict[str, Any] = {"facecolor": "none", "edgecolor": LINES[2], "hatch": "////", "linewidth": 0.8}
REFUTED: dict[str, Any] = {"facecolor": "none", "edgecolor": LINES[6], "hatch": "....", "linewidth": 0.8}
MARKS = {"supported": "o", "refuted": "X", "inconclusive": "D"}


def draw(comparison: Comparison) -> list[Chart]:
    with matplotlib.rc_context({**STYLE, "hatch.linewidth": 0.6}):
        return [_chart(verdict) for verdict in comparison.claims]


def _chart(verdict: Verdict) -> Chart:
    words = [_words(number_of, ruling) for number_of, ruling in enumerate(verdict.rulings, 1)]
    heights = [ROW_IN + LINE_IN * len(lines) for lines in words]
    figure = Figure(figsize=(SIZE_IN[0], EDGES_IN + sum(heights)), layout="constrained")
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.set_xlim(*_reach(verdict.rulings))
    axes.set_ylim(sum(heights), 0)
    top = 0.0
    for ruling, lines, height in zip(verdict.rulings, words, heights, strict=True):
        _rule(axes, ruling, lines, top)
        top += height
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    logarithmic(axes.xaxis)
    axes.set_xlabel("ratio")
    axes.set_title("Ratios and zones", loc="left")
    key = [Patch(**SUPPORTED, label="supports"), Patch(**REFUTED, label="refutes")]
    figure.legend(handles=key, loc="outside lower center", ncols=2, fontsize=8)
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    caption = (
        f"The ratios of {verdict.claim.id} by rule, on a logarithmic axis; bars are 95 % intervals over repeats; "
        "the zone that supports a rule is hatched, and the zone that refutes it is dotted"
    )
    return Chart(f"claim-{verdict.claim.id}", verdict.claim.id, caption, themed(out.getvalue()))


def _words(number_of: int, ruling: Ruling) -> list[str]:
    """The rule's sentence as lines. It says "untested" here, because text inside the zones would be unreadable."""
    untested = "" if ruling.ratio else " (untested)"
    return textwrap.wrap(f"{number_of}. {for_chart(ruling.rule.says)}{untested}", LETTERS)


def _rule(axes: Axes, ruling: Ruling, lines: list[str], top: float) -> None:
    """Draw the rule's text, and below it the zones and the ratio."""
    axes.text(0.0, top, "\n".join(lines), transform=axes.get_yaxis_transform(), va="top", fontsize=8.5, color=INK)
    band = top + LINE_IN * len(lines)
    for zone, colours in ((ruling.rule.supported, SUPPORTED), (ruling.rule.refuted, REFUTED)):
        for low, high in _seen(axes, zone):
            axes.add_patch(Rectangle((low, band), high - low, ROW_IN * 0.7, **colours, zorder=2))
    axes.vlines([1], band, band + ROW_IN * 0.7, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
    middle, ratio = band + ROW_IN * 0.35, ruling.ratio
    if ratio is None:
        return
    spread = [] if ratio.low is None or ratio.high is None else [[ratio.mean - ratio.low], [ratio.high - ratio.mean]]
    looks: dict[str, Any] = {
        "color": INK,
        "marker": MARKS[ruling.judgement],
        "markersize": 6,
        "capsize": 3,
        "linestyle": "",
    }
    hollow: dict[str, Any] = {"markerfacecolor": "none"} if ruling.judgement == "inconclusive" else {}
    axes.errorbar([ratio.mean], [middle], xerr=spread or None, zorder=3, **looks, **hollow)


def _seen(axes: Axes, zone: Zone) -> list[tuple[float, float]]:
    """The parts of a zone that the axis shows."""
    left, right = axes.get_xlim()
    return [(max(low, left), min(high, right)) for low, high in zone.spans]


def _reach(rulings: list[Ruling]) -> tuple[float, float]:
    """The limits of the axis. They include the edges of zones, the ratios, and most of the intervals."""
    zones = [zone for each in rulings for zone in (each.rule.supported, each.rule.refuted)]
    edges = [edge for zone in zones for span in zone.spans for edge in span if 0 < edge < math.inf]
    seen = [1.0, *edges, *(each.ratio.mean for each in rulings if each.ratio)]
    low, high = min(seen), max(seen)
    bounds = [bound for each in rulings if each.ratio for bound in (each.ratio.low, each.ratio.high) if bound]
    least, most = min([low, *bounds]), max([high, *bounds])
    return max(least, low / FARTHEST) / BEYOND, min(most, high * FARTHEST) * BEYOND
