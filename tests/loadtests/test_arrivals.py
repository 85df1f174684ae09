"""When the requests of an open loop are meant to start."""

import itertools
import math
import random

import numpy as np
import pytest

from loadtests.arrivals import arrivals_ns, schedule_ns
from tests.made_up import runs
from waitbench.records.load_point import Burst, Mixed, Stage
from waitbench.records.spec import Exchange, TrialSpec


def spec(rate: float, seconds: float = 20, **changes: object) -> TrialSpec:
    given = {"load_model": "open", "load": rate, "warmup_s": 0, "measure_s": seconds, "arrivals_seed": 7, **changes}
    return runs.spec(**given)  # type: ignore[arg-type]


def gaps_s(planned: TrialSpec) -> list[float]:
    return [(b - a) / 1e9 for a, b in itertools.pairwise([0, *schedule_ns(planned)])]


@pytest.mark.parametrize("seed", range(5))
def test_poisson_arrivals_have_exponential_gaps(seed: int) -> None:
    from scipy import stats  # takes a second

    gaps = gaps_s(spec(1000, arrivals_seed=seed))
    assert stats.kstest(gaps, stats.expon(scale=1 / 1000).cdf).pvalue > 0.001


@pytest.mark.parametrize("seed", range(5))
def test_the_number_of_poisson_arrivals_is_as_expected(seed: int) -> None:
    expected = 1000 * 20
    assert abs(len(gaps_s(spec(1000, arrivals_seed=seed))) - expected) < 5 * math.sqrt(expected)


def test_uniform_arrivals_have_equal_gaps() -> None:
    gaps = gaps_s(spec(50, arrivals="uniform"))
    assert len(gaps) == pytest.approx(50 * 20, abs=1)
    assert max(gaps) - min(gaps) < 1e-6


def test_the_same_seed_gives_the_same_arrivals_and_another_seed_others() -> None:
    assert list(schedule_ns(spec(100))) == list(schedule_ns(spec(100)))
    assert list(schedule_ns(spec(100))) != list(schedule_ns(spec(100, arrivals_seed=8)))


def test_arrivals_are_in_order_and_end_with_the_window() -> None:
    planned = spec(500, seconds=2, warmup_s=1)
    found = list(schedule_ns(planned))
    assert found == sorted(found)
    assert found[-1] < 3e9
    assert found[-1] > 2.9e9


def test_uniform_arrivals_begin_after_one_gap_and_none_is_at_the_end() -> None:
    """Computed by hand: at 4 a second for 1.25 s, of which 0.25 s are warm-up."""
    planned = spec(4, seconds=1, warmup_s=0.25, arrivals="uniform")
    assert list(schedule_ns(planned)) == [250_000_000, 500_000_000, 750_000_000, 1_000_000_000]
    assert list(arrivals_ns(planned)) == [(at, False) for at in schedule_ns(planned)]


def test_poisson_arrivals_are_the_sums_of_the_drawn_gaps() -> None:
    rng, at_s, right = random.Random(7), 0.0, []
    while (at_s := at_s + rng.expovariate(1.0) / 100) < 2:
        right.append(at_s)
    found = list(schedule_ns(spec(100, seconds=2)))
    assert [at / 1e9 for at in found] == pytest.approx(right, abs=1e-8)
    assert len(found) == len(right)


STAGES = ((100.0, 4.0), (2000.0, 3.0), (50.0, 2.0), (300.0, 5.0))
"""Rate and seconds."""


def profiled(*stages: tuple[float, float], warmup_s: float = 0, **changes: object) -> TrialSpec:
    profile = tuple(Stage(rate=rate, seconds=seconds) for rate, seconds in stages)
    highest, whole_s = max(rate for rate, _ in stages), sum(seconds for _, seconds in stages)
    return spec(highest, whole_s, scenario=Burst(stages=profile), warmup_s=warmup_s, **changes)


def counts(planned: TrialSpec, *edges_s: float) -> list[int]:
    """The number of arrivals between each two edges."""
    starts = [at / 1e9 for at in schedule_ns(planned)]
    return [sum(a <= at < b for at in starts) for a, b in itertools.pairwise(edges_s)]


