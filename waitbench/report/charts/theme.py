"""The look of every chart. Charts are drawn in stand-in colours, which become CSS variables."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from waitbench.records.run import Target
from waitbench.records.text import for_chart

SIZE_IN = (4.6, 3.3)
"""Small, so that text is still readable when the chart is as wide as a phone."""

# Colours that matplotlib draws with. Each stands for a CSS variable.
INK, MUTED, GRID = "#010101", "#020202", "#030303"
LINES = tuple(f"#0400{n:02x}" for n in range(8))
_VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid", **{line: f"--line{n}" for n, line in enumerate(LINES)}}
MARKS, DASHES = "osD^vPX*", (
    "-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1.5, 1.5)),
    (0, (9, 2)), (0, (5, 1.5, 1.5, 1.5, 1.5, 1.5)), (0, (1.5, 3)), (0, (9, 2, 1.5, 2)),
)  # fmt: skip
FRAMEWORKS = ("flask", "django", "fastapi", "fastify", "net/http", "none")
"""Each has the colour of its position; other frameworks get the remaining colours."""
MODELS = ("threads", "gevent", "asyncio", "sync")
"""Each has the mark and the dash of its position."""

CROWDED = 6
"""With more contenders than this, a report uses its layout for many."""
FAR_APART = 20.0
"""With many contenders, a ratio above this leaves the smaller figure flat, so the axis becomes logarithmic."""
ROW_IN = 0.22
"""The height of a named row, in inches."""

PALETTE = """
:root { --ink: #1b1f24; --muted: #59636e; --grid: #d8dee4;
  --line0: #c2410c; --line1: #1d4ed8; --line2: #047857; --line3: #a21caf;
  --line4: #854d0e; --line5: #0e7490; --line6: #be123c; --line7: #4d7c0f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --muted: #9aa5b1; --grid: #30363d;
  --line0: #fb923c; --line1: #7aa2ff; --line2: #34d399; --line3: #e879f9;
  --line4: #facc15; --line5: #22d3ee; --line6: #fb7185; --line7: #a3e635; } }
"""
"""Colours that people with colour blindness can distinguish; marks and dashes differ too."""

STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "waitbench",
    "font.size": 9,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "grid.color": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
}


CEILING: Any = {"color": MUTED, "linewidth": 1, "linestyle": (0, (2, 2)), "label": "theoretical maximum"}
THOUSANDS = FuncFormatter(lambda value, _: f"{value:,.0f}")
FIGURES = FuncFormatter(lambda value, _: f"{value:,g}")


@dataclass(frozen=True)
class Look:
    """The colour of a framework, and the mark and dash of a model."""

    colour: int
    mark: int


Looks = dict[str, Look]
"""The look of each contender, by its name."""


def looks(targets: Iterable[Target]) -> Looks:
    """The looks of all contenders of a run, all different.

    If two have the same framework and model, the later one gets another mark.
    """
    every = list(targets)
    known = {target.framework for target in every}
    left = [n for n in range(len(LINES)) if n not in {FRAMEWORKS.index(name) for name in known & set(FRAMEWORKS)}]
    spare = cycle(left or range(len(LINES)))
    colours, marks = {name: n for n, name in enumerate(FRAMEWORKS)}, {name: n for n, name in enumerate(MODELS)}
    found: Looks = {}
    for target in every:
        framework = target.framework or target.name
        if framework not in colours:
            colours[framework] = next(spare)
        first = Look(colours[framework], marks.setdefault(target.model, len(marks) % len(MARKS)))
        found[target.name] = next((each for each in _from(first) if each not in found.values()), first)
    return found


def _from(first: Look) -> Iterator[Look]:
    """All looks, beginning with `first`: the marks of one colour, then those of the next."""
    for step in range(len(LINES) * len(MARKS)):
        yield Look((first.colour + step // len(MARKS)) % len(LINES), (first.mark + step) % len(MARKS))


def look(target: Target, own: Look) -> dict[str, Any]:
    return {
        "label": for_chart(target.title),
        "color": LINES[own.colour],
        "marker": MARKS[own.mark],
        "linestyle": DASHES[own.mark],
    }


def logarithmic(axis: Axis) -> None:
    """Set ticks at 1, 2 and 5. The caller sets the scale."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FIGURES)
    axis.set_minor_locator(NullLocator())


def far_apart(contenders: Sequence[float]) -> bool:
    """Whether many contenders, each with one figure, need a logarithmic axis."""
    return len(contenders) > CROWDED and min(contenders) > 0 and max(contenders) / min(contenders) > FAR_APART


def name_rows(axes: Axes, titles: Sequence[str]) -> None:
    """Label one row for each contender, from the top down, in place of a legend."""
    axes.set_yticks(range(len(titles)), [for_chart(title) for title in titles])
    axes.set_ylim(len(titles) - 0.5, -0.5)
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.set_size_inches(SIZE_IN[0], max(SIZE_IN[1], 1.0 + ROW_IN * len(titles)))
    for line in axes.get_legend_handles_labels()[0]:
        line.set_label("_")


def themed(svg: str) -> str:
    """The SVG with CSS variables for the stand-in colours, with the palette, and without a fixed size."""
    for stand_in, variable in _VARIABLES.items():
        svg = svg.replace(stand_in, f"var({variable})")
    svg = re.sub(r"font: ([\d.]+)px [^;\"]+", r"font: \1px system-ui, sans-serif", svg)
    svg = re.sub(r'(<svg [^>]*?)height="[^"]+" ([^>]*?)width="[^"]+"', r"\1\2", svg, count=1)
    svg = re.sub(r'(<svg [^>]*?)width="[^"]+" ([^>]*?)height="[^"]+"', r"\1\2", svg, count=1)
    return re.sub(r"(<svg [^>]*>)", rf"\1<style>{PALETTE}</style>", svg, count=1)
