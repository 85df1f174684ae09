"""A run from start to end: services up, budgets read back, the generator watched, a report whatever happens."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from waitbench.check import proof
from waitbench.conclude import Outcome, conclude, tell_answers, tell_report
from waitbench.errors import INVALID, Interrupted, Unwritable, WaitbenchError
from waitbench.interrupts import deferred
from waitbench.knee import MOST_TRIALS
from waitbench.launch.compose import Containers, require_engine, settings
from waitbench.launch.cores import Cores
from waitbench.launch.leftovers import publisher, sweep
from waitbench.launch.local import LocalStack, free_port, require_free
from waitbench.launch.network import container_url
from waitbench.launch.process import Process, allow_many_sockets
from waitbench.lines import tell
from waitbench.locks import Work, announced, sole_run, sole_writer
from waitbench.paths import LOADTESTS, ROOT
from waitbench.plan import Plan, contenders
from waitbench.prepare import new_folder, remove, run_record, targets
from waitbench.report import load_comparison
from waitbench.results import RunFolder, RunRecord, Status, Target
from waitbench.search import Searches
from waitbench.service import Service
from waitbench.variants import Variant
from waitbench.watch import WATCH_S, patience_s, watch
from waitbench.workloads import WORKLOADS


@dataclass(frozen=True)
class Order:
    """What was asked for."""

    plan: Plan
    plan_name: str
    variants: dict[str, Variant]
    engine: str
    seed: int
    out: Path
    name: str
    """Of the run's folder in `out`."""
    ui: bool
    ui_host: str = "127.0.0.1"
    ui_port: int = 8089
    keep_ui: bool = False
    left_out: dict[str, str] = field(default_factory=dict)
    """What the plan named and can't be had here, and why."""
    locust_workers: int = 0
    """Locust processes that generate the load; 0: one process does that and all else."""


@dataclass(frozen=True)
class Stack:
    """Services that are up: where they are, and how to learn that one died."""

    base_urls: dict[str, str]
    upstream_url: str | None
    cores: Cores
    died: Callable[[], WaitbenchError | None]


def run(order: Order, console: Console, stacked: Callable[[Order], AbstractContextManager[Stack]]) -> Outcome:
    """Carry a plan out. Raises WaitbenchError or Interrupted after what was measured has been reported."""
    if order.engine == "local":
        _sweep_if_possible(console)
    patience_s()  # a mistake in it is told before anything starts
    with sole_run(order.out, _work(order)) as release:
        if order.ui:
            require_ui_port(order.ui_port)
        with stacked(order) as stack:
            found = targets(order.plan, order.variants, stack.base_urls)
            folder = new_folder(order.out, order.name)
            record = run_record(
                folder, order.plan, order.plan_name, order.engine, order.seed, found, stack.upstream_url, order.left_out
            )
            try:
                folder.write_run(record)
            except Unwritable:  # nothing can come of it
                remove(folder)
                raise
            return _carry_out(order, console, stack, folder, record, release)


def _sweep_if_possible(console: Console) -> None:
    """A run on this machine needs no Docker: where its engine is down, so are the containers."""
    try:
        sweep(console)
    except WaitbenchError as error:
        tell(console, f"waitbench: {error}", soft_wrap=True)


def _work(order: Order) -> Work:
    return Work(measures=order.plan.local_ports)


def require_ui_port(port: int) -> None:
    try:
        require_free(port, "the web UI (--ui-port N chooses another, --no-ui does without)")
    except WaitbenchError:
        if taken := publisher(port):
            advice = "or choose another port with --ui-port N"
            raise WaitbenchError(f"port {port}, meant for the web UI, is taken by {taken}, {advice}") from None
        raise


def _carry_out(
    order: Order, console: Console, stack: Stack, folder: RunFolder, record: RunRecord, release: Callable[[], None]
) -> Outcome:
    """Whatever happens on the way, the generator is gone and what was measured is reported."""
    with ExitStack() as ending:
        try:
            record = record.model_copy(
                update={"targets": {n: _read_back(t, _asked_of(t, order.plan)) for n, t in record.targets.items()}}
            )
            folder.write_run(record)
            searches = Searches(order.plan, folder, order.seed)
            searches.go_on()
            _tell(console, order, record)
            locust = ending.enter_context(generator(order, stack.cores, folder))
            watch(locust, order.locust_workers, stack.died, folder, searches, console)
        except (Interrupted, WaitbenchError) as end:
            ending.close()
            status: Status = "interrupted" if isinstance(end, Interrupted) else "failed"
            conclude(console, folder, status, str(end))
            raise
        outcome = conclude(console, folder, "complete")
        if order.keep_ui:
            release()
            _stay(locust, console, order)
    return outcome


def _asked_of(target: Target, plan: Plan) -> list[str]:
    who = next(each for each in contenders(plan) if each.label == target.name)
    asked = {workload for cell in plan.cells if who.plays(cell) for workload in cell.asked}
    return sorted(asked if target.workloads is None else asked.intersection(target.workloads))


