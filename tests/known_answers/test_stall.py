"""One stall of two seconds in ten, at twenty requests a second: the case in which pacing by the last answer lies."""

import time
from dataclasses import dataclass

import pytest

from loadtests.arrivals import schedule_ns
from loadtests.recorder import Window, nearest_rank
from loadtests.trial import Trial
from tests.known_answers import stalling
from tests.serving import serving
from tests.waitbench import made_up
from waitbench import latency

RATE, SECONDS = 20, 10
PERCENTILES = (50, 90, 95, 99)


@dataclass
class Played:
    trial: Trial
    begin_ns: int
    end_ns: int
    """Of the stall, by the server's own account."""

    @property
    def window(self) -> Window:
        return Window(self.trial.recorder.begin_ns, self.trial.recorder.begin_ns + SECONDS * 10**9)

    def computed_us(self) -> list[int]:
        """The truth, from the schedule alone: who is meant to start in the stall waits for its end."""
        starts = [self.trial.recorder.begin_ns + offset for offset in schedule_ns(self.trial.spec)]
        # A request whose answer was due in the stall waits too, though it came before.
        due = [start + stalling.BASE_S * 1e9 for start in starts]
        late = [
            max(answer, self.end_ns + (stalling.BASE_S * 1e9 if start > self.begin_ns else 0))
            if self.begin_ns <= answer and start <= self.end_ns
            else answer
            for start, answer in zip(starts, due, strict=True)
        ]
        return sorted(int((end - start) / 1e3) for start, end in zip(starts, late, strict=True))


@pytest.fixture(scope="module", params=["uniform", "poisson"])
def played(request: pytest.FixtureRequest) -> Played:
    with serving(stalling) as server:
        [port] = server.told()
        spec = made_up.spec(
            base_url=f"http://127.0.0.1:{port}",
            path="/",
            body="ok",
            load_model="open",
            load=RATE,
            warmup_s=0,
            measure_s=SECONDS,
            arrivals=request.param,
            arrivals_seed=3,
            max_in_flight=1000,
            timeout_s=20,
        )
        trial = Trial(spec)
        trial.begin(time.perf_counter_ns())
        trial.join()
        trial.close()
        begin, end = server.told()
    return Played(trial, begin, end)


def test_every_intended_request_was_sent_and_answered(played: Played) -> None:
    _, measured, _ = played.trial.recorder.phases(played.window)
    arrivals = played.trial.recorder.arrivals(played.window)
    assert measured.good == arrivals.intended == len(list(schedule_ns(played.trial.spec)))
    assert (arrivals.shed, measured.errors) == (0, {})


@pytest.mark.parametrize("percent", PERCENTILES)
def test_percentiles_are_those_computed_from_the_schedule(played: Played, percent: int) -> None:
    found = played.trial.recorder.latency(played.window)
    computed = played.computed_us()
    rank = computed.index(nearest_rank(computed, percent) or 0)
    assert found is not None
    reported = latency.percentile_us(latency.merged([found.histogram]), percent)
    # One that is meant to start as the stall begins may reach the server on either side of that edge: its own latency
    # is out by two seconds, and every percentile by a rank (in the stall, 50 ms at an even pace).
    low, high = computed[max(rank - 1, 0)], computed[min(rank + 1, len(computed) - 1)]
    # Within 5 %, or 3 ms where the truth is a few milliseconds and a timer's step matters.
    assert min(low * 0.95, low - 3_000) <= reported <= max(high * 1.05, high + 3_000)


def test_a_tenth_of_them_waited_for_the_stall_to_end_and_it_shows(played: Played) -> None:
    """A fifth of the schedule falls into the stall: its p90 is about a second, not the 10 ms of the others."""
    found = played.trial.recorder.latency(played.window)
    assert found is not None
    assert latency.percentile_us(latency.merged([found.histogram]), 90) > 500_000
