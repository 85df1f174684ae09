"""When the requests of an open loop are meant to start."""

import itertools
import math
import random

import numpy as np
import pytest

from loadtests.arrivals import arrivals_ns, schedule_ns
from tests.made_up import runs
from waitbench.records.spec import Neighbours, Stage, TrialSpec


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
def test_their_number_is_poissons_too(seed: int) -> None:
    expected = 1000 * 20
    assert abs(len(gaps_s(spec(1000, arrivals_seed=seed))) - expected) < 5 * math.sqrt(expected)


def test_uniform_arrivals_are_a_clock() -> None:
    gaps = gaps_s(spec(50, arrivals="uniform"))
    assert len(gaps) == pytest.approx(50 * 20, abs=1)
    assert max(gaps) - min(gaps) < 1e-6


def test_the_same_seed_gives_the_same_arrivals_and_another_seed_others() -> None:
    assert list(schedule_ns(spec(100))) == list(schedule_ns(spec(100)))
    assert list(schedule_ns(spec(100))) != list(schedule_ns(spec(100, arrivals_seed=8)))


def test_they_are_in_order_and_end_with_the_window() -> None:
    planned = spec(500, seconds=2, warmup_s=1)
    found = list(schedule_ns(planned))
    assert found == sorted(found)
    assert found[-1] < 3e9
    assert found[-1] > 2.9e9


def test_a_plain_clock_ticks_one_gap_after_the_beginning_and_never_at_the_end() -> None:
    """Computed by hand: at 4 a second for 1.25 s, of which 0.25 s are warm-up."""
    planned = spec(4, seconds=1, warmup_s=0.25, arrivals="uniform")
    assert list(schedule_ns(planned)) == [250_000_000, 500_000_000, 750_000_000, 1_000_000_000]
    assert list(arrivals_ns(planned)) == [(at, False) for at in schedule_ns(planned)]


def test_plain_arrivals_are_those_that_the_draws_add_up_to() -> None:
    rng, at_s, right = random.Random(7), 0.0, []
    while (at_s := at_s + rng.expovariate(1.0) / 100) < 2:
        right.append(at_s)
    found = list(schedule_ns(spec(100, seconds=2)))
    assert [at / 1e9 for at in found] == pytest.approx(right, abs=1e-8)
    assert len(found) == len(right)


STAGES = ((100.0, 4.0), (2000.0, 3.0), (50.0, 2.0), (300.0, 5.0))
"""Rate and seconds."""


def profiled(*stages: tuple[float, float], warmup_s: float = 0, **changes: object) -> TrialSpec:
    profile = [Stage(rate=rate, seconds=seconds) for rate, seconds in stages]
    most, whole_s = max(rate for rate, _ in stages), sum(seconds for _, seconds in stages)
    return spec(most, whole_s, scenario="burst", profile=profile, warmup_s=warmup_s, **changes)


def counts(planned: TrialSpec, *edges_s: float) -> list[int]:
    """Arrivals between each two edges."""
    starts = [at / 1e9 for at in schedule_ns(planned)]
    return [sum(a <= at < b for at in starts) for a, b in itertools.pairwise(edges_s)]


