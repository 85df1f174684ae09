"""All charts of a report, in reading order."""

import io
import math
from collections.abc import Callable

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from waitbench.analysis.comparison import Comparison
from waitbench.analysis.factors.load_points import Factors
from waitbench.analysis.knee.found import KneeSection
from waitbench.analysis.points import Section
from waitbench.analysis.scenarios.bursts import BurstSection
from waitbench.analysis.scenarios.mixed import MixedSection
from waitbench.report.charts import factors, scenarios
from waitbench.report.charts.chart import Chart
from waitbench.report.charts.knee import p99_against_rate
from waitbench.report.charts.loads import PLOTS
from waitbench.report.charts.theme import (
    ROW_IN,
    SIZE_IN,
    STYLE,
    Looks,
    looks,
    themed,
)

matplotlib.use("svg")


def draw(comparison: Comparison) -> list[Chart]:
    """All charts of a report, in reading order.

    A section has four, and one more for its factors. A mixed load or a search has one, a burst two.
    A chart without data is left out, because empty axes look like a result.
    """
    styles = looks(comparison.variants)
    charts = []
    with matplotlib.rc_context(STYLE):
        for section in comparison.sections:
            charts += [_chart(section, styles, kind, plot) for kind, (plot, drawn) in PLOTS.items() if drawn(section)]
            found = comparison.factors_of(section)
            if found and factors.drawable(found):
                charts.append(_factors(found, styles))
        for mixed in filter(scenarios.counted_pairs, comparison.mixed):
            charts.append(_chart(mixed, styles, "beside", scenarios.beside))
        for burst in filter(scenarios.counted_bursts, comparison.bursts):
            charts.append(_chart(burst, styles, "goodput", scenarios.goodput))
            charts.append(_chart(burst, styles, "latency", scenarios.latency))
        for knees in comparison.knees:
            if any(knee.p99_by_rate for knee in knees.knees):
                charts.append(_chart(knees, styles, "p99", p99_against_rate))
    return charts


def _chart(
    section: Section | MixedSection | BurstSection | KneeSection,
    styles: Looks,
    kind: str,
    plot: Callable[..., str],
) -> Chart:
    figure = Figure(figsize=SIZE_IN, layout="constrained")
    axes = figure.subplots()
    caption = plot(axes, section, styles)
    axes.grid(True, linewidth=0.6)
    axes.set_axisbelow(True)
    _legend(figure, axes)
    return Chart(f"{section.key}-{kind}", section.key, caption, _svg(figure))


def _factors(found: Factors, styles: Looks) -> Chart:
    figure = Figure(layout="constrained")
    caption = factors.apart(figure, found, styles)
    return Chart(f"{found.section.key}-factors", f"{found.section.key}-factors", caption, _svg(figure))


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return themed(out.getvalue())


def _legend(figure: Figure, axes: Axes) -> None:
    """Draw the legend below the axes, where none of its marks looks like a data point."""
    if names := len(axes.get_legend_handles_labels()[1]):
        width, height = figure.get_size_inches()
        figure.set_size_inches(width, height + ROW_IN * math.ceil(names / 2))
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, handlelength=3.2)
