"""`waitbench serve`: keep one service up, to try it by hand."""

from contextlib import suppress

import click

from waitbench.catalog.variants import load_variants
from waitbench.cli import completion
from waitbench.cli.options import require_variant
from waitbench.errors import Interrupted, UsageError
from waitbench.launch import interrupts
from waitbench.launch.programs import missing


@click.command()
@click.argument("variant", shell_complete=completion.variants)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
def serve(variant: str, port: int) -> None:
    """Run one service and everything it needs, until Ctrl-C."""
    from waitbench.run.serve import serve as keep_up

    known = load_variants()
    require_variant(variant, known)
    if why := missing(known[variant]):
        raise UsageError(f"{variant} can't be run here: {why}")
    interrupts.raise_interrupted()
    with suppress(Interrupted):  # Ctrl-C is how this command is meant to end
        keep_up(known[variant], port)
