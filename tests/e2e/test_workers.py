"""Locust workers that share the load have the same counts as one process, and a lost worker is reported."""

import os
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx2
import psutil
import pytest

from loadtests.arrivals import schedule_ns
from tests.e2e.bench import WAIT, Bench, Played, answered, played_both_ways
from tests.e2e.bench import plan as plan_of
from waitbench.launch.client import wait_until
from waitbench.launch.local import free_port
from waitbench.records import histogram
from waitbench.records.trial import Arrivals, TrialRecord

pytestmark = pytest.mark.live

LIMIT, LIMIT_SLOW = 51, 5
POISSON = f'workload = "wait"\nparams = {{ ms = 20 }}\nrate = [101]\nmax_in_flight = {LIMIT}'
UNIFORM = f'workload = "wait"\nparams = {{ ms = 30 }}\nrate = [70]\nmax_in_flight = {LIMIT}\narrivals = "uniform"'
SHEDDING = f'workload = "wait"\nparams = {{ ms = 300 }}\nrate = [100]\nmax_in_flight = {LIMIT_SLOW}'
CELLS = (WAIT, POISSON, UNIFORM, SHEDDING)
TWO = ("--locust-workers", "2")
plan = partial(plan_of, variants=("null",))
"""Plans of a service that starts quickly, because these tests are not about the service."""
LONG = 'workload = "wait"\nparams = { ms = 20 }\nusers = [5, 6, 7]'


def workers_of(started: "subprocess.Popen[str]") -> list[int]:
    """The Locust workers of a run, by its descendants' command lines."""
    found = psutil.Process(started.pid).children(recursive=True)
    return sorted(child.pid for child in found if "--worker" in _words(child))


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def arrivals_of(trial: TrialRecord) -> Arrivals:
    assert trial.arrivals is not None
    return trial.arrivals


def planned(trial: TrialRecord) -> tuple[int, int]:
    """How many arrivals the schedule has for the warm-up, and how many for the window."""
    starts = list(schedule_ns(trial.spec))
    warmup = sum(start < int(trial.spec.warmup_s * 1e9) for start in starts)
    return warmup, len(starts) - warmup


def exact(trial: TrialRecord) -> None:
    """Check that every request of the trial is accounted for, whichever process sent it."""
    assert answered(trial) == trial.sent > 0
    counted = trial.measured.good + trial.measured.errors.get("timeout", 0)
    if trial.latency is None:
        assert counted == 0
    else:
        assert histogram.merged([trial.latency.histogram]).get_total_count() == trial.latency.count == counted
    seconds = sum(second.good for second in trial.timeline)
    assert trial.gathered.good + seconds == trial.warmup.good + trial.measured.good
    assert trial.gathered.sent <= (trial.spec.load if trial.spec.load_model == "closed" else 0)
    if trial.spec.load_model == "open":
        arrivals, (warmup, window) = arrivals_of(trial), planned(trial)
        assert arrivals.intended == window == trial.measured.sent + arrivals.shed
        assert arrivals.shed_warmup + trial.warmup.sent == warmup


@pytest.fixture(scope="module")
def both(make_bench: Callable[[], Bench]) -> list[Played]:
    return played_both_ways(make_bench, plan(*CELLS, measure_s=1.0))


def the_trial(played: Played, load: float, ms: int) -> TrialRecord:
    [found] = [t for t in played.ended.trials() if (t.spec.load, t.spec.params["ms"]) == (load, ms)]
    return found


class TestTheSamePlan:
    def test_every_trial_runs_in_the_requested_number_of_processes(self, both: list[Played]) -> None:
        for played in both:
            assert [trial.generator.processes for trial in played.ended.trials()] == [max(1, played.workers)] * 4
            assert not any(trial.disturbance for trial in played.ended.trials())

    def test_every_request_is_accounted_for(self, both: list[Played]) -> None:
        for played in both:
            for trial in played.ended.trials():
                exact(trial)

    def test_an_open_loop_plans_to_send_the_same_requests(self, both: list[Played]) -> None:
        for load, ms in ((101, 20), (70, 30), (100, 300)):
            one, two = (the_trial(played, load, ms) for played in both)
            assert arrivals_of(one).intended == arrivals_of(two).intended > 0
            assert planned(one) == planned(two)
            assert [t.sent + arrivals_of(t).shed + arrivals_of(t).shed_warmup for t in (one, two)] == [
                len(list(schedule_ns(one.spec)))
            ] * 2

    def test_an_odd_limit_in_flight_is_shared_out_exactly_and_what_exceeds_it_is_shed(self, both: list[Played]) -> None:
        for played in both:
            trial = the_trial(played, 100, 300)
            assert trial.usage.after is not None
            assert trial.usage.after.peak_in_flight == LIMIT_SLOW
            assert arrivals_of(trial).shed > 0
            assert played.ended.code == 3
            [row] = [row for row in played.ended.rows() if row["params"] == "ms=300"]
            assert "rate: " in row["reasons"]

    def test_an_odd_number_of_users_is_shared_out_exactly(self, both: list[Played]) -> None:
        for played in both:
            trial = the_trial(played, 5, 20)
            assert trial.connects is not None
            assert trial.connects.made == 5
            assert trial.usage.after is not None
            assert trial.usage.after.peak_in_flight == 5

    def test_nothing_is_left_behind(self, both: list[Played]) -> None:
        for played in both:
            assert played.bench.left_behind() == []
            assert played.ended.folder
            logs = {file.name for file in played.ended.folder.path.glob("locust-worker-*.log")}
            assert logs == {f"locust-worker-{n + 1}.log" for n in range(played.workers)}


