"""Intervals of a run that looks at its results after each round."""

import math

import numpy as np
import pytest

from benchmarks import sequential
from tests.analysis.test_comparison import DJANGO, FLASK, at_rates
from tests.made_up import claims, runs
from tests.made_up.claims import CLAIMS, WOBBLE
from waitbench.analysis.comparison import Comparison, compare
from waitbench.analysis.looks import ERRORS, level
from waitbench.analysis.statistics import CONFIDENCE, mean_interval, ratio_interval, verdict
from waitbench.records.run import LEAST_REPEATS, MOST_REPEATS

DRAWS = 500
RATES = {FLASK: [70.0, 71.0, 73.0], DJANGO: [80.0, 82.0, 84.0]}


def test_a_run_that_looks_once_has_the_usual_level() -> None:
    assert level(None) == level(LEAST_REPEATS) == CONFIDENCE


def test_more_looks_have_a_higher_level() -> None:
    levels = [level(most) for most in range(LEAST_REPEATS, MOST_REPEATS + 1)]
    assert levels == sorted(levels)
    assert len({*levels}) == len(ERRORS) == len(levels)
    assert level(MOST_REPEATS + 1) == levels[-1] == pytest.approx(0.99371)


def test_the_sum_of_all_looks_bounds_the_level() -> None:
    """By Bonferroni, 5 % over all looks is enough; and one look alone has at most 5 %."""
    for most in range(LEAST_REPEATS, MOST_REPEATS + 1):
        assert (1 - CONFIDENCE) / (most - LEAST_REPEATS + 1) <= 1 - level(most) + 1e-12 <= 1 - CONFIDENCE + 1e-9


def test_an_interval_is_as_wide_as_its_level_asks() -> None:
    # Values 1, 2, 3: standard error 1 / sqrt(3). By tables, t with 2 degrees of freedom is 9.925 for 99 %.
    found = mean_interval([1, 2, 3], 0.99)
    assert found.ends == pytest.approx((2 - 9.925 / math.sqrt(3), 2 + 9.925 / math.sqrt(3)), abs=1e-3)


def bound(share: float, draws: int) -> float:
    """Four standard errors of a share: a correct simulation is beyond them in one of 16,000 seeds."""
    return 4 * math.sqrt(share * (1 - share) / draws)


@pytest.mark.parametrize("most", [4, 8, 30])
def test_one_run_in_twenty_ever_excludes_the_truth(most: int) -> None:
    logs = sequential.draws(lambda rng, shape: rng.normal(0, 1, shape), most, 9, DRAWS)
    assert sequential.missed(logs, level(most)) == pytest.approx(0.05, abs=bound(0.05, DRAWS))
    if most > 4:
        assert sequential.missed(logs, CONFIDENCE) > 0.05 + bound(0.05, DRAWS)


def test_the_simulation_has_the_intervals_and_verdicts_of_the_product() -> None:
    logs = np.random.default_rng(1).normal(-0.1, 0.1, (20, 8))
    found = sequential.looks(logs, level(8))
    for row, values in enumerate(np.exp(logs).tolist()):
        for look in range(8 - LEAST_REPEATS + 1):
            ratio = ratio_interval(values[: look + LEAST_REPEATS], [1.0] * (look + LEAST_REPEATS), level(8))
            low, high = np.exp(found.mean + found.half * -1)[row, look], np.exp(found.mean + found.half)[row, look]
            assert ratio.ends == pytest.approx((low, high))
            assert found.significant[row, look] == (verdict(ratio) in ("slower", "faster"))


@pytest.mark.parametrize("most", [None, 8])
def test_a_claim_is_judged_at_the_level_of_its_run(most: int | None) -> None:
    asked = CLAIMS[0].rules[0]
    made = claims.trials(asked, CLAIMS[0].place(asked.of), CLAIMS[0].place(asked.over), [2 * each for each in WOBBLE])
    ratio = claims.judged(CLAIMS[0], made, most_repeats=most).rulings[0].ratio
    assert ratio
    # The logarithms of 1, 1.01 and 0.99 have a standard error of 0.00577.
    quantile = 4.303 if most is None else 8.243
    assert math.log(ratio.ends[1] / ratio.ends[0]) / 2 == pytest.approx(quantile * 0.00577, rel=1e-2)


class TestRuns:
    def compared(self, most: int | None) -> Comparison:
        trials = at_rates(RATES)
        run = runs.run_record([trial.spec for trial in trials], most_repeats=most)
        if most:
            run = runs.with_plan(run, time_s=300.0, sure_within=0.05)
        return compare(run, trials)

    def ratio_width(self, most: int | None) -> float:
        [point] = self.compared(most).sections[0].points
        [standing] = [standing for standing in point.standings if standing.ratio]
        assert standing.ratio
        return math.log(standing.ratio.ends[1] / standing.ratio.ends[0])

    def test_fixed_repeats_keep_their_intervals(self) -> None:
        # t with 2 degrees of freedom: 4.303 for 95 %.
        logs = [math.log(a / b) for a, b in zip(*RATES.values(), strict=True)]
        error = np.std(logs, ddof=1) / math.sqrt(3)
        assert self.ratio_width(None) == pytest.approx(2 * 4.303 * error, rel=1e-3)

    def test_repeats_that_a_run_decides_on_have_wider_ones(self) -> None:
        # 1.44 % for up to 8 repeats, so t is 8.24 (both tails of two degrees of freedom), and 12.6 for up to 30.
        assert self.ratio_width(8) / self.ratio_width(None) == pytest.approx(8.24 / 4.303, rel=1e-3)
        assert self.ratio_width(30) / self.ratio_width(None) == pytest.approx(12.55 / 4.303, rel=1e-3)

    def test_the_rate_of_a_cell_has_an_interval_of_the_same_level(self) -> None:
        fixed, several = (self.compared(most).cells[0] for most in (None, 8))
        one, other = fixed.goodput, several.goodput
        assert other.mean == one.mean
        assert (other.ends[1] - other.mean) / (one.ends[1] - one.mean) == pytest.approx(8.24 / 4.303, rel=1e-3)
        assert fixed.confidence == CONFIDENCE
        assert several.confidence == level(8)
