"""The chart of a search for the knee."""

from matplotlib.axes import Axes

from waitbench.analysis.knee.found import KneeSection
from waitbench.report.charts.theme import CEILING, Looks, logarithmic, look


def p99_against_rate(axes: Axes, section: KneeSection, styles: Looks) -> str:
    """Draw p99 against the offered rate, the objective, and each contender's knee; return the caption."""
    drawn = [section.objective_ms]
    for knee in section.knees:
        found = knee.p99_by_rate
        looks = look(knee.target, styles[knee.variant])
        axes.plot([rate for rate, _ in found], [ms for _, ms in found], **looks)
        drawn += [ms for _, ms in found]
        if knee.low is not None and knee.high is not None:
            axes.axvspan(knee.low, knee.high, color=looks["color"], alpha=0.25, linewidth=0)
    axes.axhline(section.objective_ms, **{**CEILING, "label": f"objective, {section.objective_ms:g} ms"})
    axes.set_yscale("log")
    # An axis of less than half a decade could show none of the ticks at 1, 2 and 5.
    axes.set_ylim(min(min(drawn) / 1.3, section.objective_ms / 2), max(max(drawn) * 1.3, section.objective_ms * 2))
    axes.set_xscale("log")
    tried = [trial.spec.load for knee in section.knees for trial in knee.trials]  # including those without a p99
    axes.set_xlim(min(tried) / 1.2, max(tried) * 1.2)
    for axis in (axes.xaxis, axes.yaxis):
        logarithmic(axis)
    axes.set_xlabel("requests/s offered")
    axes.set_ylabel("p99 (ms)")
    axes.set_title("p99 against the offered rate", loc="left")
    return f"p99 of the trials at each rate, {section.title}; the shaded ranges contain the knees, on logarithmic axes"
