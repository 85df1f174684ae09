"""The charts of a workload over its loads."""

from collections.abc import Callable, Sequence
from statistics import median

from matplotlib.axes import Axes

from waitbench.analysis.cells import Cell
from waitbench.analysis.points import Point, Section
from waitbench.catalog.percentiles import TAIL_SAMPLES
from waitbench.records import histogram
from waitbench.report.charts.theme import CEILING, GRID, THOUSANDS, Looks, far_apart, logarithmic, look, name_rows
from waitbench.report.words import load_title


def _throughput(axes: Axes, section: Section, styles: Looks) -> str:
    """Good answers against users, with what arithmetic allows."""
    if len(section.points) == 1:
        return _throughput_at_one_load(axes, section, styles)
    for variant, cells in _by_variant(section):
        mean = [cell.goodput.mean for cell in cells]
        bars = list(zip(*(_bars(cell) for cell in cells), strict=True))
        axes.errorbar(
            [cell.load for cell in cells], mean, yerr=bars, capsize=3, **look(cells[0].target, styles[variant])
        )
    ceilings = [(point.load, rps) for point in section.points if (rps := _common_ceiling(point)) is not None]
    if ceilings:
        axes.plot(*zip(*ceilings, strict=True), **CEILING)
    loads = [point.load for point in section.points]
    axes.set_xscale("log")
    axes.set_xticks(loads, [f"{load:g}" for load in loads])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(THOUSANDS)
    means = [cell.goodput.mean for point in section.points for cell in _counted(point)]
    scale = _from_nought(
        axes, means + [rps for _, rps in ceilings], [cell.goodput.mean for cell in _counted(section.top)]
    )
    axes.set_xlabel(load_title(section.points))
    axes.set_ylabel("good answers per second")
    axes.set_title(f"Throughput against {load_title(section.points)}", loc="left")
    against = load_title(section.points)
    return f"Good answers per second against {against}, {section.title}; bars are 95 % intervals over trials{scale}"


def _throughput_at_one_load(axes: Axes, section: Section, styles: Looks) -> str:
    """A point for each contender, where there is no second load to draw a line to."""
    point = section.top
    counted = _counted(point)
    for place, cell in enumerate(counted):
        low, high = _bars(cell)
        looks = {**look(cell.target, styles[cell.variant]), "linestyle": ""}
        axes.errorbar([cell.goodput.mean], [place], xerr=[[low], [high]], capsize=4, **looks)
    name_rows(axes, [cell.target.title for cell in counted])
    if (rps := _common_ceiling(point)) is not None:
        axes.axvline(rps, **CEILING)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(THOUSANDS)
    axes.set_xlabel("good answers per second")
    axes.set_title(f"Throughput, {point.load_words}", loc="left")
    return f"Good answers per second at {point.load_words}, {section.title}; bars are 95 % intervals over trials"


def _percentiles(axes: Axes, section: Section, styles: Looks) -> str:
    """Latency by percentile on an axis of log 1/(1-p), as far as each sample carries."""
    point = section.top
    sampled = _sampled(point)
    curves = [_curve(cell) for cell in sampled]
    for cell, curve in zip(sampled, curves, strict=True):
        looks = {**look(cell.target, styles[cell.variant]), "marker": ""}
        axes.plot([tail for tail, _ in curve], [ms for _, ms in curve], **looks)
    axes.set_xscale("log")
    shown = [1, 2, 10, 100, 1000, 10_000]
    reach = max(cell.samples / TAIL_SAMPLES for cell in sampled)
    ticks = [tick for tick in shown if tick <= max(10, reach)]
    axes.set_xticks(ticks, ["min" if tick == 1 else f"p{100 - 100 / tick:g}" for tick in ticks])
    axes.minorticks_off()
    drawn = [ms for curve in curves for _, ms in curve]
    scale = _from_nought(axes, drawn, [curve[-1][1] for curve in curves])
    axes.set_xlabel("percentile")
    axes.set_ylabel("latency (ms)")
    axes.set_title(f"Latency by percentile, {point.load_words}", loc="left")
    return f"Latency by percentile at {point.load_words}, {section.title}; each line ends where its sample does{scale}"


def _over_time(axes: Axes, section: Section, styles: Looks) -> str:
    """p99 of each second from the start of the warm-up: the median over trials."""
    point = section.top
    ends = {cell.variant: _seconds(cell) for cell in _counted(point)}
    for cell in _counted(point):
        seconds = ends[cell.variant]
        axes.plot([s for s, _ in seconds], [ms for _, ms in seconds], **look(cell.target, styles[cell.variant]))
    window = next((t for cell in point.cells for t in cell.trials), None)
    if window:
        begin = window.window_offset_s
        axes.axvspan(begin, begin + window.window_s, color=GRID, alpha=0.5, linewidth=0, label="measured")
    drawn = [ms for seconds in ends.values() for _, ms in seconds]
    scale = _from_nought(axes, drawn, [max(ms for _, ms in seconds) for seconds in ends.values() if seconds])
    axes.set_xlabel("second of the trial")
    axes.set_ylabel("p99 (ms)")
    axes.set_title(f"Latency over time, {point.load_words}", loc="left")
    told = "the median over trials, the measured window shaded"
    return f"p99 of each second at {point.load_words}, {section.title}: {told}{scale}"


