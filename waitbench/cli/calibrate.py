"""`waitbench calibrate`: measure the load generator."""

import json
import sys
from pathlib import Path

import click

from waitbench.catalog.variants import load_variants
from waitbench.cli.options import RESULTS, random_seed
from waitbench.cli.options import folder as results_folder
from waitbench.errors import INVALID
from waitbench.launch import interrupts
from waitbench.plan.bundled import find_plan, plan_names
from waitbench.records.text import for_terminal

CALIBRATE = "calibrate"
"""The plan that measures the generator."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--out", type=click.Path(path_type=Path), callback=results_folder, default=RESULTS,
              show_default="./results", help="Folder in which the run's folder is made.")  # fmt: skip
def calibrate(as_json: bool, out: Path) -> None:
    """Measure how much load the generator can reliably make on this machine, against a service that does nothing.

    Exits 3 if that is not enough for the bundled plans.
    """
    from rich.console import Console

    from waitbench.analysis.calibration import calibration, need, summary_lines
    from waitbench.analysis.loading import load_comparison
    from waitbench.plan.plan_file import load_plan
    from waitbench.records.folder import now
    from waitbench.run.execute import run as carry_out
    from waitbench.run.order import Order
    from waitbench.run.prepare import run_name
    from waitbench.run.stack import local_stack

    known = load_variants()
    plans = {name: load_plan(find_plan(name), known) for name in plan_names()}
    name = run_name(CALIBRATE, now())
    order = Order(plans[CALIBRATE], CALIBRATE, known, engine="local", seed=random_seed(), out=out, name=name, ui=False)
    interrupts.raise_interrupted()
    outcome = carry_out(order, Console(stderr=True), local_stack)
    asked = [need(name, plan) for name, plan in plans.items() if name != CALIBRATE]
    found = calibration(load_comparison(outcome.folder), asked)
    if as_json:
        click.echo(json.dumps({**found.as_json(), "run": str(outcome.folder.path)}, indent=1))
    else:
        for line in [*summary_lines(found), str(outcome.folder.path)]:
            click.echo(for_terminal(line))
    sys.exit(0 if found.enough else INVALID)
