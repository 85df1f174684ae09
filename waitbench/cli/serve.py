"""`waitbench serve`: keep one service up, to try it by hand."""

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from waitbench.catalog.variants import load_variants
from waitbench.cli import completion
from waitbench.errors import Interrupted, UsageError
from waitbench.launch import interrupts
from waitbench.launch.programs import missing

if TYPE_CHECKING:
    pass
from waitbench.cli.options import require_variant


@click.command()
@click.argument("variant", shell_complete=completion.variants)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
def serve(variant: str, port: int) -> None:
    """Run one service with all it needs, until Ctrl-C."""
    from waitbench.run.serve import serve as keep_up

    known = load_variants()
    require_variant(variant, known)
    if why := missing(known[variant]):
        raise UsageError(f"{variant} can't be run here: {why}")
    interrupts.raise_interrupted()
    with suppress(Interrupted):  # the way it is meant to end
        keep_up(known[variant], port)
