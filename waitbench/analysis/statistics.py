"""Pure statistics: no files, no clocks, no printing.

Intervals are over trials, never over requests: requests of one trial share its machine, its minute and its luck, so
they tell how one trial went, not how the next one will (Kalibera and Jones 2013). Student's t and no bootstrap:
benchmarks/intervals.py shows why.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

CONFIDENCE = 0.95

PRACTICAL = 0.02
"""A difference below this is no difference, however sure: two processes of the same code differ by one per cent here
(benchmarks/a_a.py), and repeats within a run, which share them, can't average that out."""

TIE = 0.05
"""A ratio whose whole interval lies this near to 1 is a tie; a wider one is inconclusive."""

Verdict = Literal["faster", "slower", "tie", "inconclusive"]


@dataclass(frozen=True)
class Interval:
    """A mean and the bounds of its 95 % interval; bounds are None for fewer than two values."""

    mean: float
    low: float | None
    high: float | None

    @property
    def bounded(self) -> bool:
        return self.low is not None

    @property
    def ends(self) -> tuple[float, float]:
        """From where to where it reaches: of one that has no bounds, no farther than its mean."""
        return (self.mean if self.low is None else self.low, self.mean if self.high is None else self.high)


def mean_interval(values: Sequence[float]) -> Interval:
    """Student's t over the trials: with three of them it is wide, and rightly so. ValueError for no value."""
    if not values:
        raise ValueError("the mean of no values")
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return Interval(mean, None, None)
    half = _half_width(values, mean)
    return Interval(mean, mean - half, mean + half)


def natural_interval(values: Sequence[float]) -> Interval:
    """`mean_interval` of what can't be below nought, as a rate or a time: neither is a bound. What is cut off held no
    mean that could be, so the interval holds the true one as often as before."""
    found = mean_interval(values)
    return found if found.low is None else Interval(found.mean, max(0.0, found.low), found.high)


def geometric_interval(values: Sequence[float]) -> Interval:
    """Student's t on logarithms, about the geometric mean: for what is compared by ratios and has a long upper tail,
    as latencies have. No bound is below nought. ValueError unless there are values, all positive.
    """
    if not values or min(values) <= 0:
        raise ValueError("a geometric mean needs positive values")
    logs = mean_interval([math.log(value) for value in values])
    low, high = (None if bound is None else math.exp(bound) for bound in (logs.low, logs.high))
    return Interval(math.exp(logs.mean), low, high)


def ratio_interval(numerators: Sequence[float], denominators: Sequence[float]) -> Interval:
    """The ratio of two contenders that met in the same blocks: the geometric mean of the ratios of each block.

    Pairing by block takes out what the machine did to both. Taken on logarithms, so that a/b and b/a agree.
    ValueError unless both have the same number of positive values.
    """
    if len(numerators) != len(denominators) or not numerators or min(*numerators, *denominators) <= 0:
        raise ValueError("a ratio needs pairs of positive values")
    return geometric_interval([a / b for a, b in zip(numerators, denominators, strict=True)])


def paired_ratio(own: Mapping[int, float], other: Mapping[int, float]) -> Interval | None:
    """The ratio over the repeats that both have; None where there is none."""
    shared = sorted(own.keys() & other.keys())
    return ratio_interval([own[r] for r in shared], [other[r] for r in shared]) if shared else None


def verdict(ratio: Interval) -> Verdict:
    """What may be said of a ratio of two rates."""
    if ratio.low is None or ratio.high is None:
        return "inconclusive"
    if ratio.low > 1 and ratio.mean - 1 >= PRACTICAL:
        return "faster"
    if ratio.high < 1 and 1 - ratio.mean >= PRACTICAL:
        return "slower"
    if ratio.low >= 1 - TIE and ratio.high <= 1 + TIE:
        return "tie"
    return "inconclusive"


def differs(ratio: Interval) -> bool:
    """Whether it is a difference that holds, whichever way."""
    return verdict(ratio) in ("faster", "slower")


def time_verdict(ratio: Interval) -> Verdict:
    """The same of a ratio of two times: what takes longer is slower."""
    opposite: dict[Verdict, Verdict] = {"faster": "slower", "slower": "faster"}
    found = verdict(ratio)
    return opposite.get(found, found)


def chance_calls(contenders: int) -> float:
    """At most so many differences are called by chance, on average, among contenders all alike: 5 % of their pairs.

    Each is compared with the best alone, but the same figures chose which one that is, so more than 5 % of these
    comparisons are called (the second table of benchmarks/intervals.py), and no more than of all pairs.
    """
    return (1 - CONFIDENCE) * math.comb(contenders, 2)


def _half_width(values: Sequence[float], mean: float) -> float:
    from scipy import special  # it takes 0.4 s to import, and every command would wait for it

    count = len(values)
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    return float(special.stdtrit(count - 1, (1 + CONFIDENCE) / 2)) * math.sqrt(variance / count)
