"""The command line: a command parses its options, calls one function, and prints.

Each command imports only the libraries it needs. With all of them, help and shell completion would be three times as
slow.
"""

import sys

import click

from waitbench import __version__
from waitbench.cli.calibrate import calibrate
from waitbench.cli.check import check
from waitbench.cli.list import list_
from waitbench.cli.report import report
from waitbench.cli.run import run
from waitbench.cli.serve import serve
from waitbench.cli.size import size
from waitbench.errors import Interrupted, WaitbenchError
from waitbench.launch import interrupts
from waitbench.plan.bundled import plan_titles
from waitbench.records import console
from waitbench.records.text import for_terminal

EXAMPLES = (
    ("waitbench run smoke", "Does everything work here? Under a minute."),
    ("waitbench run full --workload db", "One workload on every framework."),
)


class Commands(click.Group):
    """Commands whose help names the plans and shows examples."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        for title, rows in (("Plans", list(plan_titles().items())), ("Examples", EXAMPLES)):
            with formatter.section(title):
                formatter.write_dl(rows, col_max=40)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="waitbench")
def cli() -> None:
    """When an endpoint is slow, which Python web stack waits best, and what does it cost?"""


for command in (calibrate, check, list_, report, run, serve, size):
    cli.add_command(command)

KEEP_THEIR_CODE = {"run", "calibrate", "serve", "size"}
"""Commands whose exit code says how a run ended. It stays the same if stdout can't be written to."""


def main() -> None:
    """Run a command. Every error that is not a bug ends with one message and an exit code."""
    console.forgive()
    interrupts.leave_at_once()
    try:
        _carry_out()
    except WaitbenchError as error:
        click.echo(for_terminal(f"waitbench: {error}"), err=True)
        sys.exit(error.exit_code)
    except Interrupted as end:
        click.echo("waitbench: interrupted", err=True)
        sys.exit(end.exit_code)
    finally:
        interrupts.ignore()


def _carry_out() -> None:
    try:
        cli(prog_name="waitbench")
    finally:
        if not KEEP_THEIR_CODE.intersection(sys.argv[1:2]):
            console.require_written()
