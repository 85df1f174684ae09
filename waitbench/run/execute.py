"""Executes a run: starts services, reads budgets back, watches the generator, and reports whatever happens."""

import os
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack, suppress

from rich.console import Console

from waitbench.analysis.knee.search import MOST_TRIALS
from waitbench.catalog.workloads import WORKLOADS
from waitbench.check.overlap import proof
from waitbench.errors import Interrupted, Unwritable, WaitbenchError
from waitbench.launch.client import Service
from waitbench.launch.leftovers import publisher, sweep
from waitbench.launch.local import require_free
from waitbench.launch.process import Process
from waitbench.plan.contender import contenders
from waitbench.plan.plan import Plan
from waitbench.records.fields import Status
from waitbench.records.folder import RunFolder
from waitbench.records.run import RunRecord, Target
from waitbench.records.words import duration
from waitbench.run.conclude import Outcome, conclude
from waitbench.run.further_trials import FurtherTrials
from waitbench.run.generator import generator
from waitbench.run.lines import tell
from waitbench.run.locks import sole_run
from waitbench.run.order import Order
from waitbench.run.prepare import new_folder, remove, run_record, targets
from waitbench.run.replacements import most_again_s
from waitbench.run.rounds import Rounds
from waitbench.run.searches import Searches
from waitbench.run.stack import Stack
from waitbench.run.watch import WATCH_S, patience_s, watch


def run(order: Order, console: Console, stacked: Callable[[Order], AbstractContextManager[Stack]]) -> Outcome:
    """Execute a plan. Raises WaitbenchError or Interrupted after reporting what was measured."""
    if order.engine == "local":
        sweep_if_possible(console)
    patience_s()  # reports a wrong value before anything starts
    with sole_run(order.out, order.work) as release:
        if order.ui:
            require_ui_port(order.ui_port)
        return run_held(order, console, stacked, release)


def run_held(
    order: Order,
    console: Console,
    stacked: Callable[[Order], AbstractContextManager[Stack]],
    release: Callable[[], None],
) -> Outcome:
    """Execute a plan while the caller holds the machine, by `sole_run`. Raises as `run`."""
    with stacked(order) as stack:
        found = targets(order.plan, order.variants, stack.base_urls)
        folder = new_folder(order.out, order.name)
        record = run_record(
            folder, order.plan, order.plan_name, order.engine, order.seed, found, stack.upstream_url, order.left_out
        )
        try:
            folder.write_run(record)
        except Unwritable:  # the run can't begin
            remove(folder)
            raise
        return _carry_out(order, console, stack, folder, record, release)


def sweep_if_possible(console: Console) -> None:
    """Remove leftover containers. A local run needs no Docker, and without its engine no containers run either."""
    try:
        sweep(console)
    except WaitbenchError as error:
        tell(console, f"waitbench: {error}", soft_wrap=True)


def require_ui_port(port: int) -> None:
    try:
        require_free(port, "the web UI (--ui-port N chooses another, --no-ui turns it off)")
    except WaitbenchError:
        if taken := publisher(port):
            advice = "or choose another port with --ui-port N"
            raise WaitbenchError(f"port {port} for the web UI is taken by {taken}, {advice}") from None
        raise


def _carry_out(
    order: Order, console: Console, stack: Stack, folder: RunFolder, record: RunRecord, release: Callable[[], None]
) -> Outcome:
    """Play all trials. Whatever happens, the generator is ended and what was measured is reported."""
    with ExitStack() as ending:
        try:
            record = record.model_copy(
                update={"targets": {n: _read_back(t, _workloads_of(t, order.plan)) for n, t in record.targets.items()}}
            )
            folder.write_run(record)
            further = _further_trials(order, folder)
            further.go_on()
            _tell(console, order, record)
            locust = ending.enter_context(generator(order, stack.cores, folder))
            watch(locust, order.locust_workers, stack.died, folder, further.go_on, console)
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


def _further_trials(order: Order, folder: RunFolder) -> FurtherTrials:
    kind = Rounds if order.plan.sure_within else Searches if order.plan.searches else FurtherTrials
    return kind(order.plan, folder, order.seed)


def _workloads_of(target: Target, plan: Plan) -> list[str]:
    who = next(each for each in contenders(plan) if each.label == target.name)
    asked = {workload for cell in plan.cells if who.plays(cell) for workload in cell.asked}
    return sorted(asked if target.workloads is None else asked.intersection(target.workloads))


def _read_back(target: Target, workloads: Iterable[str]) -> Target:
    """Read the budget from the running service and check that its slow calls overlap, before any load."""
    with Service(target.base_url) as service:
        if target.external:
            service.reach("/")  # any response shows that it is there
            return target
        info = service.info()
        proofs = {
            name: proof(service, WORKLOADS[name], target.budget, target.kind == "trap")
            for name in workloads
            if WORKLOADS[name].overlap
        }
    return target.model_copy(
        update={
            "budget_read": info["budget"],
            "info": info,
            "proofs": proofs,
        }
    )


def _tell(console: Console, order: Order, record: RunRecord) -> None:
    seconds = sum(spec.load_s for spec in record.trials)
    parts = [f"{len(record.trials)} trials, about {seconds / 60:.1f} min of load"] if record.trials else []
    count = len(order.plan.searches)
    searches = f"{count} searches for a knee" if count > 1 else "a search for the knee"
    parts += [f"{searches}, of at most {MOST_TRIALS} trials for each contender"] if count else []
    parts += _further(record)
    if again_s := most_again_s(record.trials, record.plan.spare, record.plan.time_s):
        parts.append(f"at most {duration(again_s)} more if the machine disturbs trials")
    tell(console, (order.plan.title, "bold"), f": {'; '.join(parts)}, seed {record.seed}")
    for name, why in order.left_out.items():
        tell(console, f"left out: {name}: {why}")
    if order.ui:
        console.print(f"watch the run at {_ui_url(order)}", highlight=False)


def _further(record: RunRecord) -> list[str]:
    """Return a phrase on the repeats that may follow; none if the repeats are fixed."""
    plan = record.plan
    if plan.time_s is None or plan.sure_within is None:
        return []
    until = f"each result is sure within {plan.sure_within * 100:g} %"
    return [f"then up to {record.most_repeats} repeats until {until}; at most {plan.time_s / 60:.1f} min of load"]


def _ui_url(order: Order) -> str:
    return f"http://127.0.0.1:{os.environ.get('WAITBENCH_UI_PORT_OUTSIDE', order.ui_port)}"


def _stay(locust: Process, console: Console, order: Order) -> None:
    """Keep the web UI up until a user stops it. The run is over by then, so this is no interruption."""
    console.print(f"the web UI stays at {_ui_url(order)} until you stop it", highlight=False)
    with suppress(Interrupted):
        while locust.exit_code() is None:
            time.sleep(WATCH_S)
