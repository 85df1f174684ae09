"""`waitbench run`: carry out a plan."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from waitbench.catalog.variants import Variant, load_variants
from waitbench.cli import completion
from waitbench.cli.options import folder as results_folder
from waitbench.cli.options import folder_name
from waitbench.errors import INVALID, UsageError
from waitbench.launch import interrupts
from waitbench.launch.programs import missing
from waitbench.paths import INSTALLED
from waitbench.plan.bundled import find_plan

if TYPE_CHECKING:
    from waitbench.plan.availability import Attendance
    from waitbench.plan.plan import Plan
from waitbench.cli.options import RESULTS, random_seed


@click.command()
@click.argument("plan", default="quick", shell_complete=completion.plans)
@click.option("--variant", "variants", multiple=True, metavar="V", shell_complete=completion.variants,
              help="Only this one (may be repeated).")  # fmt: skip
@click.option("--workload", "workloads", multiple=True, metavar="W", shell_complete=completion.workloads,
              help="Only this one (may be repeated).")  # fmt: skip
@click.option("--engine", type=click.Choice(["local", "compose", "attached"]), default="local", show_default=True,
              help="Processes of this machine, or containers; attached: inside the load container.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Order of the trials; drawn anew when not given.")
@click.option("--out", type=click.Path(path_type=Path), callback=results_folder, default=RESULTS,
              show_default="./results", help="Where run folders go.")  # fmt: skip
@click.option("--ui/--no-ui", default=True, show_default=True, help="Locust's web UI while it runs.")
@click.option("--ui-host", default="127.0.0.1", hidden=True)
@click.option("--ui-port", type=click.IntRange(1, 65535), default=8089, show_default=True)
@click.option("--locust-workers", type=click.IntRange(0, 64), default=0, show_default=True,
              help="Locust processes that share the load of each trial; 0: one process does it all.")  # fmt: skip
@click.option("--keep-ui", is_flag=True, help="Leave the web UI and the services up when the run is over.")
@click.option("--name", hidden=True, callback=folder_name, help="Of the run's folder.")
@click.option("--allow-remote", is_flag=True, help="Allow external services that are not on this machine.")
def run(
    plan: str, variants: tuple[str, ...], workloads: tuple[str, ...], engine: str, allow_remote: bool, **options: Any
) -> None:
    """Carry out PLAN, a name from `list plans` or a path; the last line on stdout is the run's folder.

    Exits 0 when every trial is valid, 3 when some are not, 1 when the run failed, 130 when it was interrupted; what
    was measured is kept and reported in every case.
    """
    if options["keep_ui"] and (not options["ui"] or engine == "compose"):
        raise UsageError("--keep-ui needs the web UI of a local run; for containers, `docker compose up` keeps it")
    if engine == "compose" and not options["ui"]:
        raise UsageError("--no-ui is for local runs: in containers the web UI is there in any case")
    if engine == "compose" and INSTALLED:
        raise UsageError(
            "--engine compose builds its images in a checkout of waitbench, and this is an installed package; use the "
            ".venv/bin/waitbench of a checkout, or run with --engine local"
        )
    from waitbench.plan.plan_file import load_plan
    from waitbench.plan.selection import require_shares, select

    known = load_variants()
    path = find_plan(plan)
    whole = load_plan(path, known, allow_remote, in_compose=engine != "local")
    chosen = select(whole, known, variants, workloads)
    require_shares(chosen, options["locust_workers"])

    there = _attending(chosen, known, variants, engine, allow_remote)

    # Only now: these bring the libraries of the report along, and a wrong name should be told at once.
    from rich.console import Console

    from waitbench.records.folder import now
    from waitbench.run.execute import run as carry_out
    from waitbench.run.in_containers import run_in_containers
    from waitbench.run.order import Order
    from waitbench.run.prepare import run_name
    from waitbench.run.stack import attached_stack, local_stack

    seed = random_seed() if options["seed"] is None else options["seed"]
    name = options["name"] or run_name(path.stem, now())
    order = Order(
        plan=there.plan,
        plan_name=path.stem,
        variants=known,
        engine=engine,
        left_out=there.left_out,
        **{**options, "seed": seed, "name": name},
    )
    interrupts.raise_interrupted()
    shown = Console(stderr=True)
    if engine == "compose":
        inside = [f"--seed {seed}", f"--name {name}", *(["--allow-remote"] if allow_remote else [])]
        inside += [f"--locust-workers {options['locust_workers']}"] if options["locust_workers"] else []
        inside += [f"--variant {v}" for v in variants] + [f"--workload {w}" for w in workloads]
        outcome = run_in_containers(order, path, inside, shown)
    else:
        outcome = carry_out(order, shown, attached_stack if engine == "attached" else local_stack)
    click.echo(str(outcome.folder.path))
    sys.exit(0 if outcome.all_valid else INVALID)


def _attending(
    plan: "Plan", known: dict[str, Variant], named: tuple[str, ...], engine: str, allow_remote: bool
) -> "Attendance":
    """Who of the plan is there. Containers are looked for from inside: their starter starts what the plan names, of
    what there is in containers."""
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
