"""A search for the knee with `waitbench run`, against a service whose capacity is known."""

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import httpx2
import pytest

from loadtests.arrivals import schedule_ns
from tests.e2e import one_at_a_time
from tests.e2e.bench import Bench, Ended
from tests.known_answers.account import answered_ns
from tests.serving import serving
from waitbench.analysis.knee.search import LATE, Outcome, Tried, judged, late_share
from waitbench.records.trial import TrialRecord
from waitbench.run.searches import LONGEST_S

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

slow = pytest.mark.slow
"""Only these tests find a knee whose true value is known. On a busy machine the search takes up to 30 trials."""
CAPACITY = 1000 / one_at_a_time.SERVICE_MS
OBJECTIVE_MS = 25
END_S = 560.0
REPEATS = 2
TICK_MS = 10.0
"""How often the generator reads its clock. Between two readings it may have been late once more."""
ROUND_MS = 1.0
"""Timers have whole milliseconds."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(one_at_a_time) as server:
        yield from server.numbers()


def plan(port: int) -> str:
    return f"""
title = "One at a time"
repeats = {REPEATS}
warmup_s = 0.5
measure_s = 1.5
variants = ["fastapi-asyncio"]
[[cells]]
workload = "fast"
find = "knee"
p99_ms = {OBJECTIVE_MS}
from_rate = 160
to_rate = 2000
[[external]]
name = "mine"
base_url = "http://127.0.0.1:{port}"
paths = {{ fast = "/slow" }}
"""


@dataclass(frozen=True)
class Played:
    """A trial, and the queue that its arrivals make: as computed, and by the service's own log."""

    trial: TrialRecord
    outcome: Outcome
    log: list[tuple[int, int]]
    """When each request was read and its response written."""

    @cached_property
    def due_ns(self) -> list[int]:
        """When each request is due, from the beginning of the trial."""
        return list(schedule_ns(self.trial.spec))

    @cached_property
    def computed_ns(self) -> list[int]:
        """When a queue with one server would respond."""
        free_ns, ended = 0, []
        for at_ns in self.due_ns:
            free_ns = max(free_ns, at_ns) + round(one_at_a_time.SERVICE_MS * 1e6)
            ended.append(free_ns)
        return ended

    @cached_property
    def logged_ns(self) -> list[int]:
        """When the service responded, at the latest."""
        began_ns = int(self.trial.started_at.timestamp() * 1e9) - (time.time_ns() - time.perf_counter_ns())
        read, written = ([each[n] - began_ns for each in self.log] for n in (0, 1))
        return answered_ns(self.due_ns, read, written, written)[1]

    @property
    def late_by_arithmetic(self) -> float:
        """The share of the arrivals in the window whose response comes later than the objective allows."""
        return self._late_share(self.computed_ns, OBJECTIVE_MS)

    @property
    def late_by_log(self) -> float:
        """The upper bound of that share: by its own record the generator may have read a response late."""
        lag_ms = self.trial.generator.lag_max_ms
        read_late_ms = lag_ms if lag_ms < 2 * ROUND_MS else lag_ms + TICK_MS
        return self._late_share(self.logged_ns, OBJECTIVE_MS - read_late_ms - ROUND_MS)

    def _late_share(self, ended_ns: list[int], objective_ms: float) -> float:
        opens_ns = self.trial.spec.warmup_s * 1e9
        late = [
            end_ns - at_ns > objective_ms * 1e6
            for at_ns, end_ns in zip(self.due_ns, ended_ns, strict=True)
            if at_ns >= opens_ns
        ]
        return sum(late) / len(late)


@pytest.fixture(scope="module")
def ended(make_bench: Callable[[], Bench], port: int) -> Ended:
    ran = make_bench()
    started = ran.start(plan(port), "--variant", "mine")
    out, err = started.communicate(timeout=END_S)
    assert "Traceback" not in err, err
    return Ended(started.returncode, out, err, ran.folder())


@pytest.fixture(scope="module")
def played(ended: Ended, port: int) -> list[Played]:
    log: list[tuple[int, int]] = httpx2.get(f"http://127.0.0.1:{port}/log", trust_env=False).json()
    found, seen, target = [], 0, ended.record().targets["mine"]
    for trial in ended.trials():
        found.append(Played(trial, judged(trial, target).outcome, sorted(log[seen : seen + trial.sent])))
        seen += trial.sent
    assert seen == len(log)
    return found


