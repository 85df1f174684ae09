"""A run notices CPU time that other processes take, and a stopped database: with real busy loops and stops."""

import csv
import os
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack

import psutil
import pytest

from loadtests.contention import Contention
from tests.e2e.bench import FASTAPI, Bench, plan
from tests.e2e.meddling import Judged, Meddler, busy_loop, favour, stopped
from waitbench.records.trial import TrialRecord

pytestmark = pytest.mark.live

MEASURE_S = 2.5
TICK_S = 0.01
"""The resolution of the kernel's CPU times."""


class TestContention:
    """Uses the cores of this process. Anything else on the machine only adds to the share of other processes."""

    def test_a_busy_loop_outside_the_run_is_counted(self) -> None:
        mine = os.sched_getaffinity(0)
        with subprocess.Popen(["sleep", "60"]) as run, busy_loop(*mine) as other:
            contention, began_s = Contention(root=run.pid), time.monotonic()
            before_s = sum(other.cpu_times()[:2])
            time.sleep(0.5)
            taken_s = sum(other.cpu_times()[:2]) - before_s
            share, elapsed_s = contention.foreign_share(), time.monotonic() - began_s
            run.kill()
        assert taken_s > 0
        assert share * elapsed_s >= taken_s - 4 * TICK_S
        assert set(contention.cores) >= mine

    def test_a_busy_loop_of_the_run_still_counts_as_its_own_after_it_has_ended(self) -> None:
        contention = Contention(root=os.getpid())
        with busy_loop(*os.sched_getaffinity(0)) as own:
            time.sleep(0.5)
            taken_s = sum(own.cpu_times()[:2])
        assert taken_s > 0
        assert contention.own_s() >= taken_s - 4 * TICK_S

    def test_a_busy_loop_of_the_run_on_other_cores_is_not_counted(self) -> None:
        first, *others = sorted(os.sched_getaffinity(0))
        if not others:
            pytest.skip("needs two cores")
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {first})
        try:
            with busy_loop(*others) as own:
                contention = Contention(root=own.pid)
                time.sleep(0.3)
                assert contention.own_s() == 0
                assert contention.cores == [first]
        finally:
            os.sched_setaffinity(0, allowed)


def keep_the_services_core_busy(bench: Bench) -> None:
    """Take the service's core from it for most of a trial."""
    folder = bench.folder()
    assert folder
    with busy_loop(*folder.read_run().targets[FASTAPI].info["cores"]) as other:
        favour(other.pid)
        time.sleep(0.8 * MEASURE_S)


@pytest.fixture(scope="module")
def disturbed(make_bench: Callable[[], Bench]) -> Judged:
    """A run with one disturbed trial in each cell. Two more repeats of the last cell are left alone."""
    bench = make_bench()
    cells = (
        'workload = "cpu"\nparams = { ksteps = 20 }\nusers = [3]',
        'workload = "db"\nparams = { ms = 20 }\nusers = [4]',
        'workload = "wait"\nparams = { ms = 20 }\nusers = [5]\nrepeats = 3',
    )
    started = bench.start(plan(*cells, measure_s=MEASURE_S))

    def stop_the_database() -> None:
        harness = psutil.Process(started.pid)
        [postmaster] = [child for child in harness.children() if child.name() == "postgres"]
        with ExitStack() as all_stopped:
            for process in [postmaster, *postmaster.children()]:
                all_stopped.enter_context(stopped(process))
            time.sleep(0.4 * MEASURE_S)

    def stop_the_service() -> None:
        with stopped(meddler.process("fastapi_app")):
            time.sleep(0.6 * MEASURE_S)

    meddler = Meddler(
        bench,
        started,
        {
            f"{FASTAPI}, cpu": lambda: keep_the_services_core_busy(bench),
            f"{FASTAPI}, db": stop_the_database,
            f"{FASTAPI}, wait": stop_the_service,
        },
    )
    return meddler.judged()


class TestDisturbedRun:
    @pytest.mark.fault(
        "numbers",
        "another program keeps the service's core busy during a trial",
        "the trial is invalid (`contention`) and says how much of the core went to others",
    )
    def test_a_busy_loop_on_the_service_s_core_is_noticed(self, disturbed: Judged) -> None:
        text = disturbed.invalidated_by(f"{FASTAPI}, cpu", "contention")
        assert text.startswith("other processes took ")

    @pytest.mark.fault(
        "numbers",
        "every process of PostgreSQL is stopped for a second during a trial",
        "the trial is invalid (`database-limit`)",
    )
    def test_a_database_that_is_stopped_is_noticed(self, disturbed: Judged) -> None:
        assert "small database queries ended" in disturbed.invalidated_by(f"{FASTAPI}, db", "database-limit")

    @pytest.mark.fault(
        "numbers",
        "a service is stopped for 1.5 of 2.5 s",
        "the report shows the stall and its length (`stall`)",
    )
    def test_a_service_that_is_stopped_is_reported(self, disturbed: Judged) -> None:
        notes = [r for trial in self.waits(disturbed) for r in disturbed.reasons_of(trial) if r.code == "stall"]
        assert notes, notes
        assert notes[0].text in disturbed.rows()

    @pytest.mark.fault(
        "numbers",
        "one of three repeats has half the rate of the others",
        "the report names that repeat (`outlier`), and reports no tie at the theoretical maximum",
    )
    def test_a_repeat_that_differs_from_the_others_is_named(self, disturbed: Judged) -> None:
        slowest, middle, quickest = sorted(self.waits(disturbed), key=lambda trial: trial.measured.good)
        summary = (disturbed.folder.path / "summary.csv").read_text()
        # On a busy machine all three may differ. Then none is an outlier.
        named = (
            slowest.measured.good < 0.6 * middle.measured.good and quickest.measured.good <= 1.1 * middle.measured.good
        )
        assert (f"outlier: repeat {slowest.spec.repeat} had " in summary) == named

    @staticmethod
    def waits(disturbed: Judged) -> list[TrialRecord]:
        trials = disturbed.folder.read_trials(disturbed.folder.read_run())
        return [trial for trial in trials if trial.spec.workload == "wait"]


class TestReplacedBlock:
    @pytest.mark.fault(
        "numbers",
        "another program keeps the service's core busy during one trial of a plan with `spare`",
        "the block is measured again, the disturbed trial is in no figure, and the report says so",
    )
    def test_a_disturbed_block_is_measured_again_and_named(self, make_bench: Callable[[], Bench]) -> None:
        bench = make_bench()
        cell = 'workload = "cpu"\nparams = { ksteps = 20 }\nusers = [3]'
        started = bench.start(plan(cell, measure_s=MEASURE_S).replace("spare = 0", "spare = 1"))

        acts = {f"{FASTAPI}, cpu": lambda: keep_the_services_core_busy(bench)}
        judged = Meddler(bench, started, acts).judged(0, 3)  # a busy machine may disturb the replacement too
        run = judged.folder.read_run()
        assert [spec.replaces for spec in run.trials[:2]] == [0, 1]
        rows = judged.rows().splitlines()
        assert rows[1].endswith(",2")
        report = (judged.folder.path / "report.md").read_text()
        assert "cpu, 3 users, repeat 1 was measured again, because the machine disturbed it (FastAPI" in report
        assert "contention: other processes took" in report
        [cell_row] = csv.DictReader((judged.folder.path / "summary.csv").read_text().splitlines())
        assert (cell_row["trials"], cell_row["trials_planned"]) == ("1", "1")
