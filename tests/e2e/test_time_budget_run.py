"""A run with a time budget that is interrupted. tests/run/test_played_rounds.py shows complete ones."""

import signal
from collections.abc import Iterator

import pytest

from tests.e2e import one_at_a_time
from tests.e2e.bench import Bench
from tests.serving import serving

# Slow: tests/report/test_repeats.py shows what such a report says, and test_run.py that a run can be interrupted.
pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(one_at_a_time) as server:
        yield from server.numbers()


def plan(port: int) -> str:
    served = "".join(
        f'[[external]]\nname = "{name}"\nbase_url = "http://127.0.0.1:{port}"\npaths = {{ fast = "/{name}" }}\n'
        for name in ("slow", "other")
    )
    return f"""
title = "A budget"
time_s = 9
spare = 0
sure_within = 0.005
warmup_s = 0.2
measure_s = 0.5
variants = ["fastapi-asyncio"]
[[cells]]
workload = "fast"
variants = ["slow", "other"]
users = [2]
{served}"""


def test_what_was_measured_before_an_interruption_is_reported(bench: Bench, port: int) -> None:
    started = bench.start(plan(port), "--variant", "slow", "--variant", "other")
    bench.wait_for(started, bench.measuring(after=2))
    started.send_signal(signal.SIGINT)
    ended = bench.end(started)
    assert ended.code == 130
    run = ended.record()
    assert (run.status, run.searching, run.most_repeats) == ("interrupted", True, 6)
    here = f"{len(ended.trials())} of {len(run.trials)} trials are here"
    assert here in ended.page()
    assert "More repeats might have followed." in ended.page()
    again = bench.end(bench.command("report", str(ended.folder.path if ended.folder else "")))
    assert again.code == 0
    assert here in again.out
    assert bench.left_behind() == []