@pytest.fixture(scope="module")
def row(ended: Ended) -> dict[str, str]:
    [found] = ended.rows()
    return found


@slow
def test_the_search_completes_with_every_trial_in_the_record(ended: Ended, row: dict[str, str]) -> None:
    assert ended.code == (0 if row["knee_low"] else 3), ended.err
    run = ended.record()
    assert (run.status, run.searching) == ("complete", False)
    assert len(ended.trials()) == len(run.trials) == len(ended.rows("trials.csv")) > 4
    assert [spec.block for spec in run.trials] == list(range(1, len(run.trials) + 1))


@slow
def test_the_knee_follows_from_its_trials(row: dict[str, str], played: list[Played]) -> None:
    tried = Tried([(float(each.trial.spec.load), each.outcome) for each in played], REPEATS)
    assert row["knee_low"] == ("" if tried.low is None else f"{tried.low:g}")
    assert row["knee_high"] == ("" if tried.high is None else f"{tried.high:g}")


@slow
def test_the_knee_is_between_half_of_the_service_s_capacity_and_all_of_it(
    row: dict[str, str], played: list[Played]
) -> None:
    """Up to about 75 % of its capacity, a queue with one server and random arrivals meets the objective.

    It then completes 99 of 100 requests within ten service times. If the machine stalls, the knee is lower or missing.
    Then some trial that meets the objective by arithmetic did not meet it, which the tests below explain.
    """
    low = float(row["knee_low"] or 0)
    disturbed = [each for each in played if each.outcome != "met" and each.late_by_arithmetic <= LATE]
    assert low > CAPACITY / 2 or disturbed
    assert low < CAPACITY
    assert float(row["objective_p99_ms"]) == OBJECTIVE_MS
    if row["knee_high"]:
        assert low < float(row["knee_high"]) <= 2 * CAPACITY


@slow
def test_a_load_that_is_too_high_by_arithmetic_never_meets_the_objective(played: list[Played]) -> None:
    """Compared with the computed queue of the same arrivals, the machine can only make a response later."""
    for each in played:
        expected, reported = each.late_by_arithmetic, late_share(each.trial)
        assert reported >= expected - 0.02 * (expected > 0) - 1e-9, each.trial.spec.description
        if each.trial.spec.load > 1.1 * CAPACITY:
            assert reported > LATE
        assert each.outcome != "met" or reported <= LATE


@slow
def test_no_more_requests_are_reported_late_than_by_the_service_s_own_log(played: list[Played]) -> None:
    for each in played:
        assert late_share(each.trial) <= each.late_by_log + 1e-9, each.trial.spec.description


@slow
def test_a_trial_is_long_enough_for_its_p99(ended: Ended) -> None:
    for trial in ended.trials():
        assert trial.arrivals is not None
        # 1,000 are planned on average, or as many as arrive in the longest trial.
        assert trial.arrivals.intended > 0.85 * min(1000, trial.spec.load * LONGEST_S)


@slow
def test_the_report_shows_the_knee(ended: Ended, row: dict[str, str]) -> None:
    assert f"the highest rate with p99 ≤ {OBJECTIVE_MS} ms" in ended.page()
    assert not row["knee_low"] or f"sustains {float(row['knee_low']):,.0f}" in " ".join(ended.err.split())
    assert row["load_model"] == "knee"


class TestInterrupted:
    @pytest.mark.slow  # only this shows that an interrupted search is reported; test_run.py shows it for other runs
    def test_what_was_measured_is_kept_and_the_search_is_reported_as_unfinished(self, bench: Bench, port: int) -> None:
        started = bench.start(plan(port), "--variant", "mine")
        bench.wait_for(started, bench.measuring(after=1))
        started.send_signal(signal.SIGINT)
        ended = bench.end(started)
        assert ended.code == 130
        run = ended.record()
        assert (run.status, run.searching) == ("interrupted", True)
        assert 1 <= len(ended.trials()) < len(run.trials) + 1
        assert "Its search for the knee is not finished." in ended.page()
        [row] = ended.rows()
        assert row["reasons"] == "knee: the search was not finished"
        assert int(row["trials"]) == len(ended.trials())
        again = bench.end(bench.command("report", str(ended.folder.path if ended.folder else "")))
        assert again.code == 0
        assert "Its search for the knee is not finished." in again.out
        assert bench.left_behind() == []
