"""Pure statistics: no files, no clocks, no printing.

Intervals are over trials, never over requests. The requests of one trial share its machine, minute and luck, so they
describe that trial, not the next one (Kalibera and Jones 2013). benchmarks/intervals.py shows why the intervals use
Student's t and not a bootstrap.

`confidence` is the level of one interval. It is above 95 % if a run looks at its intervals several times
(analysis/looks.py), so that all its looks together have 95 %.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

CONFIDENCE = 0.95

PRACTICAL = 0.02
"""A difference below this does not count, even if it is significant.

Two processes of the same code differ by 1 % here (benchmarks/a_a.py). All repeats of a run share the processes, so
repeating cannot average that out.
"""

TIE = 0.05
"""A ratio is a tie if its whole interval is within this distance of 1; a wider interval is inconclusive."""

Verdict = Literal["faster", "slower", "tie", "inconclusive"]


@dataclass(frozen=True)
class Interval:
    """A mean and the bounds of its 95 % confidence interval; the bounds are None for fewer than two values."""

    mean: float
    low: float | None
    high: float | None

    @property
    def bounded(self) -> bool:
        return self.low is not None

    @property
    def ends(self) -> tuple[float, float]:
        """The two bounds; if there are none, the mean twice."""
        return (self.mean if self.low is None else self.low, self.mean if self.high is None else self.high)


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Student's t interval over the trials, which is correctly wide for three trials.

    Raises ValueError if there is no value.
    """
    if not values:
        raise ValueError("the mean of no values")
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return Interval(mean, None, None)
    half = t_quantile(len(values), confidence) * _standard_error(values, mean)
    return Interval(mean, mean - half, mean + half)


def natural_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """`mean_interval` for values that cannot be negative, such as rates and times: no bound is below zero.

    The true mean is never in the part that is cut off, so the interval contains it as often as before.
    """
    found = mean_interval(values, confidence)
    return found if found.low is None else Interval(found.mean, max(0.0, found.low), found.high)


def geometric_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Student's t interval on logarithms, about the geometric mean; no bound is below zero.

    It suits values that are compared by ratios and have a long upper tail, such as latencies. Raises ValueError unless
    there are values and all are positive.
    """
    if not values or min(values) <= 0:
        raise ValueError("a geometric mean needs positive values")
    logs = mean_interval([math.log(value) for value in values], confidence)
    low, high = (None if bound is None else math.exp(bound) for bound in (logs.low, logs.high))
    return Interval(math.exp(logs.mean), low, high)


def ratio_interval(
    numerators: Sequence[float], denominators: Sequence[float], confidence: float = CONFIDENCE
) -> Interval:
    """The ratio of two contenders that ran in the same blocks: the geometric mean of the ratios of each block.

    Pairing by block removes what the machine did to both. Logarithms make a/b and b/a agree. Raises ValueError unless
    both have the same number of positive values.
    """
    if len(numerators) != len(denominators) or not numerators or min(*numerators, *denominators) <= 0:
        raise ValueError("a ratio needs pairs of positive values")
    return geometric_interval([a / b for a, b in zip(numerators, denominators, strict=True)], confidence)


def paired_ratio(
    own: Mapping[int, float], other: Mapping[int, float], confidence: float = CONFIDENCE
) -> Interval | None:
    """The ratio over the repeats that both have; None if they have none in common."""
    shared = sorted(own.keys() & other.keys())
    return ratio_interval([own[r] for r in shared], [other[r] for r in shared], confidence) if shared else None


def verdict(ratio: Interval) -> Verdict:
    """The verdict on a ratio of two rates: a higher rate is faster."""
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
    """Whether a ratio is a significant difference, in either direction."""
    return verdict(ratio) in ("faster", "slower")


def time_verdict(ratio: Interval) -> Verdict:
    """The verdict on a ratio of two times: a longer time is slower."""
    opposite: dict[Verdict, Verdict] = {"faster": "slower", "slower": "faster"}
    found = verdict(ratio)
    return opposite.get(found, found)


def chance_calls(contenders: int) -> float:
    """The upper bound of the expected number of false positives among equal contenders: 5 % of their pairs.

    Each contender is compared only with the best, but the same figures select the best. So more than 5 % of these
    comparisons are false positives (second table of benchmarks/intervals.py), but at most 5 % of all pairs.
    """
    return (1 - CONFIDENCE) * math.comb(contenders, 2)


def t_quantile(values: int, confidence: float) -> float:
    """The factor between the standard error of a mean of so many values and half the width of its interval."""
    from scipy import special  # importing it takes 0.4 s, and every command would wait for it

    return float(special.stdtrit(values - 1, (1 + confidence) / 2))


def _standard_error(values: Sequence[float], mean: float) -> float:
    count = len(values)
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    return math.sqrt(variance / count)
