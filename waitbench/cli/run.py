"""`waitbench run`: run a plan."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from waitbench.catalog.variants import Variant, load_variants
from waitbench.cli import completion
from waitbench.cli.options import RESULTS, folder_name, random_seed
from waitbench.cli.options import folder as results_folder
from waitbench.errors import INVALID, UsageError
from waitbench.launch import interrupts
from waitbench.launch.programs import missing
from waitbench.paths import INSTALLED
from waitbench.plan.bundled import find_plan

if TYPE_CHECKING:
    from waitbench.plan.availability import Attendance
    from waitbench.plan.plan import Plan
    from waitbench.run.conclude import Outcome
    from waitbench.run.order import Order


@click.command()
@click.argument("plan", default="quick", shell_complete=completion.plans)
@click.option("--variant", "variants", multiple=True, metavar="V", shell_complete=completion.variants,
              help="Run only this variant (may be repeated).")  # fmt: skip
@click.option("--workload", "workloads", multiple=True, metavar="W", shell_complete=completion.workloads,
              help="Run only this workload (may be repeated).")  # fmt: skip
@click.option("--engine", type=click.Choice(["local", "compose", "attached"]), default="local", show_default=True,
              help="Processes on this machine, or containers; attached: inside the load container.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed of the trial order; random if not given.")
@click.option("--out", type=click.Path(path_type=Path), callback=results_folder, default=RESULTS,
              show_default="./results", help="Folder in which the run's folder is made.")  # fmt: skip
@click.option("--ui/--no-ui", default=True, show_default=True, help="Show Locust's web UI during the run.")
@click.option("--ui-host", default="127.0.0.1", hidden=True)
@click.option("--ui-port", type=click.IntRange(1, 65535), default=8089, show_default=True)
@click.option("--locust-workers", type=click.IntRange(0, 64), default=0, show_default=True,
              help="Locust processes that share the load of each trial; 0: one process does everything.")  # fmt: skip
@click.option("--keep-ui", is_flag=True, help="Keep the web UI and the services up after the run.")
@click.option("--name", hidden=True, callback=folder_name, help="Name of the run's folder.")
@click.option("--allow-remote", is_flag=True, help="Allow external services that are not on this machine.")
def run(
    plan: str, variants: tuple[str, ...], workloads: tuple[str, ...], engine: str, allow_remote: bool, **options: Any
) -> None:
    """Run PLAN, a name from `list plans` or a path; the last line on stdout is the run's folder.

    Exits 0 if every trial is valid, 3 if some are not, 1 if the run failed, 130 if it was interrupted. What was
    measured is kept and reported in every case.
    """
    _require_possible(engine, options)
    from waitbench.plan.plan_file import load_plan
    from waitbench.plan.selection import require_shares, select
    from waitbench.plan.time_budget import require_time

    known = load_variants()
    path = find_plan(plan)
    whole = load_plan(path, known, allow_remote, in_compose=engine != "local")
    chosen = select(whole, known, variants, workloads)
    require_shares(chosen, options["locust_workers"])
    available = _available(chosen, known, variants, engine, allow_remote)
    require_time(available.plan, known)

    # Only now: this imports the libraries of the report, and a wrong name should be reported at once.
    order = _order(available, path, known, engine, options)
    outcome = _carry_out(order, path, _options_inside(order, variants, workloads, allow_remote))
    click.echo(str(outcome.folder.path))
    sys.exit(0 if outcome.all_valid else INVALID)


def _require_possible(engine: str, options: Mapping[str, Any]) -> None:
    """Raises UsageError if the engine does not support the options, or cannot run here."""
    if options["keep_ui"] and (not options["ui"] or engine == "compose"):
        raise UsageError("--keep-ui needs the web UI of a local run; for containers, `docker compose up` keeps it")
    if engine == "compose" and not options["ui"]:
        raise UsageError("--no-ui is only for local runs: containers always have the web UI; leave it out")
    if engine == "compose" and INSTALLED:
        raise UsageError(
            "--engine compose builds its images in a checkout of waitbench, and this is an installed package; use the "
            ".venv/bin/waitbench of a checkout, or run with --engine local"
        )


def _available(
    plan: "Plan", known: dict[str, Variant], named: tuple[str, ...], engine: str, allow_remote: bool
) -> "Attendance":
    """Return the plan without what is not available to the engine.

    `compose` starts the containers that the plan names, so only variants without a container are left out.
    `attached` runs inside the load container, where it looks for the containers that were started.
    """
    from waitbench.plan.availability import attendance, in_plain_forms, joined, not_contained

    if engine == "local":
        return attendance(plan, known, missing, named)
    if engine == "compose":
        return in_plain_forms(attendance(plan, known, not_contained, named), known)
    from waitbench.launch.network import not_started, require_near

    if not allow_remote:
        require_near(plan.external)
    whole = plan if named else joined(plan, known, not_started)
    return in_plain_forms(attendance(whole, known, not_started, named), known)


def _order(
    available: "Attendance", plan: Path, known: dict[str, Variant], engine: str, options: Mapping[str, Any]
) -> "Order":
    from waitbench.records.folder import now
    from waitbench.run.order import Order
    from waitbench.run.prepare import run_name

    seed = random_seed() if options["seed"] is None else options["seed"]
    return Order(
        plan=available.plan,
        plan_name=plan.stem,
        variants=known,
        engine=engine,
        left_out=available.left_out,
        **{**options, "seed": seed, "name": options["name"] or run_name(plan.stem, now())},
    )


def _options_inside(
    order: "Order", variants: tuple[str, ...], workloads: tuple[str, ...], allow_remote: bool
) -> list[str]:
    """Return the options of the run inside the load container."""
    options = [f"--seed {order.seed}", f"--name {order.name}", *(["--allow-remote"] if allow_remote else [])]
    options += [f"--locust-workers {order.locust_workers}"] if order.locust_workers else []
    return options + [f"--variant {v}" for v in variants] + [f"--workload {w}" for w in workloads]


def _carry_out(order: "Order", plan: Path, options_inside: list[str]) -> "Outcome":
    """Run the order; `plan` is the plan's file. `options_inside` are for containers only."""
    from rich.console import Console

    from waitbench.run.execute import run as carry_out
    from waitbench.run.in_containers import run_in_containers
    from waitbench.run.stack import attached_stack, local_stack

    interrupts.raise_interrupted()
    console = Console(stderr=True)
    if order.engine == "compose":
        return run_in_containers(order, plan, options_inside, console)
    return carry_out(order, console, attached_stack if order.engine == "attached" else local_stack)
