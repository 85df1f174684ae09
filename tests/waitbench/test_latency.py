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


def test_values_up_to_a_limit_are_counted_and_those_beyond_it_add_up() -> None:
    histogram = latency.encode(latency.of([FAST_US] * 3 + [SLOW_US] * 2 + [2 * SLOW_US]))
    assert latency.count_up_to(histogram, FAST_US - 100) == 0
    assert latency.count_up_to(histogram, FAST_US) == 3
    assert latency.count_up_to(histogram, SLOW_US) == 5
    assert latency.count_up_to(histogram, 3 * SLOW_US) == 6
    # 2 x 100,000 and 300,000 are beyond 100,000; three digits of each value
    assert latency.beyond_us(histogram, 100_000) == pytest.approx(500_000, rel=0.002)
    assert latency.beyond_us(histogram, 3 * SLOW_US) == 0


def test_values_are_the_same_one_by_one_and_with_how_often_they_came() -> None:
    counted = {FAST_US: 3, SLOW_US: 2, 0: 1, 10**12: 1}
    one_by_one = [value for value, count in counted.items() for _ in range(count)]
    assert latency.encode(latency.of(one_by_one)) == latency.encode(latency.of_counts(counted.items()))