def _read_back(target: Target, workloads: Iterable[str]) -> Target:
    """Ask the running service for its budget, and see its slow calls overlap, before any load."""
    with Service(target.base_url) as service:
        if target.external:
            service.reach("/")  # any answer will do: it is there
            return target
        info = service.info()
        proofs = {name: proof(service, WORKLOADS[name], target.budget) for name in workloads if WORKLOADS[name].overlap}
    return target.model_copy(
        update={
            "budget_read": info["budget"],
            "info": info,
            "proofs": proofs,
        }
    )


@contextmanager
def generator(order: Order, cores: Cores, folder: RunFolder) -> Iterator[Process]:
    """The Locust process of this run, the master where there are workers; all gone when the context ends."""
    allow_many_sockets()
    where = (
        ["--web-host", order.ui_host, "--web-port", str(order.ui_port)]
        if order.ui
        else ["--headless", "--only-summary", "-u", "0"]
    )
    with ExitStack() as ending:

        def start(name: str, log: str, options: list[str]) -> Process:
            with deferred():
                process = Process(
                    name,
                    [sys.executable, "-m", "locust", "-f", str(LOADTESTS / "locustfile.py"), *options],
                    folder.path / log,
                    cpus=cores.generator + cores.spare[: max(0, order.locust_workers - 1)],
                    cwd=ROOT,
                    environment={
                        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
                        "WAITBENCH_RUN": str(folder.path.resolve()),
                        "WAITBENCH_KEEP_UI": "1" if order.keep_ui else "0",
                        "LOCUST_SKIP_MONKEY_PATCH": "",
                    },
                )
                ending.callback(process.end, grace_s=5.0)
            return process

        if order.locust_workers:
            port = str(free_port())
            where += ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port]
            where += ["--expect-workers", str(order.locust_workers)]
            to_it = ["--worker", "--master-host", "127.0.0.1", "--master-port", port, "--loglevel", "ERROR"]
            for number in range(1, order.locust_workers + 1):
                start(f"Locust worker {number}", f"locust-worker-{number}.log", to_it)
        yield start("Locust", "locust.log", ["--loglevel", "WARNING", *where])


def _tell(console: Console, order: Order, record: RunRecord) -> None:
    seconds = sum(spec.warmup_s + spec.measure_s for spec in record.trials)
    parts = [f"{len(record.trials)} trials, about {seconds / 60:.1f} min of load"] if record.trials else []
    count = len(order.plan.searches)
    searches = f"{count} searches for a knee" if count > 1 else "a search for the knee"
    parts += [f"{searches}, of at most {MOST_TRIALS} trials for each contender"] if record.searching else []
    tell(console, (order.plan.title, "bold"), f": {'; '.join(parts)}, seed {record.seed}")
    for name, why in order.left_out.items():
        tell(console, f"left out: {name}: {why}")
    if order.ui:
        console.print(f"watch it at {_ui_url(order)}", highlight=False)


def _ui_url(order: Order) -> str:
    return f"http://127.0.0.1:{os.environ.get('WAITBENCH_UI_PORT_OUTSIDE', order.ui_port)}"


def _stay(locust: Process, console: Console, order: Order) -> None:
    """Leave the web UI up until someone ends it; the run is over, so that is no interruption."""
    console.print(f"the web UI stays at {_ui_url(order)} until you stop it", highlight=False)
    with suppress(Interrupted):
        while locust.exit_code() is None:
            time.sleep(WATCH_S)


def run_in_containers(order: Order, plan: Path, options: list[str], console: Console) -> Outcome:
    """Have Compose carry the plan out; `plan` is its file, and the run inside gets `options` as they are."""
    require_engine()
    sweep(console)
    with announced(_work(order)):
        with sole_writer(order.out):  # only looked at: the run inside takes hold of the folder itself
            require_ui_port(order.ui_port)
        folder = RunFolder(order.out / order.name)
        with Containers(console, folder, _settings(order, plan, options)) as containers:
            code = containers.run()
            if code not in (0, INVALID):
                raise WaitbenchError(f"the run in containers ended with {code}; it said:\n{containers.last_words()}")
    comparison = load_comparison(folder)
    tell_answers(console, comparison)
    tell_report(console, folder)
    return Outcome(folder, comparison.all_valid)


def _settings(order: Order, plan: Path, options: list[str]) -> dict[str, str]:
    profiles = {order.variants[name].profile for name in order.plan.variants} - {""}
    return settings(plan, options, order.out, order.ui_port, sorted(profiles))


@contextmanager
def local_stack(order: Order) -> Iterator[Stack]:
    """Everything as processes of this machine."""
    with LocalStack() as local:
        if local.cores.dependencies:
            os.sched_setaffinity(0, local.cores.dependencies)  # the harness too keeps off the services' core
        local.start_contenders(
            [who for who in contenders(order.plan) if not who.external],
            workloads={workload for cell in order.plan.cells for workload in cell.asked},
        )
        yield Stack(local.base_urls, local.upstream_url or None, local.cores, local.died)


@contextmanager
def attached_stack(order: Order) -> Iterator[Stack]:
    """Services that Compose has started: this is the load container's side."""
    os.umask(0)  # whoever called Compose may read and remove what is written here, whatever their number
    base_urls = {who.label: container_url(who.variant) for who in contenders(order.plan) if not who.external}
    yield Stack(base_urls, container_url("upstream"), Cores(), lambda: None)