class TestProfile:
    """One rate after the other."""

    def test_a_clock_changes_its_step_where_the_rate_changes(self) -> None:
        """Computed by hand."""
        planned = profiled((1, 1.5), (4, 1), (2, 1), arrivals="uniform")
        told_s = [at / 1e9 for at in schedule_ns(planned)]
        # A gap is one request: half of one has passed at 1.5 s, and at 2.5 s again.
        assert told_s == pytest.approx([1.0, 1.625, 1.875, 2.125, 2.375, 2.75, 3.25])

    def test_the_warm_up_is_at_the_first_rate(self) -> None:
        planned = profiled((10, 1), (100, 1), (10, 1), warmup_s=2, arrivals="uniform")
        assert counts(planned, 0, 2.005, 3.005, 4.005, 4.95) == [20, 10, 100, 9]

    @pytest.mark.parametrize("seed", range(5))
    def test_each_stage_has_as_many_as_its_rate_says(self, seed: int) -> None:
        from scipy import stats  # takes a second

        planned = profiled(*STAGES, warmup_s=1, arrivals_seed=seed)
        found = counts(planned, 1, 5, 8, 10, 15)
        right = [rate * seconds for rate, seconds in STAGES]
        # Independent Poisson counts: the squares of their deviations, each by its mean, add up to a chi-square of four.
        deviation = sum((a - b) ** 2 / b for a, b in zip(found, right, strict=True))
        assert stats.chi2.sf(deviation, df=len(STAGES)) > 0.001

    @pytest.mark.parametrize("seed", range(5))
    def test_gaps_told_in_requests_are_exponential_across_stages_too(self, seed: int) -> None:
        from scipy import stats  # takes a second

        """Time rescaled by the rate: what is left is a Poisson process of rate 1, whoever changed the rate when."""
        # Short stages, so that many gaps span two of them, and some span three.
        stages = [(rate, 0.02) for _ in range(300) for rate in (20.0, 400.0, 60.0)]
        planned = profiled(*stages, arrivals_seed=seed)
        edges = list(itertools.accumulate((seconds for _, seconds in stages), initial=0.0))
        passed = list(itertools.accumulate((rate * seconds for rate, seconds in stages), initial=0.0))
        rescaled = np.interp([0.0, *(at / 1e9 for at in schedule_ns(planned))], edges, passed)
        assert stats.kstest(np.diff(rescaled), stats.expon.cdf).pvalue > 0.001
        assert len(rescaled) == pytest.approx(passed[-1], abs=5 * math.sqrt(passed[-1]))

    def test_one_rate_all_along_is_no_other_than_a_plain_load(self) -> None:
        planned = profiled((100, 2), (100, 3), (100, 1), warmup_s=1)
        found, plain = list(schedule_ns(planned)), list(schedule_ns(spec(100, seconds=6, warmup_s=1)))
        assert found == pytest.approx(plain, abs=100)  # nanoseconds: they are added up in another order

    def test_all_of_it_is_in_order_and_within_the_trial(self) -> None:
        found = list(schedule_ns(profiled(*STAGES, warmup_s=1)))
        assert found == sorted(found)
        assert 14.9e9 < found[-1] < 15e9


def mixed(share: float, **changes: object) -> TrialSpec:
    slow = Neighbours(path="/wait?ms=9", body=None, workload="wait", params={"ms": 9}, share=share)
    return spec(1000, 20, scenario="mixed", beside=slow, **changes)


class TestNeighbours:
    """A share of a mixed load's arrivals."""

    @pytest.mark.parametrize("share", [0.001, 0.05, 0.5, 0.9])
    @pytest.mark.parametrize("arrivals", ["poisson", "uniform"])
    def test_they_are_as_many_as_their_share_says(self, share: float, arrivals: str) -> None:
        from scipy import stats  # takes a second

        found = [beside for _, beside in arrivals_ns(mixed(share, arrivals=arrivals))]
        assert stats.binomtest(sum(found), len(found), share).pvalue > 0.001

    def test_all_arrivals_together_are_those_of_a_plain_load(self) -> None:
        assert [at for at, _ in arrivals_ns(mixed(0.3))] == list(schedule_ns(spec(1000)))

    def test_alone_the_others_come_exactly_as_they_would_have(self) -> None:
        with_neighbours, alone = mixed(0.3), mixed(0.3, alone=True)
        assert list(arrivals_ns(alone)) == [(at, False) for at, beside in arrivals_ns(with_neighbours) if not beside]
        assert list(schedule_ns(alone)) == list(schedule_ns(with_neighbours))

    def test_which_they_are_has_nothing_to_do_with_when_they_come(self) -> None:
        from scipy import stats  # takes a second

        """Of a Poisson process, both parts of a split by chance are Poisson processes of their own."""
        arrivals = list(arrivals_ns(mixed(0.3)))
        for kind, rate in ((False, 700), (True, 300)):
            gaps = [
                (b - a) / 1e9 for a, b in itertools.pairwise([0, *(at for at, beside in arrivals if beside == kind)])
            ]
            assert stats.kstest(gaps, stats.expon(scale=1 / rate).cdf).pvalue > 0.001

    def test_another_seed_chooses_others(self) -> None:
        one, two = (
            [beside for _, beside in arrivals_ns(mixed(0.3, arrivals="uniform", arrivals_seed=seed))] for seed in (7, 8)
        )
        assert one != two
