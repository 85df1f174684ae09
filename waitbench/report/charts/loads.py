"""The charts of a workload under its loads."""

from collections.abc import Callable, Sequence
from statistics import median

from matplotlib.axes import Axes

from waitbench.analysis.cells import Cell
from waitbench.analysis.points import Point, Section
from waitbench.catalog.percentiles import TAIL_SAMPLES
from waitbench.records import histogram
from waitbench.report.charts.theme import CEILING, GRID, THOUSANDS, Looks, far_apart, logarithmic, look, name_rows
from waitbench.report.words.sections import load_title


def _throughput(axes: Axes, section: Section, styles: Looks) -> str:
    """Draw goodput against the load, with the theoretical maximum; return the caption."""
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
    scale = _from_zero(
        axes, means + [rps for _, rps in ceilings], [cell.goodput.mean for cell in _counted(section.top)]
    )
    axes.set_xlabel(load_title(section.points))
    axes.set_ylabel("good responses per second")
    axes.set_title(f"Throughput against {load_title(section.points)}", loc="left")
    against = load_title(section.points)
    return f"Good responses per second against {against}, {section.title}; bars are 95 % intervals over trials{scale}"


def _throughput_at_one_load(axes: Axes, section: Section, styles: Looks) -> str:
    """Draw a point for each contender, because a line needs a second load; return the caption."""
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
    axes.set_xlabel("good responses per second")
    axes.set_title(f"Throughput, {point.load_words}", loc="left")
    return f"Good responses per second at {point.load_words}, {section.title}; bars are 95 % intervals over trials"


def _percentiles(axes: Axes, section: Section, styles: Looks) -> str:
    """Draw latency by percentile on an axis of log 1/(1-p), as far as each sample allows; return the caption."""
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
    scale = _from_zero(axes, drawn, [curve[-1][1] for curve in curves])
    axes.set_xlabel("percentile")
    axes.set_ylabel("latency (ms)")
    axes.set_title(f"Latency by percentile, {point.load_words}", loc="left")
    ends = "each line ends where its sample is too small"
    return f"Latency by percentile at {point.load_words}, {section.title}; {ends}{scale}"


def _over_time(axes: Axes, section: Section, styles: Looks) -> str:
    """Draw the p99 of each second from the start of the warm-up (median over trials); return the caption."""
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
    scale = _from_zero(axes, drawn, [max(ms for _, ms in seconds) for seconds in ends.values() if seconds])
    axes.set_xlabel("second of the trial")
    axes.set_ylabel("p99 (ms)")
    axes.set_title(f"Latency over time, {point.load_words}", loc="left")
    how = "median over trials, the measured window is shaded"
    return f"p99 of each second at {point.load_words}, {section.title}; {how}{scale}"


def _cost(axes: Axes, section: Section, styles: Looks) -> str:
    """Draw CPU time against memory, a point for each contender; return the caption."""
    point = section.top
    costed = _costed(point)
    for cell, kib, cpu_s in costed:
        looks = {**look(cell.target, styles[cell.variant]), "linestyle": "", "markersize": 8}
        axes.plot([kib], [cpu_s], **looks)
    memory, cpu = [kib for _, kib, _ in costed], [cpu_s for *_, cpu_s in costed]
    axes.set_xlim(0, 1.2 * max(memory) or 1)
    axes.set_ylim(0, 1.2 * max(cpu) or 1)
    axes.xaxis.set_major_formatter(THOUSANDS)
    if far_apart(memory):
        axes.set(xscale="log", xlim=_about(memory))
        logarithmic(axes.xaxis)
    if far_apart(cpu):
        axes.set(yscale="log", ylim=_about(cpu))
        logarithmic(axes.yaxis)
    scale = "; logarithmic where figures are far apart" if far_apart(memory) or far_apart(cpu) else ""
    axes.set_xlabel("KiB per in-flight request")
    axes.set_ylabel("CPU s per 1,000 responses")
    axes.set_title(f"Cost, {point.load_words}", loc="left")
    unknown = [cell.target.title for cell in _counted(point) if cell.kib_per_request is None]
    without = f"; memory per request is unknown for {', '.join(unknown)}" if unknown else ""
    return f"CPU time against memory at {point.load_words}, {section.title}; lower left is cheaper{scale}{without}"


def _from_zero(axes: Axes, drawn: Sequence[float], contenders: Sequence[float]) -> str:
    """Scale the y axis of a figure that is never negative; return a note for the caption."""
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
    """Pairs of 1/(1-p) and milliseconds, up to the last percentile with ten samples beyond it."""
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
    """The theoretical maximum in requests per second, if it is the same for all."""
    rates = {cell.ceiling.rps if cell.ceiling else None for cell in point.cells}
    return rates.pop() if len(rates) == 1 else None


def _counted(point: Point) -> list[Cell]:
    """The valid cells. An invalid figure is not drawn, because a line looks like a result."""
    return [cell for cell in point.cells if cell.valid]


def _sampled(point: Point) -> list[Cell]:
    return [cell for cell in _counted(point) if cell.samples]


def _costed(point: Point) -> list[tuple[Cell, float, float]]:
    """The cells with both costs known: KiB per in-flight request and CPU seconds per 1,000 responses."""
    return [
        (cell, kib, cpu_s)
        for cell in _counted(point)
        if (kib := cell.kib_per_request) is not None and (cpu_s := cell.cpu_s_per_1k) is not None
    ]


def _by_variant(section: Section) -> list[tuple[str, list[Cell]]]:
    names = dict.fromkeys(cell.variant for point in section.points for cell in point.cells)
    return [(name, counted) for name in names if (counted := [c for c in section.cells_of(name) if c.valid])]


def _bars(cell: Cell) -> tuple[float, float]:
    """The length of the interval below and above the mean; zeros without an interval."""
    mean, low, high = cell.goodput.mean, cell.goodput.low, cell.goodput.high
    return (max(0.0, mean - low), max(0.0, high - mean)) if low is not None and high is not None else (0.0, 0.0)


PLOTS: dict[str, tuple[Callable[[Axes, Section, Looks], str], Callable[[Section], Sequence[object]]]] = {
    "throughput": (_throughput, _by_variant),
    "percentiles": (_percentiles, lambda section: _sampled(section.top)),
    "time": (_over_time, lambda section: _counted(section.top)),
    "cost": (_cost, lambda section: _costed(section.top)),
}
"""For each kind of chart, the function that draws it and one that returns its data. Without data it is left out."""
