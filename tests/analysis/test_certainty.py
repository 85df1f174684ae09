"""How certain load points are: which are decided, which are sure, and how many more repeats they need."""

import math
from collections.abc import Mapping, Sequence

import pytest

from tests.analysis.test_comparison import DJANGO, FASTAPI, FLASK, at_rates
from tests.made_up import runs
from tests.made_up.scenarios import mixed_trials
from waitbench.analysis.certainty import Certainty, Compared, certainties
from waitbench.analysis.comparison import Comparison, compare
from waitbench.analysis.statistics import CONFIDENCE, Interval, Verdict
from waitbench.records.trial import TrialRecord

WITHIN = 0.05


def compared(mean: float, low: float | None, high: float | None, found: Verdict, repeats: int = 4) -> Compared:
    return Compared("Flask", Interval(mean, low, high), found, repeats, CONFIDENCE)


def sure_run(trials: Sequence[TrialRecord], within: float = WITHIN, most: int = 8, time_s: float = 600.0) -> Comparison:
    """The comparison of a run that decides on its repeats, and that planned only these trials."""
    run = runs.run_record([trial.spec for trial in trials], most_repeats=most)
    return compare(runs.with_plan(run, repeats=3, time_s=time_s, sure_within=within), trials)


def only(rates: Mapping[str, Sequence[float]], within: float = WITHIN) -> Certainty:
    [found] = certainties(sure_run(at_rates(rates), within))
    return found


class TestCompared:
    @pytest.mark.parametrize(
        ("ratio", "decided", "sure"),
        [
            pytest.param(compared(0.80, 0.76, 0.84, "inconclusive"), True, True, id="narrow"),
            pytest.param(compared(0.80, 0.75, 0.85, "inconclusive"), False, False, id="wide"),
            pytest.param(compared(0.60, 0.40, 0.90, "slower"), True, False, id="significant"),
            pytest.param(compared(1.60, 1.10, 2.30, "faster"), True, False, id="significant upwards"),
            pytest.param(compared(1.00, 0.96, 1.04, "tie"), True, True, id="tie"),
            pytest.param(compared(0.97, None, None, "inconclusive", 1), False, False, id="one repeat"),
        ],
    )
    def test_it_is_decided_if_it_is_narrow_significant_or_a_tie(
        self, ratio: Compared, decided: bool, sure: bool
    ) -> None:
        assert (ratio.decided(WITHIN), ratio.half_width <= WITHIN) == (decided, sure)

    def test_half_the_width_is_a_share_of_the_ratio(self) -> None:
        assert compared(0.5, 0.45, 0.55, "slower").half_width == pytest.approx(0.1)

    def test_the_repeats_needed_follow_from_the_spread(self) -> None:
        # A spread of 10 % and four repeats: t with 3 degrees of freedom is 3.182, so the half width is 0.159.
        # For 10 %: nine repeats give 3.19 x 0.1 / 3 = 0.106, ten give 3.14 x 0.1 / 3.16 = 0.0993 at their own level.
        half = 3.182 * 0.1 / 2
        found = compared(0.8, 0.8 * math.exp(-half), 0.8 * math.exp(half), "slower")
        assert found.repeats_needed(0.1) == 6
        assert found.repeats_needed(0.2) == 0
        assert found.repeats_needed(0.0001) is None  # over a thousand

    def test_without_an_interval_they_are_unknown(self) -> None:
        assert compared(0.8, None, None, "inconclusive", 1).repeats_needed(WITHIN) is None
        assert compared(0.8, 0.8, 0.8, "slower").repeats_needed(WITHIN) == 0


class TestLoadPoints:
    def test_one_undecided_contender_makes_a_load_point_undecided(self) -> None:
        found = only({FLASK: [40, 41, 42], DJANGO: [80, 82, 84], FASTAPI: [70, 80, 75]})
        assert {each.title: each.verdict for each in found.compared} == {
            "Flask on threads": "slower",
            "FastAPI on asyncio": "inconclusive",
        }
        assert found.undecided
        assert found.widest
        assert found.widest.title == "FastAPI on asyncio"

    def test_a_significant_difference_is_decided_but_not_sure(self) -> None:
        found = only({FLASK: [20, 22, 21], DJANGO: [80, 82, 84]})
        assert (found.undecided, found.sure) == (False, False)
        assert found.repeats_needed is not None
        assert found.repeats_needed > 0
        assert found.block_s == 22  # two trials of 11 s
        assert found.seconds_needed == 22 * found.repeats_needed

    def test_equal_ratios_are_sure(self) -> None:
        found = only({FLASK: [40, 41, 42], DJANGO: [80, 82, 84]})
        assert (found.undecided, found.sure, found.repeats_needed) == (False, True, 0)

    def test_the_theoretical_maximum_needs_no_more_repeats(self) -> None:
        found = only({FLASK: [96, 99, 97], DJANGO: [99, 96, 98]}, within=0.005)
        assert (found.at_maximum, found.compared, found.undecided, found.sure) == (True, [], False, True)

    def test_a_contender_that_does_not_count_is_not_compared(self) -> None:
        trials = at_rates({FLASK: [70, 80, 60]})
        trials += [runs.trial(runs.spec(DJANGO, repeat=n), errors={"reset": 500}) for n in (1, 2, 3)]
        [found] = certainties(sure_run(trials))
        assert (found.compared, found.undecided, found.at_maximum) == ([], False, False)

    def test_the_repeats_are_those_that_two_contenders_share(self) -> None:
        trials = at_rates({FLASK: [70, 80, 60, 66], DJANGO: [80, 70, 75]})
        [found] = certainties(sure_run(trials))
        assert found.repeats == 4  # as planned
        assert [each.repeats for each in found.compared] == [3]

    def test_a_mixed_load_compares_each_contender_with_itself(self) -> None:
        steady = {FLASK: [(10.0, 30.0), (10.1, 30.1), (10.2, 30.3)]}
        noisy = {FASTAPI: [(2.0, 2.1), (2.0, 2.6), (2.0, 1.8)]}
        [found] = certainties(sure_run(mixed_trials(steady | noisy)))
        assert {each.title: each.verdict for each in found.compared} == {
            "Flask on threads": "slower",
            "FastAPI on asyncio": "inconclusive",
        }
        assert found.undecided

    def test_a_run_with_fixed_repeats_has_none(self) -> None:
        assert certainties(runs.compared(at_rates({FLASK: [70, 80, 60], DJANGO: [75, 65, 80]}))) == []
