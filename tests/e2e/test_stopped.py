"""Runs in which a process is stopped for good, as by `kill -STOP` or a debugger. It never ends by itself."""

import os
import signal
import time

import pytest

from tests import processes
from tests.e2e.bench import FASTAPI, NULL, WAIT, WAITS, Bench, command_line, plan
from waitbench.launch.client import wait_until

pytestmark = pytest.mark.live

IMPATIENT = {"WAITBENCH_PATIENCE_S": "4"}


def pids_with(words: str, bench: Bench) -> list[int]:
    """The processes of a run whose command lines contain `words`."""
    return sorted(pid for pid in processes.mentioning(str(bench.place)) if words in command_line(pid))


def stop(pids: list[int]) -> None:
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)


@pytest.mark.fault(
    "hangs",
    "Locust is stopped for good (SIGSTOP) in the middle of a trial",
    "the run ends with 1 after 30 s without a sign of life, and reports what was measured",
)
def test_a_generator_that_is_stopped_for_good_ends_the_run(bench: Bench) -> None:
    started = bench.start(plan(WAITS, variants=(NULL,)), env=IMPATIENT)
    bench.wait_for(started, bench.measuring())
    stop(pids_with("locustfile", bench))
    ended = bench.end(started)
    assert ended.code == 1
    assert "the generator (Locust) reported nothing for 4 s" in ended.err
    assert "WAITBENCH_PATIENCE_S=N" in ended.err
    assert ended.record().status == "failed"
    assert len(ended.rows()) == len(bench.trial_files()) >= 1
    assert bench.left_behind() == []


@pytest.mark.slow  # only this shows that a stopped harness is not taken for a silent generator; it takes ten seconds
@pytest.mark.fault(
    "hangs", "the whole run is suspended for longer than its patience, and resumed", "the run goes on to its end"
)
def test_a_whole_run_that_was_suspended_goes_on(bench: Bench) -> None:
    started = bench.start(plan(WAITS, variants=(NULL,)), env=IMPATIENT)
    bench.wait_for(started, bench.measuring())
    pids_of_all = [started.pid, *pids_with("locustfile", bench), *pids_with("null_app", bench)]
    stop(pids_of_all)
    time.sleep(7)
    for pid in reversed(pids_of_all):
        os.kill(pid, signal.SIGCONT)
    ended = bench.end(started)
    assert ended.code in (0, 3), ended.err
    assert len(ended.trials()) == 6


@pytest.mark.slow  # only this shows that Locust's master notices a worker that is there but silent
@pytest.mark.fault(
    "hangs",
    "a Locust worker is stopped for good (SIGSTOP) in the middle of a trial",
    "its trial does not count and names the worker; the others go on; the stopped one is ended with the run",
)
def test_a_worker_that_is_stopped_for_good_is_lost_and_ended(bench: Bench) -> None:
    started = bench.start(plan(WAIT, variants=(NULL,)), "--locust-workers", "2")
    bench.wait_for(started, bench.measuring(after=0))
    stop(pids_with("--worker", bench)[:1])
    ended = bench.end(started)
    assert ended.code == 3, ended.err
    [row] = ended.rows()
    assert "of 2 was lost" in row["reasons"]
    assert bench.left_behind() == []


@pytest.mark.slow  # only this shows that all time limits for a service together end the run; it takes half a minute
@pytest.mark.fault(
    "hangs",
    "a service is stopped for good (SIGSTOP) in the middle of a trial",
    "the run ends with 1 and names the service; what was measured is reported",
)
def test_a_service_that_is_stopped_for_good_in_a_trial_ends_the_run(bench: Bench) -> None:
    started = bench.start("timeout_s = 2\n" + plan(WAITS, variants=(NULL,)))
    bench.wait_for(started, bench.measuring())
    folder = bench.folder()
    assert folder
    target = folder.read_run().targets[NULL]
    stop([target.info["pid"]])
    ended = bench.end(started)
    assert ended.code == 1
    assert f"{target.base_url} no longer responds (timeout)" in ended.err
    assert ended.record().status == "failed"
    assert bench.left_behind() == []


@pytest.mark.fault(
    "processes",
    "a service and the remote API are stopped for good (SIGSTOP) at the end of a run",
    "they are ended with it, and nothing is left behind",
)
@pytest.mark.slow  # only this shows that stopped processes do not outlive a whole run
def test_processes_that_are_stopped_at_the_end_are_ended_too(bench: Bench) -> None:
    started = bench.start(plan('workload = "upstream"\nparams = { ms = 10 }\nusers = [2]', variants=(FASTAPI,)))
    bench.wait_for(started, lambda: bool(bench.trial_files()))
    served = pids_with("fastapi_app", bench), pids_with("upstream", bench)
    assert all(served)
    stop([pid for pids in served for pid in pids])
    ended = bench.end(started)
    assert ended.code in (0, 3), ended.err
    assert wait_until(lambda: bench.left_behind() == [], 20)
