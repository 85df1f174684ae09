"""Statistics, compared with results calculated by hand."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waitbench.analysis.statistics import (
    Interval,
    Verdict,
    chance_calls,
    geometric_interval,
    mean_interval,
    natural_interval,
    ratio_interval,
    verdict,
)
from waitbench.catalog.percentiles import samples_needed

rates = st.floats(min_value=0.1, max_value=1e6)


def test_two_values_give_the_interval_of_students_t_with_one_degree_of_freedom() -> None:
    # mean 12; s = sqrt((4 + 4) / 1) = 2.828427; standard error s / sqrt(2) = 2; t(0.975, 1) = 12.706205
    found = mean_interval([10, 14])
    assert found.mean == 12
    assert found.low == pytest.approx(12 - 25.412409, abs=1e-5)
    assert found.high == pytest.approx(12 + 25.412409, abs=1e-5)


def test_three_values_give_the_interval_with_two_degrees_of_freedom() -> None:
    # mean 2; s = sqrt((1 + 0 + 1) / 2) = 1; standard error 1 / sqrt(3) = 0.577350; t(0.975, 2) = 4.302653
    found = mean_interval([1, 2, 3])
    assert found.mean == 2
    assert found.low == pytest.approx(2 - 2.484138, abs=1e-5)
    assert found.high == pytest.approx(2 + 2.484138, abs=1e-5)


def test_five_values_give_the_interval_with_four_degrees_of_freedom() -> None:
    # mean 4; s = sqrt((4 + 0 + 0 + 0 + 4) / 4) = 1.414214; standard error s / sqrt(5) = 0.632456;
    # t(0.975, 4) = 2.776445
    found = mean_interval([2, 4, 4, 4, 6])
    assert found.mean == 4
    assert found.low == pytest.approx(4 - 1.755978, abs=1e-5)
    assert found.high == pytest.approx(4 + 1.755978, abs=1e-5)


def test_one_value_has_no_interval() -> None:
    assert mean_interval([3.5]) == natural_interval([3.5]) == Interval(3.5, None, None)


def test_values_that_cannot_be_negative_have_no_bound_below_zero() -> None:
    # As above: mean 12 and 12.706205 standard errors of 2
    found = natural_interval([10, 14])
    assert (found.mean, found.low) == (12, 0)
    assert found.high == pytest.approx(12 + 25.412409, abs=1e-5)
    assert natural_interval([2, 4, 4, 4, 6]) == mean_interval([2, 4, 4, 4, 6])


def test_no_values_have_no_mean() -> None:
    with pytest.raises(ValueError, match="no values"):
        mean_interval([])


def test_values_with_a_long_tail_have_an_interval_about_their_geometric_mean_and_above_zero() -> None:
    # Logarithms 0, ln 4 and ln 16: mean ln 4, s = ln 4, standard error ln 4 / sqrt(3), x 4.302653.
    found = geometric_interval([1, 4, 16])
    assert found.mean == pytest.approx(4)
    assert (found.low, found.high) == pytest.approx((4 ** (1 - 2.484138), 4 ** (1 + 2.484138)), rel=1e-5)


@pytest.mark.parametrize("values", [[], [0.0], [1.0, -1.0]])
def test_values_that_are_not_positive_have_no_geometric_mean(values: list[float]) -> None:
    with pytest.raises(ValueError, match="positive values"):
        geometric_interval(values)


@pytest.mark.parametrize(("contenders", "calls"), [(1, 0), (2, 0.05), (3, 0.15), (8, 1.4)])
def test_at_most_five_percent_of_all_pairs_are_false_positives(contenders: int, calls: float) -> None:
    assert chance_calls(contenders) == pytest.approx(calls)


@pytest.mark.parametrize("contenders", [3, 8])
def test_comparisons_with_a_best_chosen_from_the_same_figures_stay_within_the_reported_bounds(
    contenders: int,
) -> None:
    rng = np.random.default_rng([20261122, contenders])
    called = 0
    for rates in np.exp(rng.normal(0, 0.05, (DRAWS, contenders, 3))).tolist():
        best = max(rates, key=math.fsum)
        called += sum(verdict(ratio_interval(each, best)) == "slower" for each in rates if each is not best)
    assert 0.05 * (contenders - 1) < called / DRAWS < chance_calls(contenders)


def test_a_ratio_is_the_geometric_mean_of_the_ratios_of_each_block() -> None:
    # Ratios 2 and 8: sqrt(2 x 8) = 4. The ratio of the means and the mean of the ratios would both be 5.
    # Logarithms ln 2 and ln 8: mean ln 4, s = ln 4 / sqrt(2), standard error ln 4 / 2 = 0.693147, x 12.706205.
    found = ratio_interval([2, 8], [1, 1])
    assert found.mean == pytest.approx(4)
    assert found.low == pytest.approx(4 * math.exp(-12.706205 * math.log(2)), rel=1e-5)
    assert found.high == pytest.approx(4 * math.exp(12.706205 * math.log(2)), rel=1e-5)


def test_slow_blocks_of_both_contenders_do_not_widen_the_interval() -> None:
    found = ratio_interval([200, 100, 50], [100, 50, 25])
    assert (found.mean, found.low, found.high) == pytest.approx((2, 2, 2))


@pytest.mark.parametrize(("a", "b"), [([], []), ([1.0], [1.0, 2.0]), ([0.0], [1.0]), ([1.0], [0.0]), ([-1.0], [1.0])])
def test_a_ratio_without_pairs_of_positive_values_is_refused(a: list[float], b: list[float]) -> None:
    with pytest.raises(ValueError, match="pairs of positive values"):
        ratio_interval(a, b)


@given(st.lists(st.tuples(rates, rates), min_size=1, max_size=6))
def test_a_over_b_and_b_over_a_agree(pairs: list[tuple[float, float]]) -> None:
    a, b = [x for x, _ in pairs], [y for _, y in pairs]
    try:
        there, back = ratio_interval(a, b), ratio_interval(b, a)
    except OverflowError:
        return  # the interval is wider than floating-point numbers
    assert there.mean == pytest.approx(1 / back.mean)
    if there.low is not None and back.low is not None and back.high is not None and back.high < math.inf:
        assert there.low == pytest.approx(1 / back.high, rel=1e-6)
    opposite: dict[Verdict, Verdict] = {"faster": "slower", "slower": "faster"}
    if abs(there.mean - 1) > 0.04:  # near 1, a ratio may differ by 2 % while its inverse differs by less
        assert verdict(back) in (opposite.get(verdict(there), verdict(there)), "inconclusive", "tie")


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=10))
def test_an_interval_contains_its_mean_and_the_mean_is_among_the_values(values: list[float]) -> None:
    found = mean_interval(values)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.mean <= found.high
    assert min(values) - 1e-6 <= found.mean <= max(values) + 1e-6


@given(st.lists(st.floats(1, 1e3), min_size=2, max_size=8), st.floats(0.5, 100))
def test_an_interval_scales_with_the_values(values: list[float], factor: float) -> None:
    one, other = mean_interval(values), mean_interval([value * factor for value in values])
    assert one.low is not None
    assert other.low is not None
    assert other.mean == pytest.approx(one.mean * factor)
    assert other.low == pytest.approx(one.low * factor, abs=1e-6 * factor)


@given(st.lists(rates, min_size=2, max_size=6))
def test_a_contender_compared_with_itself_is_a_tie(values: list[float]) -> None:
    assert verdict(ratio_interval(values, values)) == "tie"


@pytest.mark.parametrize(
    ("percent", "needed"),
    # Ten samples beyond it: 10 / 0.5, 10 / 0.1, 10 / 0.05, 10 / 0.01, 10 / 0.001
    [(50, 20), (90, 100), (95, 200), (99, 1_000), (99.9, 10_000)],
)
def test_a_percentile_needs_ten_samples_beyond_it(percent: float, needed: int) -> None:
    assert samples_needed(percent) == needed


@given(st.floats(1, 99.9))
def test_the_sample_that_is_needed_is_the_smallest_with_ten_beyond(percent: float) -> None:
    needed, beyond = samples_needed(percent), 1 - percent / 100
    assert needed * beyond >= 10 - 1e-4
    assert (needed - 1) * beyond < 10


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (Interval(1.5, 1.2, 1.9), "faster"),
        (Interval(0.7, 0.6, 0.8), "slower"),
        # The whole interval is above 1, and the mean is just above 2 %, or just below.
        (Interval(1.02, 1.0001, 1.04), "faster"),
        (Interval(1.0199, 1.0001, 1.04), "tie"),
        (Interval(0.98, 0.96, 0.9999), "slower"),
        (Interval(0.9801, 0.96, 0.9999), "tie"),
        # With a bound at 1, the whole interval is neither above nor below 1.
        (Interval(1.02, 1.0, 1.04), "tie"),
        (Interval(1.2, 1.0, 1.5), "inconclusive"),
        (Interval(0.8, 0.6, 1.0), "inconclusive"),
        # 5 % in both directions, and a little more.
        (Interval(1.0, 0.95, 1.05), "tie"),
        (Interval(1.0, 0.9499, 1.05), "inconclusive"),
        (Interval(1.0, 0.95, 1.0501), "inconclusive"),
        # One trial says nothing about the next one.
        (Interval(3.0, None, None), "inconclusive"),
    ],
)
def test_a_verdict_follows_from_the_interval(ratio: Interval, said: str) -> None:
    assert verdict(ratio) == said


DRAWS = 2000


def verdicts(true_ratio: float, noise: float, trials: int) -> Counter[Verdict]:
    """The verdicts of seeded comparisons. `noise` changes each trial, and 30 % changes both contenders of a block."""
    rng = np.random.default_rng([20261122, trials, round(noise * 1e6), round(true_ratio * 1e6)])
    blocks = 1000 * np.exp(rng.normal(0, 0.3, (DRAWS, trials)))
    one, other = blocks * np.exp(rng.normal(0, noise, (2, DRAWS, trials)))
    pairs = zip((true_ratio * one).tolist(), other.tolist(), strict=True)
    return Counter(verdict(ratio_interval(a, b)) for a, b in pairs)


@pytest.mark.parametrize("trials", [3, 5, 10])
def test_a_compared_with_a_has_about_five_false_positives_in_a_hundred(trials: int) -> None:
    found = verdicts(true_ratio=1, noise=0.05, trials=trials)
    assert 0.02 <= (found["faster"] + found["slower"]) / DRAWS <= 0.08
    # Each direction has 2.5 %, within four standard errors of a share of 2,000 draws, 4 sqrt(0.025 x 0.975 / 2000).
    assert found["faster"] / DRAWS == pytest.approx(0.025, abs=0.014)
    assert found["slower"] / DRAWS == pytest.approx(0.025, abs=0.014)


@pytest.mark.parametrize("noise", [0.05, 0.02])
@pytest.mark.parametrize("trials", [3, 5, 10])
def test_a_true_difference_of_five_percent_is_found_as_often_as_theory_says(trials: int, noise: float) -> None:
    from scipy import stats  # importing it takes a second

    # The power of the paired t test is the probability that T exceeds its bound. T has a noncentral t distribution
    # about the true logarithm over its standard error. The noise of two contenders is sqrt(2) times that of one.
    bound = stats.t.ppf(0.975, trials - 1)
    power = stats.nct.sf(bound, trials - 1, math.log(1.05) * math.sqrt(trials) / (noise * math.sqrt(2)))
    found = verdicts(true_ratio=1.05, noise=noise, trials=trials)
    assert found["faster"] / DRAWS == pytest.approx(power, abs=4 * math.sqrt(power * (1 - power) / DRAWS))


@pytest.mark.parametrize("trials", [3, 5, 10])
def test_a_true_difference_of_half_a_percent_does_not_count_even_if_it_is_certain(trials: int) -> None:
    assert verdicts(true_ratio=1.005, noise=0.0001, trials=trials) == {"tie": DRAWS}
