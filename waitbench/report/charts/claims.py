"""One chart a claim: the ratio of each of its rules, between the zone that supports it and the one that refutes it."""

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
"""Heights of a rule's band, of a line of its words above it, and of all that is above and below the rules."""
LETTERS = 60
"""Of a line: more would be wider than the chart."""
BEYOND = 1.6
"""How far the axis reaches beyond what has to be seen, as a ratio."""
FARTHEST = 4.0
"""How far an interval may draw the axis beyond the ratios and the zones."""

# Told apart by their hatches too. The stand-ins are of the second and the seventh contender's line.
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
        "the zone that supports a rule is hatched, the one that refutes it dotted"
    )
    return Chart(f"claim-{verdict.claim.id}", verdict.claim.id, caption, themed(out.getvalue()))


def _words(number_of: int, ruling: Ruling) -> list[str]:
    """As lines. That a rule is untested stands here, since in its zones it could not be read."""
    told = "" if ruling.ratio else " (untested)"
    return textwrap.wrap(f"{number_of}. {for_chart(ruling.rule.says)}{told}", LETTERS)


def _rule(axes: Axes, ruling: Ruling, lines: list[str], top: float) -> None:
    """Its words, and below them its zones with its ratio in them."""
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
    """What of a zone the axis shows."""
    left, right = axes.get_xlim()
    return [(max(low, left), min(high, right)) for low, high in zone.spans]


def _reach(rulings: list[Ruling]) -> tuple[float, float]:
    """From below the least to above the greatest that has to be seen: zones' edges, ratios, and most intervals."""
    zones = [zone for each in rulings for zone in (each.rule.supported, each.rule.refuted)]
    edges = [edge for zone in zones for span in zone.spans for edge in span if 0 < edge < math.inf]
    seen = [1.0, *edges, *(each.ratio.mean for each in rulings if each.ratio)]
    low, high = min(seen), max(seen)
    bounds = [bound for each in rulings if each.ratio for bound in (each.ratio.low, each.ratio.high) if bound]
    least, most = min([low, *bounds]), max([high, *bounds])
    return max(least, low / FARTHEST) / BEYOND, min(most, high * FARTHEST) * BEYOND
