"""`waitbench check`: check live services."""

import sys

import click

from waitbench.catalog.variants import load_variants
from waitbench.cli import completion
from waitbench.cli.options import require_variant, require_workload
from waitbench.errors import UsageError
from waitbench.launch import interrupts
from waitbench.launch.programs import missing
from waitbench.records.text import for_terminal


@click.command()
@click.argument("variants", nargs=-1, shell_complete=completion.variants)
@click.option("--workload", "workloads", multiple=True, metavar="W", shell_complete=completion.workloads,
              help="Check only this workload (may be repeated).")  # fmt: skip
def check(variants: tuple[str, ...], workloads: tuple[str, ...]) -> None:
    """Check contract, timing, overlap and budget of live services; exits 1 if anything is wrong.

    Without VARIANTS, it checks every contender, and every reference that is on this machine. It checks an instrument or
    a trap only if it is named.
    """
    from rich.console import Console

    from waitbench.run.serve import check as check_all

    known = load_variants()
    for name in variants:
        require_variant(name, known)
    for name in workloads:
        require_workload(name)
    why = {name: reason for name, variant in known.items() if (reason := missing(variant))}
    for name in variants:
        if name in why:
            raise UsageError(f"{name} can't be run here: {why[name]}")
    contenders = [name for name, variant in known.items() if variant.kind in ("contender", "reference")]
    for name in contenders if not variants else []:
        if name in why:
            click.echo(for_terminal(f"not checked: {why[name]}"), err=True)
    names = list(variants) or [name for name in contenders if name not in why]
    interrupts.raise_interrupted()
    sys.exit(0 if check_all(names, known, Console(), workloads) else 1)
