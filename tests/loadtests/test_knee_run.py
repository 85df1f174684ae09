"""A search for the knee, as `waitbench run` carries it out against a service whose capacity is known."""

import signal
from collections.abc import Callable, Iterator

import pytest

from loadtests.arrivals import schedule_ns
from tests.loadtests import one_at_a_time
from tests.loadtests.bench import Bench, Ended
from tests.serving import serving
from waitbench.knee import late_share
from waitbench.results import TrialSpec

pytestmark = pytest.mark.live

CAPACITY = 1000 / one_at_a_time.SERVICE_MS
OBJECTIVE_MS = 25


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(one_at_a_time) as server:
        yield from server.told()


def plan(port: int) -> str:
    return f"""
title = "One at a time"
repeats = 2
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


def late_by_arithmetic(spec: TrialSpec) -> float:
    """Of the arrivals in the window, the share that a queue with one server would answer after the objective."""
    opens_ns, service_ns = spec.warmup_s * 1e9, one_at_a_time.SERVICE_MS * 1e6
    free_ns, late = 0.0, []
    for at_ns in schedule_ns(spec):
        free_ns = max(free_ns, at_ns) + service_ns
        if at_ns >= opens_ns:
            late.append(free_ns - at_ns > OBJECTIVE_MS * 1e6)
    return sum(late) / len(late)


@pytest.fixture(scope="module")
def ended(make_bench: Callable[[], Bench], port: int) -> Ended:
    ran = make_bench()
    started = ran.start(plan(port), "--variant", "mine")
    out, err = started.communicate(timeout=280)
    assert "Traceback" not in err, err
    return Ended(started.returncode, out, err, ran.folder())


@pytest.fixture(scope="module")
def row(ended: Ended) -> dict[str, str]:
    [found] = ended.rows()
    return found


def test_it_ends_well_with_every_trial_in_the_record(ended: Ended) -> None:
    assert ended.code == 0, ended.err
    run = ended.record()
    assert (run.status, run.searching) == ("complete", False)
    assert len(ended.trials()) == len(run.trials) == len(ended.rows("trials.csv")) > 4
    assert [spec.block for spec in run.trials] == list(range(1, len(run.trials) + 1))


def test_the_knee_is_below_what_the_service_can_do_and_above_half_of_it(row: dict[str, str]) -> None:
    # A queue with one server and random arrivals answers 99 of a hundred within ten services up to about three
    # quarters of its capacity; a noisy machine takes some of that.
    assert CAPACITY / 2 < float(row["knee_low"]) < CAPACITY
    assert float(row["objective_p99_ms"]) == OBJECTIVE_MS
    if row["knee_high"]:
        assert float(row["knee_low"]) < float(row["knee_high"]) <= 2 * CAPACITY


def test_what_arithmetic_says_is_too_much_is_never_met(ended: Ended) -> None:
    """The machine can make an answer later than the queue over the very same arrivals would have it, never earlier."""
    for trial in ended.trials():
        expected = late_by_arithmetic(trial.spec)
        assert late_share(trial) >= expected - 0.02 * (expected > 0) - 1e-9, trial.spec.description
        if trial.spec.load > 1.1 * CAPACITY:
            assert late_share(trial) > 0.01


def test_a_trial_is_long_enough_for_its_p99(ended: Ended) -> None:
    sent = [trial.arrivals.intended for trial in ended.trials() if trial.arrivals]
    assert min(sent) > 850  # of 1,000 meant on average


def test_the_report_tells_the_knee(ended: Ended, row: dict[str, str]) -> None:
    assert f"the highest rate with p99 ≤ {OBJECTIVE_MS} ms" in ended.page()
    assert f"holds {float(row['knee_low']):,.0f}" in ended.err
    assert row["load_model"] == "knee"


class TestInterrupted:
    def test_what_was_measured_is_kept_and_the_search_is_said_not_to_be_finished(self, bench: Bench, port: int) -> None:
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
