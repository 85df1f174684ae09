"""Percentiles from histograms, against ranks counted by hand."""

import pytest

from waitbench import latency

FAST_US, SLOW_US = 20_000, 200_000


@pytest.mark.parametrize(
    ("fast", "slow", "percent", "answer"),
    [
        (523, 28, 95, SLOW_US),  # 523.45 of 551: the 524th, the first of the slow
        (524, 27, 95, FAST_US),
        (95, 5, 95, FAST_US),  # 95 of 100: just the last of the fast
        (999, 1, 99.9, FAST_US),
        (998, 2, 99.9, SLOW_US),
        (1, 1, 50, FAST_US),
        (1, 2, 50, SLOW_US),
        (0, 1, 99, SLOW_US),
    ],
)
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(
    fast: int, slow: int, percent: float, answer: int
) -> None:
    found = latency.percentile_us(latency.of([FAST_US] * fast + [SLOW_US] * slow), percent)
    assert found == pytest.approx(answer, rel=0.001)


def test_there_is_no_percentile_of_nothing() -> None:
    assert latency.percentile_us(latency.new(), 99) == 0
