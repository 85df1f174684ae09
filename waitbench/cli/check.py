"""`waitbench check`: check live services."""

import sys
from typing import TYPE_CHECKING

import click

from waitbench.catalog.variants import load_variants
from waitbench.cli import completion
from waitbench.errors import UsageError
from waitbench.launch import interrupts
from waitbench.launch.programs import missing
from waitbench.records.text import for_terminal

if TYPE_CHECKING:
    pass
from waitbench.cli.options import require_variant


@click.command()
@click.argument("variants", nargs=-1, shell_complete=completion.variants)
def check(variants: tuple[str, ...]) -> None:
    """Check contract, timing, overlap and budget against live services; exits 1 when anything is wrong.

    With no VARIANTS, every contender, and every reference that is on this machine. An instrument or a trap is checked
    when it is named.
    """
    from rich.console import Console

    from waitbench.run.serve import check as check_all

    known = load_variants()
    for name in variants:
        require_variant(name, known)
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
    sys.exit(0 if check_all(names, known, Console()) else 1)
