"""`waitbench report`: rebuild the report of a run."""

import sys
from pathlib import Path

import click

from waitbench.errors import INVALID
from waitbench.records.text import for_terminal


@click.command()
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
def report(folder: Path) -> None:
    """Rebuild every format of RUN's report from its trial files.

    Exits 3 if a trial file is damaged; the report then has only the other trials.
    """
    from waitbench.records.folder import RunFolder
    from waitbench.report.words.summary import answers
    from waitbench.report.write import write_report

    comparison = write_report(RunFolder(folder))
    for line in ([comparison.state] if comparison.state else []) + answers(comparison):
        click.echo(for_terminal(line))
    for each in comparison.damaged:
        click.echo(for_terminal(f"waitbench: {folder / each.why}"), err=True)
    click.echo(for_terminal(str(folder / "report.html")))
    sys.exit(INVALID if comparison.damaged else 0)