def _cost(axes: Axes, section: Section, styles: Looks) -> str:
    """Processor against memory, a point for each contender."""
    point = section.top
    costed = _costed(point)
    for cell, kib, cpu_s in costed:
        looks = {**look(cell.target, styles[cell.variant]), "linestyle": "", "markersize": 8}
        axes.plot([kib], [cpu_s], **looks)
    memory, processor = [kib for _, kib, _ in costed], [cpu_s for *_, cpu_s in costed]
    axes.set_xlim(0, 1.2 * max(memory) or 1)
    axes.set_ylim(0, 1.2 * max(processor) or 1)
    axes.xaxis.set_major_formatter(THOUSANDS)
    if far_apart(memory):
        axes.set(xscale="log", xlim=_about(memory))
        logarithmic(axes.xaxis)
    if far_apart(processor):
        axes.set(yscale="log", ylim=_about(processor))
        logarithmic(axes.yaxis)
    scale = "; logarithmic where some are far apart" if far_apart(memory) or far_apart(processor) else ""
    axes.set_xlabel("KiB for a request in flight")
    axes.set_ylabel("CPU s for 1,000 answers")
    axes.set_title(f"Cost, {point.load_words}", loc="left")
    unknown = [cell.target.title for cell in _counted(point) if cell.kib_per_request is None]
    without = f"; no memory for a request is known of {', '.join(unknown)}" if unknown else ""
    return f"Processor against memory at {point.load_words}, {section.title}; lower left is cheaper{scale}{without}"


def _from_nought(axes: Axes, drawn: Sequence[float], contenders: Sequence[float]) -> str:
    """The axis of a figure that can't be below nought, and what the caption has to say of it."""
    if not far_apart(contenders):
        axes.set_ylim(bottom=0)
        return ""
    axes.set_yscale("log")
    axes.set_ylim(*_about(drawn))
    logarithmic(axes.yaxis)
    return "; on a logarithmic axis"


def _about(drawn: Sequence[float]) -> tuple[float, float]:
    return min(drawn) / 1.3, max(drawn) * 1.3


def _curve(cell: Cell) -> list[tuple[float, float]]:
    """(1/(1-p), ms) up to the last percentile with ten samples beyond it."""
    last = max(2.0, cell.samples / TAIL_SAMPLES)
    tails = [last ** (n / 60) for n in range(61)]
    at_us = histogram.percentiles_us(cell.histogram, [100 - 100 / tail for tail in tails])
    return [(tail, us / 1000) for tail, us in zip(tails, at_us, strict=True)]


def _seconds(cell: Cell) -> list[tuple[float, float]]:
    by_second: dict[int, list[int]] = {}
    for trial in cell.trials:
        for second in trial.timeline:
            if second.p99_us is not None:
                by_second.setdefault(second.second, []).append(second.p99_us)
    return [(second + 0.5, median(values) / 1000) for second, values in sorted(by_second.items())]


def _common_ceiling(point: Point) -> float | None:
    """What arithmetic allows, where it allows all the same."""
    rates = {cell.ceiling.rps if cell.ceiling else None for cell in point.cells}
    return rates.pop() if len(rates) == 1 else None


def _counted(point: Point) -> list[Cell]:
    """A figure that does not count is not drawn: a line looks like an answer."""
    return [cell for cell in point.cells if cell.valid]


def _sampled(point: Point) -> list[Cell]:
    return [cell for cell in _counted(point) if cell.samples]


def _costed(point: Point) -> list[tuple[Cell, float, float]]:
    """Those of which both costs are known, with KiB for a request and CPU seconds for 1,000 answers."""
    return [
        (cell, kib, cpu_s)
        for cell in _counted(point)
        if (kib := cell.kib_per_request) is not None and (cpu_s := cell.cpu_s_per_1k) is not None
    ]


def _by_variant(section: Section) -> list[tuple[str, list[Cell]]]:
    names = dict.fromkeys(cell.variant for point in section.points for cell in point.cells)
    return [(name, counted) for name in names if (counted := [c for c in section.cells_of(name) if c.valid])]


def _bars(cell: Cell) -> tuple[float, float]:
    """How far the interval reaches below and above the mean; nothing where there is none."""
    mean, low, high = cell.goodput.mean, cell.goodput.low, cell.goodput.high
    return (max(0.0, mean - low), max(0.0, high - mean)) if low is not None and high is not None else (0.0, 0.0)


PLOTS: dict[str, tuple[Callable[[Axes, Section, Looks], str], Callable[[Section], Sequence[object]]]] = {
    "throughput": (_throughput, _by_variant),
    "percentiles": (_percentiles, lambda section: _sampled(section.top)),
    "time": (_over_time, lambda section: _counted(section.top)),
    "cost": (_cost, lambda section: _costed(section.top)),
}
"""Each kind of chart with what there is to draw in it."""
