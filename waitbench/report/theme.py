"""How every chart looks: drawn in stand-in colours, which become variables of the page."""

import re
from typing import Any

from matplotlib.ticker import FuncFormatter

from waitbench.results import Target

SIZE_IN = (4.6, 3.3)
"""Small, so that the letters are still readable where the chart is as wide as a phone."""

# Stand-ins that matplotlib draws with, and what each becomes: a variable of the page.
INK, MUTED, GRID = "#010101", "#020202", "#030303"
LINES = tuple(f"#0400{n:02x}" for n in range(8))
_VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid", **{line: f"--line{n}" for n, line in enumerate(LINES)}}
MARKS, DASHES = "osD^vPX*", ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1.5, 1.5)))

PALETTE = """
:root { --ink: #1b1f24; --muted: #59636e; --grid: #d8dee4;
  --line0: #c2410c; --line1: #1d4ed8; --line2: #047857; --line3: #a21caf;
  --line4: #854d0e; --line5: #0e7490; --line6: #be123c; --line7: #4d7c0f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --muted: #9aa5b1; --grid: #30363d;
  --line0: #fb923c; --line1: #7aa2ff; --line2: #34d399; --line3: #e879f9;
  --line4: #facc15; --line5: #22d3ee; --line6: #fb7185; --line7: #a3e635; } }
"""
"""Colours told apart by people who see few; marks and dashes differ too."""

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


CEILING: Any = {"color": MUTED, "linewidth": 1, "linestyle": (0, (2, 2)), "label": "ceiling"}
THOUSANDS = FuncFormatter(lambda value, _: f"{value:,.0f}")
FIGURES = FuncFormatter(lambda value, _: f"{value:,g}")


def look(target: Target, place: int) -> dict[str, Any]:
    return {
        "label": target.title,
        "color": LINES[place % len(LINES)],
        "marker": MARKS[place % len(MARKS)],
        "linestyle": DASHES[place % len(DASHES)],
    }


def themed(svg: str) -> str:
    """Stand-in colours become variables; sizes become the reader's; the palette comes along."""
    for stand_in, variable in _VARIABLES.items():
        svg = svg.replace(stand_in, f"var({variable})")
    svg = re.sub(r"font: ([\d.]+)px [^;\"]+", r"font: \1px system-ui, sans-serif", svg)
    svg = re.sub(r'(<svg [^>]*?)height="[^"]+" ([^>]*?)width="[^"]+"', r"\1\2", svg, count=1)
    svg = re.sub(r'(<svg [^>]*?)width="[^"]+" ([^>]*?)height="[^"]+"', r"\1\2", svg, count=1)
    return re.sub(r"(<svg [^>]*>)", rf"\1<style>{PALETTE}</style>", svg, count=1)
