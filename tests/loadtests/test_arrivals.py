"""When the requests of an open loop are meant to start."""

import itertools
import math

import pytest
from scipy import stats

from loadtests.arrivals import schedule_ns
from tests.waitbench import made_up
from waitbench.results import TrialSpec


def spec(rate: float, seconds: float = 20, **changes: object) -> TrialSpec:
    given = {"load_model": "open", "load": rate, "warmup_s": 0, "measure_s": seconds, "arrivals_seed": 7, **changes}
    return made_up.spec(**given)  # type: ignore[arg-type]


def gaps_s(planned: TrialSpec) -> list[float]:
    return [(b - a) / 1e9 for a, b in itertools.pairwise([0, *schedule_ns(planned)])]


@pytest.mark.parametrize("seed", range(5))
def test_poisson_arrivals_have_exponential_gaps(seed: int) -> None:
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