class TestProfile:
    """A load of several rates, one after the other."""

    def test_uniform_gaps_change_where_the_rate_changes(self) -> None:
        """Computed by hand."""
        planned = profiled((1, 1.5), (4, 1), (2, 1), arrivals="uniform")
        starts_s = [at / 1e9 for at in schedule_ns(planned)]
        # A gap is one request. Half a gap has passed at 1.5 s, and again at 2.5 s.
        assert starts_s == pytest.approx([1.0, 1.625, 1.875, 2.125, 2.375, 2.75, 3.25])

    def test_the_warm_up_has_the_first_rate(self) -> None:
        planned = profiled((10, 1), (100, 1), (10, 1), warmup_s=2, arrivals="uniform")
        assert counts(planned, 0, 2.005, 3.005, 4.005, 4.95) == [20, 10, 100, 9]

    @pytest.mark.parametrize("seed", range(5))
    def test_each_stage_has_the_arrivals_of_its_rate(self, seed: int) -> None:
        from scipy import stats  # takes a second

        planned = profiled(*STAGES, warmup_s=1, arrivals_seed=seed)
        found = counts(planned, 1, 5, 8, 10, 15)
        right = [rate * seconds for rate, seconds in STAGES]
        # Independent Poisson counts: their squared deviations, each divided by its mean, sum to a chi-square of four.
        deviation = sum((a - b) ** 2 / b for a, b in zip(found, right, strict=True))
        assert stats.chi2.sf(deviation, df=len(STAGES)) > 0.001

    @pytest.mark.parametrize("seed", range(5))
    def test_gaps_in_requests_are_exponential_across_stages(self, seed: int) -> None:
        """If time is rescaled by the rate, a Poisson process of rate 1 is left, wherever the rate changed."""
        from scipy import stats  # takes a second

        # Short stages, so that many gaps span two of them, and some span three.
        stages = [(rate, 0.02) for _ in range(300) for rate in (20.0, 400.0, 60.0)]
        planned = profiled(*stages, arrivals_seed=seed)
        edges = list(itertools.accumulate((seconds for _, seconds in stages), initial=0.0))
        passed = list(itertools.accumulate((rate * seconds for rate, seconds in stages), initial=0.0))
        rescaled = np.interp([0.0, *(at / 1e9 for at in schedule_ns(planned))], edges, passed)
        assert stats.kstest(np.diff(rescaled), stats.expon.cdf).pvalue > 0.001
        assert len(rescaled) == pytest.approx(passed[-1], abs=5 * math.sqrt(passed[-1]))

    def test_stages_of_equal_rates_give_the_arrivals_of_a_plain_load(self) -> None:
        planned = profiled((100, 2), (100, 3), (100, 1), warmup_s=1)
        found, plain = list(schedule_ns(planned)), list(schedule_ns(spec(100, seconds=6, warmup_s=1)))
        assert found == pytest.approx(plain, abs=100)  # nanoseconds, since they are added up in another order

    def test_arrivals_of_a_profile_are_in_order_and_within_the_trial(self) -> None:
        found = list(schedule_ns(profiled(*STAGES, warmup_s=1)))
        assert found == sorted(found)
        assert 14.9e9 < found[-1] < 15e9


def mixed(share: float, **changes: object) -> TrialSpec:
    slow = Exchange(path="/wait?ms=9", body=None)
    mixed = Mixed(workload="wait", params={"ms": 9}, share=share)
    return spec(1000, 20, scenario=mixed, neighbours=slow, **changes)


class TestNeighbours:
    """A share of a mixed load's arrivals."""

    @pytest.mark.parametrize("share", [0.001, 0.05, 0.5, 0.9])
    @pytest.mark.parametrize("arrivals", ["poisson", "uniform"])
    def test_the_number_of_neighbours_is_that_of_their_share(self, share: float, arrivals: str) -> None:
        from scipy import stats  # takes a second

        found = [beside for _, beside in arrivals_ns(mixed(share, arrivals=arrivals))]
        assert stats.binomtest(sum(found), len(found), share).pvalue > 0.001

    def test_all_arrivals_together_are_those_of_a_plain_load(self) -> None:
        assert [at for at, _ in arrivals_ns(mixed(0.3))] == list(schedule_ns(spec(1000)))

    def test_without_neighbours_the_other_arrivals_do_not_change(self) -> None:
        with_neighbours, alone = mixed(0.3), mixed(0.3, alone=True)
        assert list(arrivals_ns(alone)) == [(at, False) for at, beside in arrivals_ns(with_neighbours) if not beside]
        assert list(schedule_ns(alone)) == list(schedule_ns(with_neighbours))

    def test_the_choice_of_neighbours_is_independent_of_arrival_times(self) -> None:
        """A random split of a Poisson process gives two independent Poisson processes."""
        from scipy import stats  # takes a second

        arrivals = list(arrivals_ns(mixed(0.3)))
        for kind, rate in ((False, 700), (True, 300)):
            gaps = [
                (b - a) / 1e9 for a, b in itertools.pairwise([0, *(at for at, beside in arrivals if beside == kind)])
            ]
            assert stats.kstest(gaps, stats.expon(scale=1 / rate).cdf).pvalue > 0.001

    def test_another_seed_chooses_other_neighbours(self) -> None:
        one, two = (
            [beside for _, beside in arrivals_ns(mixed(0.3, arrivals="uniform", arrivals_seed=seed))] for seed in (7, 8)
        )
        assert one != two
