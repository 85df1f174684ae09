"""Charts of scenarios: a fast path with slow neighbours, and a burst over time."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from waitbench.analysis.cells import Cell
from waitbench.analysis.scenarios.bursts import Burst, BurstSection
from waitbench.analysis.scenarios.mixed import MixedPoint, MixedSection, Pair
from waitbench.report.charts.theme import CEILING, GRID, MUTED, THOUSANDS, Looks, logarithmic, look, name_rows

LEAST_SPAN = 5.0
"""A logarithmic axis with this ratio of its ends shows at least two of the ticks at 1, 2 and 5."""


def counted_pairs(section: MixedSection) -> list[Pair]:
    """The pairs of a mixed load that are drawn."""
    return [pair for point in section.points for pair in _counted(point)]


def counted_bursts(section: BurstSection) -> list[Burst]:
    """The contenders of a burst that are drawn."""
    return [burst for burst in section.bursts if burst.cell.valid]


def beside(axes: Axes, section: MixedSection, styles: Looks) -> str:
    """Draw a percentile alone and with neighbours, with both intervals; return the caption."""
    several = len(section.points) > 1
    _against_rate(axes, section, styles) if several else _at_one_rate(axes, section.top, styles)
    for label, fill in (("alone", "none"), ("with neighbours", MUTED)):
        axes.plot([], [], color=MUTED, marker="o", markerfacecolor=fill, linestyle="", label=label)
    where = "against the offered rate" if several else f"at {section.top.load_words}"
    axes.set_title(f"The fast path {where}", loc="left")
    return (
        f"{section.top.percentile} of the fast path alone and with its neighbours {where}, {section.title}; bars are "
        "95 % intervals over trials, on a logarithmic axis"
    )


def _at_one_rate(axes: Axes, point: MixedPoint, styles: Looks) -> None:
    """Draw a line for each contender, from the figure alone to that with neighbours."""
    pairs = _counted(point)
    drawn: list[float] = []
    for place, pair in enumerate(pairs):
        ends = [(cell, *end) for cell in pair.cells if (end := _end(cell, point.percentile))]
        looks = look(pair.first.target, styles[pair.variant])
        axes.plot([ms for _, ms, _, _ in ends], [place] * len(ends), color=looks["color"], linewidth=1)
        for cell, ms, below, above in ends:
            axes.errorbar([ms], [place], xerr=[[below], [above]], capsize=4, **{**_mark(looks, cell), "linestyle": ""})
            drawn += [ms - below, ms + above]
    name_rows(axes, [pair.first.target.title for pair in pairs])
    axes.set_xlabel(f"{point.percentile} (ms)")
    axes.set_xscale("log")
    axes.set_xlim(*_about(drawn))
    logarithmic(axes.xaxis)


def _against_rate(axes: Axes, section: MixedSection, styles: Looks) -> None:
    """Draw two lines for each contender, alone and with neighbours."""
    name = section.top.percentile
    pairs: dict[str, list[Pair]] = {}
    for pair in counted_pairs(section):
        pairs.setdefault(pair.variant, []).append(pair)
    drawn: list[float] = []
    for variant, own in pairs.items():
        for cells in ([pair.alone for pair in own], [pair.beside for pair in own]):
            ends = [(cell, *end) for cell in cells if cell and (end := _end(cell, name))]
            for cell, ms, below, above in ends[:1]:  # one label for each line
                axes.plot([], [], **_mark(look(cell.target, styles[variant]), cell))
                drawn += [ms - below, ms + above]
            if ends:
                looks = {**_mark(look(ends[0][0].target, styles[variant]), ends[0][0]), "label": None}
                bars = [[below for *_, below, _ in ends], [above for *_, above in ends]]
                axes.errorbar([c.load for c, *_ in ends], [ms for _, ms, _, _ in ends], yerr=bars, capsize=3, **looks)
                drawn += [edge for _, ms, below, above in ends for edge in (ms - below, ms + above)]
    loads = [point.load for point in section.points]
    axes.set_xscale("log")
    axes.set_xticks(loads, [f"{load:g}" for load in loads])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("requests/s offered")
    axes.set_ylabel(f"{name} (ms)")
    axes.set_yscale("log")
    axes.set_ylim(*_about(drawn))
    logarithmic(axes.yaxis)


def _counted(point: MixedPoint) -> list[Pair]:
    return [pair for pair in point.pairs if pair.valid]


def goodput(axes: Axes, section: BurstSection, styles: Looks) -> str:
    """Draw goodput over time, with the offered rate; return the caption."""
    stages = section.spec.stages
    edges = [section.calm.begin_s + sum(stage.seconds for stage in stages[:n]) for n in range(len(stages) + 1)]
    axes.stairs([stage.rate for stage in stages], edges, baseline=None, **{**CEILING, "label": "offered"})
    for burst in counted_bursts(section):
        series = burst.goodput_over_time
        axes.plot([s for s, _ in series], [rps for _, rps in series], **_line(burst, styles))
        if (at := _recovered_at(section, burst)) is not None:
            axes.plot([at], [_value_at(series, at)], **_recovery(burst, styles))
    _over_time(axes, section)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(THOUSANDS)
    axes.set_ylabel("good responses per second")
    axes.set_title("Goodput over time", loc="left")
    return f"Good responses per second, {section.title}; {_HOW}"


def latency(axes: Axes, section: BurstSection, styles: Looks) -> str:
    """Draw p99 over the time at which requests were due; return the caption."""
    drawn: list[float] = []
    for burst in counted_bursts(section):
        series = burst.p99_over_time
        axes.plot([s for s, _ in series], [ms for _, ms in series], **_line(burst, styles))
        drawn += [ms for _, ms in series if math.isfinite(ms)]
        if (at := _recovered_at(section, burst)) is not None:
            axes.plot([at], [_value_at(series, at)], **_recovery(burst, styles))
    _over_time(axes, section)
    axes.set_yscale("log")
    axes.set_ylim(*_about(drawn))
    logarithmic(axes.yaxis)
    axes.set_ylabel("p99 (ms)")
    axes.set_title("Latency over time", loc="left")
    return (
        f"p99 of the requests due in each part of a second, {section.title}, on a logarithmic axis; {_HOW}; a line "
        "is interrupted where requests failed or were shed"
    )


_HOW = "median over trials, the overload is shaded, a mark shows where a contender has recovered (mean over trials)"


def _over_time(axes: Axes, section: BurstSection) -> None:
    axes.axvspan(section.overload.begin_s, section.overload.end_s, color=GRID, alpha=0.5, linewidth=0, label="overload")
    axes.set_xlim(0, section.after.end_s)
    axes.set_xlabel("second of the trial")


def _line(burst: Burst, styles: Looks) -> dict[str, Any]:
    return {**look(burst.cell.target, styles[burst.variant]), "marker": "", "linewidth": 1.3}


def _recovery(burst: Burst, styles: Looks) -> dict[str, Any]:
    return {**look(burst.cell.target, styles[burst.variant]), "linestyle": "", "label": None, "markersize": 7}


def _recovered_at(section: BurstSection, burst: Burst) -> float | None:
    return section.after.begin_s + burst.recovery.mean if burst.recovery else None


def _value_at(series: Sequence[tuple[float, float]], at_s: float) -> float:
    """The value of the nearest bin."""
    return min(series, key=lambda each: abs(each[0] - at_s))[1]


def _end(cell: Cell, name: str) -> tuple[float, float, float] | None:
    """A percentile in ms and the length of its interval below and above it; None if the percentile is unknown."""
    found = cell.percentile_interval(name)
    if found is None:
        return None
    if found.low is None or found.high is None:
        return found.mean, 0.0, 0.0
    return found.mean, found.mean - found.low, found.high - found.mean


def _mark(looks: dict[str, Any], cell: Cell) -> dict[str, Any]:
    """The look of a cell: without neighbours it is hollow and has no label of its own."""
    return {**looks, "markerfacecolor": "none", "label": None} if cell.spec.alone else looks


def _about(drawn: Sequence[float]) -> tuple[float, float]:
    """The limits of an axis, with a margin below the lowest and above the highest value."""
    low, high = (min(drawn) / 1.3, max(drawn) * 1.3) if drawn else (1.0, 100.0)
    wider = max(1.0, math.sqrt(LEAST_SPAN / (high / low)))
    return low / wider, high * wider
