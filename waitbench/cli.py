"""The command line: a command parses, calls one function, prints.

Each command imports the libraries it needs: with all of them, the help and a shell's completion would be three times as
slow.
"""

import json
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from waitbench import __version__, completion, console, interrupts
from waitbench.errors import INVALID, Interrupted, UsageError, WaitbenchError
from waitbench.launch.programs import missing
from waitbench.options import folder as results_folder
from waitbench.options import folder_name
from waitbench.paths import INSTALLED
from waitbench.plan_files import find_plan, plan_names, plan_titles
from waitbench.text import for_terminal
from waitbench.variants import Variant, load_variants

if TYPE_CHECKING:
    from waitbench.attendance import Attendance
    from waitbench.plan import Plan

CALIBRATE = "calibrate"
"""The plan that measures the generator."""
RESULTS = Path("results")
"""Where run folders go, from the working folder."""
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


@cli.command("list")
@click.argument("what", type=click.Choice(["variants", "workloads", "plans"]))
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_(what: str, as_json: bool) -> None:
    """What there is to measure."""
    rows = _LISTINGS[what]()
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        click.echo(for_terminal(f"{row['name']:<18} {row['title']}{_mark(row)}"))


def _mark(row: dict[str, Any]) -> str:
    """What sets a variant apart that is no contender."""
    if row.get("kind", "contender") == "contender":
        return ""
    from waitbench.workloads import WORKLOADS

    what = f"a trap: {row['trap']}" if row["trap"] else _KINDS[row["kind"]]
    few = f"; serves {', '.join(row['workloads'])}" if len(row["workloads"]) < len(WORKLOADS) else ""
    return f" ({what}{few})"


_KINDS = {
    "reference": "a reference, no Python",
    "instrument": "an instrument, no contender",
}


def _variants() -> list[dict[str, Any]]:
    from waitbench.workloads import WORKLOADS

    return [
        {
            "name": v.name,
            "title": v.title,
            "framework": v.framework,
            "model": v.model,
            "server": v.server,
            "budget": v.budget,
            "kind": v.kind,
            "trap": v.trap,
            "profile": v.profile,
            "workloads": [name for name in WORKLOADS if v.serves(name)],
        }
        for v in load_variants().values()
    ]


def _workloads() -> list[dict[str, Any]]:
    from waitbench.workloads import SCENARIOS, WORKLOADS

    return [
        {
            "name": w.name,
            "title": w.title,
            "shows": w.shows,
            "params": {n: [p.low, p.high] for n, p in w.parameters.items()},
        }
        for w in WORKLOADS.values()
    ] + [{"name": s.name, "title": s.title, "shows": s.shows, "params": {}} for s in SCENARIOS.values()]


def _plans() -> list[dict[str, Any]]:
    from waitbench.plan import load_plan

    loaded = [(name, load_plan(find_plan(name), load_variants())) for name in plan_names()]
    return [{"name": name, **plan.model_dump(mode="json")} for name, plan in loaded]


_LISTINGS = {"variants": _variants, "workloads": _workloads, "plans": _plans}


@cli.command()
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
    from waitbench.plan import load_plan, require_shares, select

    known = load_variants()
    path = find_plan(plan)
    whole = load_plan(path, known, allow_remote, in_compose=engine != "local")
    chosen = select(whole, known, variants, workloads)
    require_shares(chosen, options["locust_workers"])

    there = _attending(chosen, known, variants, engine, allow_remote)

    # Only now: these bring the libraries of the report along, and a wrong name should be told at once.
    from rich.console import Console

    from waitbench.prepare import run_name
    from waitbench.results import now
    from waitbench.run import Order, attached_stack, local_stack, run_in_containers
    from waitbench.run import run as carry_out

    seed = _seed() if options["seed"] is None else options["seed"]
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
    from waitbench.attendance import attendance, in_plain_forms, joined, not_contained

    if engine == "local":
        return attendance(plan, known, missing, named)
    if engine == "compose":
        return in_plain_forms(attendance(plan, known, not_contained, named), known)
    from waitbench.launch.network import not_started, require_near

    if not allow_remote:
        require_near(plan.external)
    whole = plan if named else joined(plan, known, not_started)
    return in_plain_forms(attendance(whole, known, not_started, named), known)