class TestLost:
    @pytest.mark.fault(
        "hangs",
        "Locust workers are killed (SIGKILL) one after the other",
        "the first one's trial does not count and names it; without any worker the run ends with 1",
    )
    def test_a_lost_worker_is_named_and_the_run_goes_on_until_the_last_one_is_lost(self, bench: Bench) -> None:
        started = bench.start(plan(LONG, measure_s=1.5), *TWO)
        bench.wait_for(started, bench.measuring(after=0))
        os.kill(workers_of(started)[0], signal.SIGKILL)
        bench.wait_for(started, bench.measuring(after=2))
        for worker in workers_of(started):
            os.kill(worker, signal.SIGKILL)
        ended = bench.end(started)
        assert ended.code == 1
        assert "every Locust worker was lost; see locust-worker-*.log in the run's folder" in ended.err
        assert ended.record().status == "failed"
        assert "every Locust worker was lost" in ended.page()
        first, second = ended.trials()  # what was measured is kept
        assert first.disturbance.startswith("Locust worker ")
        assert first.disturbance.endswith(" of 2 was lost, and with it what it measured")
        assert first.generator.processes == second.generator.processes == 1
        exact(second)
        assert second.disturbance == ""
        for trial in (first, second):  # one part each, whose seconds count from the trial's own beginning
            assert len(trial.timeline) < 60
        invalid = [row for row in ended.rows() if "of 2 was lost" in row["reasons"]]
        assert [(row["load"], row["valid"]) for row in invalid] == [(f"{first.spec.load:g}", "false")]
        assert "of 2 was lost" in ended.page()
        assert bench.left_behind() == []

    @pytest.mark.slow  # only this shows that a worker lost between two trials costs no trial
    @pytest.mark.fault(
        "numbers",
        "a Locust worker is killed (SIGKILL) between two trials",
        "the others take its share, and no trial becomes invalid",
    )
    def test_a_worker_lost_between_trials_makes_none_invalid(self, bench: Bench) -> None:
        started = bench.start(plan(LONG, measure_s=1.5), *TWO)
        bench.wait_for(started, lambda: len(bench.trial_files()) == 1)
        os.kill(workers_of(started)[1], signal.SIGKILL)
        ended = bench.end(started)
        assert ended.code in (0, 3), ended.err
        trials = ended.trials()
        assert len(trials) == 3
        assert trials[0].generator.processes == 2
        assert trials[2].generator.processes == 1
        for trial in trials:
            # The worker may have been killed just after the second trial began. Then that trial says so.
            if not trial.disturbance:
                exact(trial)
        assert trials[0].disturbance == trials[2].disturbance == ""
        assert bench.left_behind() == []


@pytest.mark.slow  # only this shows that Ctrl-C ends workers too; test_run.py shows it without workers
@pytest.mark.fault(
    "processes",
    "Ctrl-C in a run with Locust workers",
    "master and workers end; finished trials are reported",
)
def test_ctrl_c_ends_master_and_workers_and_keeps_what_was_measured(bench: Bench) -> None:
    started = bench.start(plan(LONG, measure_s=1.0), *TWO)
    bench.wait_for(started, bench.measuring(after=1))
    assert len(workers_of(started)) == 2
    started.send_signal(signal.SIGINT)
    ended = bench.end(started)
    assert ended.code == 130
    assert ended.record().status == "interrupted"
    assert len(ended.rows()) == len(bench.trial_files()) >= 1
    assert bench.left_behind() == []


@pytest.mark.slow  # only this shows that loads by hand reach Locust workers; test_webui.py has them without
@pytest.mark.parametrize("workers", [0, 2])
def test_the_web_ui_shows_the_load_and_takes_loads_by_hand_when_the_run_is_over(bench: Bench, workers: int) -> None:
    port = free_port()
    options = ("--keep-ui", "--locust-workers", str(workers))
    started = bench.start(plan(WAIT, measure_s=4.0), *options, ui=port)
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as ui:

        def stats() -> dict[str, Any]:
            response: dict[str, Any] = ui.get("/stats/requests").json()
            return response

        def shows(users: int) -> bool:
            now = stats()
            return bool(now["user_count"] == users and now["stats"][-1]["num_requests"] > 0)

        bench.wait_for(started, bench.measuring(after=0))
        assert wait_until(lambda: shows(5), 10)
        bench.wait_for(started, lambda: bench.status() == "complete")
        for users in (3, 4):  # again and again
            form = {"user_count": users, "spawn_rate": users, "waitbench_target": "null /wait?ms=20"}
            assert ui.post("/swarm", data=form).json()["success"]
            assert wait_until(lambda users=users: shows(users), 15)  # type: ignore[misc]
            before = stats()["stats"][-1]["num_requests"]
            assert wait_until(lambda before=before: stats()["stats"][-1]["num_requests"] > before, 15)  # type: ignore[misc]
            assert stats()["stats"][-1]["num_failures"] == 0
            assert ui.post("/stop").status_code == 200
            assert wait_until(lambda: stats()["state"] in ("stopped", "ready"), 15)
    started.send_signal(signal.SIGINT)
    ended = bench.end(started)
    assert ended.code in (0, 3)
    [trial] = ended.trials()  # loads by hand are not recorded in the run
    exact(trial)
    assert bench.left_behind() == []
