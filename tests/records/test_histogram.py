"""Percentiles from histograms, against ranks counted by hand."""

import pytest

from waitbench.records import histogram

FAST_US, SLOW_US = 20_000, 200_000


@pytest.mark.parametrize(
    ("fast", "slow", "percent", "expected"),
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
def test_a_percentile_is_the_lowest_value_that_so_many_do_not_exceed(
    fast: int, slow: int, percent: float, expected: int
) -> None:
    found = histogram.percentile_us(histogram.of([FAST_US] * fast + [SLOW_US] * slow), percent)
    assert found == pytest.approx(expected, rel=0.001)


def test_an_empty_histogram_has_no_percentile() -> None:
    assert histogram.percentile_us(histogram.new(), 99) == 0


def test_values_up_to_a_limit_are_counted_and_those_beyond_it_add_up() -> None:
    encoded = histogram.encode(histogram.of([FAST_US] * 3 + [SLOW_US] * 2 + [2 * SLOW_US]))
    assert histogram.count_up_to(encoded, FAST_US - 100) == 0
    assert histogram.count_up_to(encoded, FAST_US) == 3
    assert histogram.count_up_to(encoded, SLOW_US) == 5
    assert histogram.count_up_to(encoded, 3 * SLOW_US) == 6
    # 2 x 100,000 and 300,000 are beyond 100,000; three digits of each value
    assert histogram.beyond_us(encoded, 100_000) == pytest.approx(500_000, rel=0.002)
    assert histogram.beyond_us(encoded, 3 * SLOW_US) == 0


def test_values_one_by_one_and_values_with_counts_make_the_same_histogram() -> None:
    counted = {FAST_US: 3, SLOW_US: 2, 0: 1, 10**12: 1}
    one_by_one = [value for value, count in counted.items() for _ in range(count)]
    assert histogram.encode(histogram.of(one_by_one)) == histogram.encode(histogram.of_counts(counted.items()))
