"""Locust's own statistics, fed in batches: its web UI shows what we measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from locust.env import Environment
from locust.stats import calculate_response_time_percentile

from loadtests.recorder import Recorder
from loadtests.uifeed import UiFeed, buckets_ms
from tests.waitbench import made_up
from waitbench import latency

SPEC = made_up.spec(body="hello")
MS = 1_000_000


def fed(*batches: list[tuple[int, str]]) -> Environment:
    """Statistics after batches of (microseconds, failure or "")."""
    environment = Environment()
    feed, recorder = UiFeed(environment, SPEC), Recorder(0)
    for batch in batches:
        for taken_us, failure in batch:
            if failure:
                recorder.failed(0, 0, taken_us * 1000, failure)
            else:
                recorder.good(0, 0, taken_us * 1000)
        feed.take(recorder.batch())
    return environment


def test_counts_errors_and_bytes_add_up_over_batches() -> None:
    stats = fed([(1000, ""), (2000, "reset")], [], [(3000, "")]).stats
    for entry in (stats.total, stats.get(SPEC.description, SPEC.variant)):
        assert (entry.num_requests, entry.num_failures) == (3, 1)
        assert (entry.min_response_time, entry.max_response_time) == (1.0, 3.0)
        assert entry.total_content_length == 2 * len("hello")
    [error] = stats.errors.values()
    assert (error.error, error.occurrences) == ("reset", 1)


def test_nothing_new_changes_nothing() -> None:
    assert fed([]).stats.num_requests == 0


@given(st.lists(st.integers(1, 60_000_000), min_size=20, max_size=300), st.sampled_from([50, 90, 99]))
def test_its_percentiles_are_ours_to_three_digits(taken_us: list[int], percent: int) -> None:
    entry = fed([(taken, "") for taken in taken_us]).stats.total
    theirs = calculate_response_time_percentile(entry.response_times, entry.num_requests, percent / 100)
    # Locust takes the value one higher where the rank is a whole number; both neighbours are right.
    ours = [latency.percentile_us(latency.of(taken_us), at) / 1000 for at in (percent, percent + 100 / len(taken_us))]
    assert any(theirs == pytest.approx(one, rel=0.012) for one in ours)


def test_buckets_keep_three_digits_and_lose_nobody() -> None:
    found = buckets_ms(np.array([1, 999, 1000, 12_345, 12_349, 1_234_567], dtype=np.int64))
    assert found == {0.001: 1, 0.999: 1, 1.0: 1, 12.3: 2, 1230.0: 1}
