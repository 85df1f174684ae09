"""A run from start to end: services up, budgets read back, the generator watched, a report whatever happens."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from waitbench.check import overlap
from waitbench.errors import Interrupted, WaitbenchError
from waitbench.launch.cores import Cores
from waitbench.launch.local import LocalStack, require_free
from waitbench.launch.process import Process
from waitbench.paths import LOADTESTS, ROOT
from waitbench.plan import Plan
from waitbench.prepare import new_folder, run_record, sole_run, targets
from waitbench.progress import RunProgress
from waitbench.report import write_report
from waitbench.results import RunFolder, RunRecord, Status, Target, now
from waitbench.service import Service, wait_until
from waitbench.variants import Variant
from waitbench.workloads import WORKLOADS

WATCH_S = 0.2
GENERATOR_START_S = 30.0
OVERLAP_CALLS = 20


@dataclass(frozen=True)
class Order:
    """What was asked for."""

    plan: Plan
    plan_name: str
    variants: dict[str, Variant]
    engine: str
    seed: int
    out: Path
    ui: bool
    ui_host: str = "127.0.0.1"
    ui_port: int = 8089
    keep_ui: bool = False


@dataclass(frozen=True)
class Stack:
    """Services that are up: where they are, and how to learn that one died."""

    base_urls: dict[str, str]
    upstream_url: str | None
    cores: Cores
    died: Callable[[], WaitbenchError | None]


@dataclass(frozen=True)
class Outcome:
    folder: RunFolder
    all_valid: bool


def run(order: Order, console: Console, stacked: Callable[[Order], AbstractContextManager[Stack]]) -> Outcome:
    """Carry a plan out. Raises WaitbenchError or Interrupted after what was measured has been reported."""
    with sole_run(order.out):
        if order.ui:
            require_free(order.ui_port, "the web UI (--ui-port N chooses another, --no-ui does without)")
        with stacked(order) as stack:
            found = targets(order.plan, order.variants, stack.base_urls)
            folder = new_folder(order.out, order.plan_name, now())
            record = run_record(
                folder, order.plan, order.plan_name, order.engine, order.seed, found, stack.upstream_url
            )
            folder.write_run(record)
            return _carry_out(order, console, stack, folder, record)


def _carry_out(order: Order, console: Console, stack: Stack, folder: RunFolder, record: RunRecord) -> Outcome:
    status: Status = "failed"
    message = ""
    try:
        record = record.model_copy(update={"targets": {name: _read_back(t) for name, t in record.targets.items()}})
        folder.write_run(record)
        _tell(console, order, record)
        with generator(order, stack.cores, folder) as locust:
            _watch(locust, stack, folder, record, console)
            status = "complete"
            outcome = _conclude(console, folder, record, status, message)
            if order.keep_ui:
                _stay(locust, console, order)
        return outcome
    except Interrupted:
        if status != "complete":
            _conclude(console, folder, record, "interrupted", "interrupted from outside")
        raise
    except WaitbenchError as error:
        if status != "complete":
            _conclude(console, folder, record, "failed", str(error))
        raise
    finally:
        folder.drop_live()


def _read_back(target: Target) -> Target:
    """Ask the running service for its budget, and see its slow calls overlap, before any load."""
    with Service(target.base_url) as service:
        if target.external:
            return target
        info = service.info()
        seen, _ = overlap(service, WORKLOADS["wait"], OVERLAP_CALLS)
    return target.model_copy(
        update={"budget_read": info["budget"], "info": info, "overlap": seen, "overlap_asked": OVERLAP_CALLS}
    )


@contextmanager
def generator(order: Order, cores: Cores, folder: RunFolder) -> Iterator[Process]:
    """The Locust process of this run; gone when the context ends."""
    where = ["--web-host", order.ui_host, "--web-port", str(order.ui_port)] if order.ui else ["--headless", "-u", "0"]
    process = Process(
        "Locust",
        [sys.executable, "-m", "locust", "-f", str(LOADTESTS / "locustfile.py"), "--loglevel", "WARNING", *where],
        folder.path / "locust.log",
        cpus=cores.generator,
        cwd=ROOT,
        environment={
            "PYTHONPATH": str(ROOT),
            "WAITBENCH_RUN": str(folder.path.resolve()),
            "WAITBENCH_KEEP_UI": "1" if order.keep_ui else "0",
            "LOCUST_SKIP_MONKEY_PATCH": "",
        },
    )
    try:
        yield process
    finally:
        process.end(grace_s=5.0)


def _watch(locust: Process, stack: Stack, folder: RunFolder, record: RunRecord, console: Console) -> None:
    """Until the generator has played every trial. Raises WaitbenchError when it, or a service, can't go on."""
    if not wait_until(lambda: folder.read_live() is not None or locust.exit_code() is not None, GENERATOR_START_S):
        raise WaitbenchError(f"Locust did not start within {GENERATOR_START_S:.0f} s:\n{locust.last_words()}")
    told = 0
    with RunProgress(console, len(record.trials)) as progress:
        while True:
            live = folder.read_live()
            while told < len(record.trials) and folder.has_trial(record.trials[told]):
                told += 1
                progress.finished(folder.read_trial(record.trials[told - 1]), told)
            if live and live.finished:
                break
            if error := stack.died():
                raise error
            if locust.exit_code() is not None:
                raise locust.died()
            if live:
                progress.show(live)
            time.sleep(WATCH_S)
    if live.failure:
        raise stack.died() or WaitbenchError(f"the run could not go on: {live.failure}")


def _conclude(console: Console, folder: RunFolder, record: RunRecord, status: Status, message: str) -> Outcome:
    """Close the record and report what there is."""
    folder.write_run(record.model_copy(update={"status": status, "message": message, "ended_at": now()}))
    comparison = write_report(folder)
    for line in comparison.headlines:
        console.print(line, highlight=False, markup=False)
    console.print(f"report: {folder.path / 'report.html'}", highlight=False, soft_wrap=True)
    return Outcome(folder, comparison.all_valid)


def _tell(console: Console, order: Order, record: RunRecord) -> None:
    seconds = sum(spec.warmup_s + spec.measure_s for spec in record.trials)
    console.print(
        f"[bold]{order.plan.title}[/]: {len(record.trials)} trials, about {seconds / 60:.1f} min of load, "
        f"seed {record.seed}",
        highlight=False,
    )
    if order.ui:
        shown = "127.0.0.1" if order.ui_host == "0.0.0.0" else order.ui_host  # noqa: S104
        console.print(f"watch it at http://{shown}:{order.ui_port}", highlight=False)


def _stay(locust: Process, console: Console, order: Order) -> None:
    """Leave the web UI up until someone ends it."""
    console.print(f"the web UI stays at http://127.0.0.1:{order.ui_port} until you stop it", highlight=False)
    while locust.exit_code() is None:
        time.sleep(WATCH_S)


@contextmanager
def local_stack(order: Order) -> Iterator[Stack]:
    """Everything as processes of this machine."""
    with LocalStack() as local:
        local.start(order.plan.variants)
        yield Stack(local.base_urls, local.upstream_url, local.cores, local.died)


@contextmanager
def attached_stack(order: Order) -> Iterator[Stack]:
    """Services that Compose has started: this is the load container's side. WAITBENCH_PORT is theirs."""
    port = os.environ.get("WAITBENCH_PORT", "8000")
    base_urls = {name: f"http://{name}:{port}" for name in order.plan.variants}
    yield Stack(base_urls, f"http://upstream:{port}", Cores(), lambda: None)
