"""`waitbench size`: recommend processes, threads, pool and memory for a rate and a p99, and measure them."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from waitbench.catalog.variants import Variant, load_variants
from waitbench.cli import completion
from waitbench.cli.options import RESULTS, random_seed, require_variant
from waitbench.cli.options import folder as results_folder
from waitbench.errors import INVALID, UsageError
from waitbench.launch import interrupts
from waitbench.launch.programs import missing
from waitbench.records.text import for_terminal

if TYPE_CHECKING:
    from waitbench.run.size import Sizer, Sizing

RATE = (25.0, 20_000.0)
WAIT_MS = (1, 3000)
P99_MS_MAX = 30_000.0


@click.command()
@click.option("--rate", type=float, required=True, metavar="R", help="Requests per second, 25 or more.")
@click.option("--wait-ms", type=int, required=True, metavar="MS", help="How long each request waits, 1 to 3,000 ms.")
@click.option("--p99-ms", type=float, required=True, metavar="MS", help="The objective: 99 % of requests are faster.")
@click.option("--variant", "names", multiple=True, metavar="V", shell_complete=completion.variants,
              help="Size this variant (may be repeated); by default the three that Compose starts.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--out", type=click.Path(path_type=Path), callback=results_folder, default=RESULTS,
              show_default="./results", help="Folder in which the runs' folders are made.")  # fmt: skip
def size(rate: float, wait_ms: int, p99_ms: float, names: tuple[str, ...], as_json: bool, out: Path) -> None:
    """Recommend processes, threads or connections, pool and memory for a service, and confirm it by a measurement.

    It takes about two minutes for each variant: a short calibration, then three trials of the recommended
    configuration and three of a smaller one. docs/size-workers.md explains the arithmetic.

    Exits 0 if the recommended configuration meets the objective and the smaller one does not, 3 if that is not
    confirmed, 130 after Ctrl-C. What was measured is kept and printed in every case.
    """
    _require_goal(rate, wait_ms, p99_ms)
    variants = _sizeable(names)
    from rich.console import Console

    from waitbench.analysis.sizing.recommendation import Goal
    from waitbench.run.size import Sizer

    sizer = Sizer(Goal(rate, wait_ms, p99_ms), variants, load_variants(), out, random_seed(), Console(stderr=True))
    interrupts.raise_interrupted()
    try:
        sizer.size(_show_nothing if as_json else _show_arithmetic)
    finally:
        _show(sizer, as_json)
    sys.exit(0 if all(sizing.confirmed for sizing in sizer.found) else INVALID)


def _require_goal(rate: float, wait_ms: int, p99_ms: float) -> None:
    """Raises UsageError if the goal cannot be measured in the time that the command takes."""
    low, high = RATE
    if not low <= rate <= high:
        why = (
            "a p99 needs 1,000 requests, which take too long at a lower rate" if rate < low else "divide a higher rate"
        )
        raise UsageError(f"--rate {rate:g} is out of range; give {low:g} to {high:,.0f} requests per second: {why}")
    if not WAIT_MS[0] <= wait_ms <= WAIT_MS[1]:
        raise UsageError(
            f"--wait-ms {wait_ms} is out of range; give {WAIT_MS[0]} to {WAIT_MS[1]:,}: each trial lasts several waits"
        )
    if not p99_ms > wait_ms:
        raise UsageError(f"--p99-ms {p99_ms:g} can't be met: each request waits {wait_ms} ms already; give more")
    if not p99_ms <= P99_MS_MAX:
        raise UsageError(f"--p99-ms {p99_ms:g} is out of range; give at most {P99_MS_MAX:,.0f}")


def _sizeable(names: tuple[str, ...]) -> list[Variant]:
    """Return the variants to size. Raises UsageError for one that has no size, or cannot run here."""
    known = load_variants()
    for name in names:
        require_variant(name, known)
    chosen = names or [name for name, variant in known.items() if _is_default(variant)]
    variants = [known[name] for name in dict.fromkeys(chosen)]
    for variant in variants:
        if why := _unsizeable(variant):
            raise UsageError(f"{variant.name} can't be sized: {why}")
        if why := missing(variant):
            raise UsageError(f"{variant.name} can't be run here: {why}")
    return variants


def _is_default(variant: Variant) -> bool:
    """Whether Compose always starts it."""
    return variant.kind == "contender" and variant.containers and not variant.profile


def _unsizeable(variant: Variant) -> str:
    """Return why a variant has no size to recommend, with advice; "" if it has one."""
    if variant.kind == "instrument":
        return "it is an instrument, not a service; `waitbench list variants` shows contenders"
    if variant.kind == "trap":
        return f"it is wrong on purpose: {variant.trap}. Size a contender: `waitbench list variants` shows them"
    if variant.budget["workers"] > 1:
        return f"it always has {variant.budget['workers']} processes; size a variant with one"
    if variant.budget.get("in_flight") == 1:
        return (
            "each of its processes serves one request at a time, so it takes rate x wait processes and more. Size a "
            "variant with threads, greenlets or coroutines"
        )
    return "" if variant.resizable else "it has no limit in flight and no pool, so there is nothing to recommend"


def _show_nothing(_: "Sizing") -> None:
    """JSON comes at the end, whole."""


def _show_arithmetic(sizing: "Sizing") -> None:
    from waitbench.analysis.sizing.lines import arithmetic_lines

    for line in arithmetic_lines(sizing.recommended):
        click.echo(for_terminal(line))


def _show(sizer: "Sizer", as_json: bool) -> None:
    """Print what was measured, also if the command was interrupted."""
    from waitbench.analysis.sizing import lines

    if as_json:
        found = [lines.as_json(each.recommended, each.measured, each.why_not) for each in sizer.found]
        click.echo(json.dumps({"sizes": found, "runs": [str(folder) for folder in sizer.folders]}, indent=1))
        return
    for each in sizer.found:
        click.echo(for_terminal(f"{each.recommended.variant.title}:"))
        for line in lines.confirmation_lines(each.recommended, each.measured, each.why_not):
            click.echo(for_terminal(line))
    for folder in sizer.folders:
        click.echo(for_terminal(str(folder)))
