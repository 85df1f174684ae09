"""The chart of the effects of framework, model and server: a panel for each measure, a row for each level."""

import math
from collections.abc import Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from waitbench.analysis.factors.design import Factor
from waitbench.analysis.factors.load_points import Factors, Measured
from waitbench.analysis.factors.model import Effect
from waitbench.analysis.statistics import Interval
from waitbench.records.text import for_chart
from waitbench.records.words import listed
from waitbench.report.charts.theme import INK, LINES, MARKS, MUTED, SIZE_IN, Looks
from waitbench.report.words.levels import heading, names

ACROSS = 2
LEVEL_IN, PANEL_IN = 0.19, 0.62
"""Heights in inches: a level of a panel, and everything else of a panel."""
REACH = 3.0
"""An axis reaches at most this many times as far as the ratios; a wider interval is cut off."""
LEAST_REACH, MARGIN = 1.15, 1.2
APART = 0.9
"""The part of a row's height over which several points are spread."""

Row = tuple[Factor, str]


def drawable(found: Factors) -> list[Measured]:
    """The measures that have anything to draw: an effect, or with interaction of three factors a simple effect."""
    return [
        each
        for each in found.measures
        if any(_ratios(each, effect) for effect in _effects(each) if effect[1].reference)
    ]


def apart(figure: Figure, found: Factors, styles: Looks) -> str:
    """Draw the ratios to the reference of each factor, with their intervals; return the caption."""
    rows: list[Row] = [(factor, level) for factor in found.factors for level in found.grouped(factor)]
    drawn = drawable(found)
    down = math.ceil(len(drawn) / ACROSS)
    figure.set_size_inches(SIZE_IN[0], down * (PANEL_IN + LEVEL_IN * len(rows)))
    panels = list(figure.subplots(down, min(ACROSS, len(drawn)), sharey=True, squeeze=False).flat)
    for axes, measured in zip(panels, drawn, strict=False):
        _panel(axes, measured, rows, _looks(found, styles))
    for axes in panels[len(drawn) :]:
        axes.set_axis_off()
    panels[0].set_yticks(range(len(rows)), [for_chart(_label(found, drawn, *row)) for row in rows])
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    higher = "; higher is better for good responses, lower for the others"
    better = higher if found.leading and not found.point.open else ""
    how = f"bars are 95 % intervals over the repeats{better}{_averages(found, drawn)}"
    references = " and to ".join(found.title(factor, found.levels(factor)[0]) for factor in found.factors)
    return (
        f"{heading(found.factors)} at {found.point.load_words}, {found.section.title}: ratios to {references} "
        f"(hollow), on logarithmic axes; {how}{'; both include the server' if found.server_included else ''}"
    )


def _effects(measured: Measured) -> list[tuple[Factor, Effect]]:
    found = measured.split.effects if measured.split else {}
    return [(factor, effect) for factor, effects in found.items() for effect in effects]


def _ratios(measured: Measured, of: tuple[Factor, Effect]) -> list[Interval]:
    """The ratios in the row of an effect: 1 for a reference; with interaction of three factors, the simple effects."""
    factor, effect = of
    if effect.ratio:
        return [effect.ratio]
    if effect.average:
        within = measured.within(factor, effect.level)
        return [each.ratio for each in within if each.reference == effect.reference]
    return [] if effect.reference else [Interval(1.0, None, None)]


def _label(found: Factors, drawn: Sequence[Measured], factor: Factor, level: str) -> str:
    """The level; with its own reference if it is not compared with that of the factor."""
    effect = next((each for measured in drawn if (each := measured.effect(factor, level)) and each.reference), None)
    other = effect is not None and not effect.confounded and effect.reference != found.levels(factor)[0]
    return found.title(factor, level) + (f" / {found.title(factor, effect.reference)}" if effect and other else "")


def _averages(found: Factors, drawn: Sequence[Measured]) -> str:
    titles = [each.measure.title for each in drawn if each.split and each.split.interaction]
    if not titles:
        return ""
    interact = f"because {names(found.factors)} interact"
    if len(found.factors) > 2:
        return f"; for {listed(titles)}, the points of a row are its simple effects, {interact}"
    return f"; dashed lines, for {listed(titles)}, are means of ratios that differ, {interact}"


def _panel(axes: Axes, measured: Measured, rows: Sequence[Row], looks: dict[Row, tuple[str, str]]) -> None:
    shown: list[Interval] = []
    for place, row in enumerate(rows):
        effect = measured.effect(*row)
        if effect is None:
            continue
        if effect.confounded:
            axes.text(1, place, "confounded", color=MUTED, fontsize=7, ha="center", va="center")
        ratios = _ratios(measured, (row[0], effect))
        colour, mark = looks[row]
        line, fill = "--" if effect.average and effect.ratio else "-", colour if effect.reference else "none"
        for nth, ratio in enumerate(ratios, 1):
            level = place + APART * (nth / (len(ratios) + 1) - 0.5)
            axes.plot(ratio.ends, [level, level], color=colour, linewidth=1.4, linestyle=line)
            axes.plot([ratio.mean], [level], color=colour, marker=mark, markerfacecolor=fill, linestyle="")
        shown += ratios
    farthest = max((abs(math.log(ratio.mean)) for ratio in shown), default=0.0)
    reach = max(LEAST_REACH, math.exp(MARGIN * farthest) * _widest(shown))
    axes.axvline(1, color=MUTED, linewidth=1)
    for place, ((one, _), (other, _)) in enumerate(pairwise(rows)):
        if one != other:
            axes.axhline(place + 0.5, color=MUTED, linewidth=0.6)
    axes.set_xscale("log")
    axes.set_xlim(1 / reach, reach)
    _ticks(axes, reach)
    axes.set_title(measured.measure.title, loc="left", fontsize=9)
    axes.grid(True, linewidth=0.6)
    axes.set_axisbelow(True)


def _widest(ratios: Sequence[Interval]) -> float:
    """The room for the intervals, as a ratio of at most REACH."""
    spans = [max(r.mean / max(r.low, 1e-9), (r.high or 0) / r.mean) for r in ratios if r.low is not None]
    return min(REACH, max([*spans, 1.0])) * 1.05


def _ticks(axes: Axes, reach: float) -> None:
    """Set only three ticks, because a panel is half as wide as a phone."""
    steps = [1.05, 1.1, 1.2, 1.5, 2, 3, 5, 10, 20, 50, 100, 1000, 10_000]
    step = max((each for each in steps if each <= reach / 1.02), default=1.05)
    axes.set_xticks([1 / step, 1, step], [f"{1 / step:.2g}", "1", f"{step:g}"])
    axes.minorticks_off()


def _looks(found: Factors, styles: Looks) -> dict[Row, tuple[str, str]]:
    """The colour and mark of each row: a framework has its colour, a model its mark, and servers look alike."""
    looks: dict[Row, tuple[str, str]] = {}
    for cell in found.cells:
        own = styles[cell.variant]
        looks.setdefault(("framework", cell.target.framework), (LINES[own.colour], "h"))
        looks.setdefault(("model", cell.target.model), (INK, MARKS[own.mark]))
        looks.setdefault(("server", cell.target.server), (INK, "d"))
    return looks
