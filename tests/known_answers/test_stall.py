"""One stall of two seconds in ten, at 20 requests/s: a closed loop would omit most of the stalled requests."""

import time
from dataclasses import dataclass

import gevent
import httpx2
import pytest

from loadtests.arrivals import schedule_ns
from loadtests.load_loop import LoadLoop
from loadtests.loops import new_loop
from loadtests.recorder import Window
from tests.known_answers import stalling
from tests.known_answers.account import QUIET_MS, TICK_MS, answered_ns, nearness
from tests.made_up import runs
from tests.serving import serving
from waitbench.records import histogram

pytestmark = pytest.mark.alone

RATE, SECONDS = 20, 10
PERCENTILES = (50, 90, 95, 99)


@dataclass
class Played:
    trial: LoadLoop
    lag_ms: float
    """The highest lag of the generator's loop."""
    log: list[tuple[int, int, int]]
    """When the server read each request, and when it began and ended writing the response."""

    @property
    def window(self) -> Window:
        return Window(self.trial.recorder.begin_ns, self.trial.recorder.begin_ns + SECONDS * 10**9)

    def truth_us(self) -> tuple[list[float], list[float]]:
        """Return the lowest and the highest possible latencies, in order.

        They go from the scheduled start to the response in the server's own record. A late generator reads it later.
        """
        due = [self.trial.recorder.begin_ns + offset for offset in schedule_ns(self.trial.spec)]
        read, writing, written = zip(*self.log, strict=True)
        late_us = 1000 * (self.lag_ms + TICK_MS if self.lag_ms > QUIET_MS else 0)
        least, most = answered_ns(due, read, writing, written)
        return (
            sorted((end - start) / 1e3 for start, end in zip(due, least, strict=True)),
            sorted((end - start) / 1e3 + late_us for start, end in zip(due, most, strict=True)),
        )


def lag_ms(trial: LoadLoop) -> float:
    """Return the highest lag of the loop until the trial is over."""
    highest_s = 0.0
    while not trial.over.is_set():
        before_s = time.perf_counter()
        gevent.sleep(TICK_MS / 1000)
        highest_s = max(highest_s, time.perf_counter() - before_s - TICK_MS / 1000)
    return highest_s * 1000


def play(arrivals: str) -> Played:
    with serving(stalling) as server:
        [port] = server.numbers()
        spec = runs.spec(
            base_url=f"http://127.0.0.1:{port}",
            path="/",
            body="ok",
            load_model="open",
            load=RATE,
            warmup_s=0,
            measure_s=SECONDS,
            arrivals=arrivals,
            arrivals_seed=3,
            max_in_flight=1000,
            timeout_s=20,
        )
        trial = new_loop(spec)
        trial.begin(time.perf_counter_ns())
        meter = gevent.spawn(lag_ms, trial)
        trial.join()
        trial.close()
        log = httpx2.get(f"http://127.0.0.1:{port}/log", trust_env=False).json()
    return Played(trial, meter.get(), log)


ARRIVALS = ("uniform", "poisson")


@pytest.fixture(scope="module")
def both() -> dict[str, Played]:
    """Both trials, run at the same time, each against its own server."""
    greenlets = {arrivals: gevent.spawn(play, arrivals) for arrivals in ARRIVALS}
    return {arrivals: greenlet.get() for arrivals, greenlet in greenlets.items()}


@pytest.fixture(params=ARRIVALS)
def played(request: pytest.FixtureRequest, both: dict[str, Played]) -> Played:
    return both[request.param]


def test_every_intended_request_was_sent_and_completed(played: Played) -> None:
    _, measured, _ = played.trial.recorder.phases(played.window)
    arrivals = played.trial.recorder.arrivals(played.window)
    assert measured.good == arrivals.intended == len(list(schedule_ns(played.trial.spec)))
    assert (arrivals.shed, measured.errors) == (0, {})


@pytest.mark.parametrize("percent", PERCENTILES)
def test_percentiles_agree_with_the_schedule_and_the_servers_record(played: Played, percent: int) -> None:
    found = played.trial.recorder.latency(played.window)
    assert found is not None
    reported = histogram.percentile_us(histogram.merged([found.histogram]), percent)
    assert nearness(reported, *played.truth_us(), percent) == ""


@pytest.mark.fault(
    "numbers",
    "a service stalls for 2 s while requests arrive at their own rate",
    "all arrivals of the stall are in the percentiles (no coordinated omission)",
)
def test_requests_that_waited_for_the_stall_to_end_are_in_the_percentiles(played: Played) -> None:
    """A fifth of the schedule falls into the stall: its p90 is about a second, not the 10 ms of the others."""
    found = played.trial.recorder.latency(played.window)
    assert found is not None
    assert histogram.percentile_us(histogram.merged([found.histogram]), 90) > 500_000