def _seed() -> int:
    import secrets

    return secrets.randbelow(10**6)


def _known_variant(name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise UsageError(f"no variant named {name!r}; there are: {', '.join(known)}")


@cli.command()
@click.argument("variant", shell_complete=completion.variants)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
def serve(variant: str, port: int) -> None:
    """Run one service with all it needs, until Ctrl-C."""
    from waitbench.serve import serve as keep_up

    known = load_variants()
    _known_variant(variant, known)
    if why := missing(known[variant]):
        raise UsageError(f"{variant} can't be run here: {why}")
    interrupts.raise_interrupted()
    with suppress(Interrupted):  # the way it is meant to end
        keep_up(known[variant], port)


@cli.command()
@click.argument("variants", nargs=-1, shell_complete=completion.variants)
def check(variants: tuple[str, ...]) -> None:
    """Check contract, timing, overlap and budget against live services; exits 1 when anything is wrong.

    With no VARIANTS, every contender, and every reference that is on this machine. An instrument or a trap is checked
    when it is named.
    """
    from rich.console import Console

    from waitbench.serve import check as check_all

    known = load_variants()
    for name in variants:
        _known_variant(name, known)
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


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--out", type=click.Path(path_type=Path), callback=results_folder, default=RESULTS,
              show_default="./results", help="Where its run goes.")  # fmt: skip
def calibrate(as_json: bool, out: Path) -> None:
    """Prove the generator on this machine: how much load it can honestly make, against a service that does nothing.

    Exits 3 where that is not enough for the plans there are.
    """
    from rich.console import Console

    from waitbench.calibration import calibration, need, told
    from waitbench.plan import load_plan
    from waitbench.prepare import run_name
    from waitbench.report import load_comparison
    from waitbench.results import now
    from waitbench.run import Order, local_stack
    from waitbench.run import run as carry_out

    known = load_variants()
    plans = {name: load_plan(find_plan(name), known) for name in plan_names()}
    name = run_name(CALIBRATE, now())
    order = Order(plans[CALIBRATE], CALIBRATE, known, engine="local", seed=_seed(), out=out, name=name, ui=False)
    interrupts.raise_interrupted()
    outcome = carry_out(order, Console(stderr=True), local_stack)
    asked = [need(name, plan) for name, plan in plans.items() if name != CALIBRATE]
    found = calibration(load_comparison(outcome.folder), asked)
    if as_json:
        click.echo(json.dumps({**found.as_json(), "run": str(outcome.folder.path)}, indent=1))
    else:
        for line in [*told(found), str(outcome.folder.path)]:
            click.echo(for_terminal(line))
    sys.exit(0 if found.enough else INVALID)


@cli.command()
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
def report(folder: Path) -> None:
    """Rebuild every format of RUN's report from its trial files.

    Exits 3 when a trial file is damaged: the report is of the other trials.
    """
    from waitbench.answer import answers
    from waitbench.report import write_report
    from waitbench.results import RunFolder

    comparison = write_report(RunFolder(folder))
    for line in ([comparison.state] if comparison.state else []) + answers(comparison):
        click.echo(for_terminal(line))
    for each in comparison.damaged:
        click.echo(for_terminal(f"waitbench: {folder / each.why}"), err=True)
    click.echo(for_terminal(str(folder / "report.html")))
    sys.exit(INVALID if comparison.damaged else 0)


KEEP_THEIR_CODE = {"run", "calibrate", "serve"}
"""Commands whose exit code says what became of a run. It does not change where stdout can't be written to."""


def main() -> None:
    """Every way to end that is not a bug ends in one message and an exit code."""
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
