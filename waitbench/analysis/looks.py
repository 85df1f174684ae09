"""Intervals that stay correct although a run looks at them after each round of repeats.

A run with `sure_within` decides after each round which load points need more repeats. Each such look is another chance
of a false positive, so an interval with a level of 95 % would miss the truth too often. These are the repeated
confidence intervals of Jennison and Turnbull (1989, J. R. Stat. Soc. B 51, 305-361) with Pocock's boundary (1977,
Biometrika 64, 191-199): every look has the same level above 95 %, and 95 % is the chance that all of them contain the
truth. So they are correct whatever makes the run stop: a decision, the time, or a user.

The level depends only on the highest number of repeats, which is known before the run. benchmarks/sequential.py
computes the levels and checks them.
"""

from waitbench.analysis.statistics import CONFIDENCE
from waitbench.records.run import LEAST_REPEATS

ERRORS = (
    0.0500, 0.0305, 0.0228, 0.0187, 0.0161, 0.0144, 0.0130, 0.0120, 0.0112, 0.0106, 0.0100, 0.00954, 0.00914, 0.00879,
    0.00848, 0.00820, 0.00796, 0.00773, 0.00753, 0.00735, 0.00718, 0.00702, 0.00687, 0.00674, 0.00661, 0.00650, 0.00639,
    0.00629,
)  # fmt: skip
"""1 - level of each look, for runs of at most 3, 4, ... 30 repeats.

It is the 5 % quantile of the smallest p-value of the t tests after 3, 4, ... repeats, all contenders alike: 4 million
draws of `python -m benchmarks.sequential --levels`. Its standard error is below 0.5 %.
"""


def level(most_repeats: int | None) -> float:
    """The level of each interval of a run with at most so many repeats; None: a run whose repeats are fixed.

    Beyond the last entry of `ERRORS` it is that of the last one.
    """
    if most_repeats is None or most_repeats <= LEAST_REPEATS:
        return CONFIDENCE
    return 1 - ERRORS[min(most_repeats - LEAST_REPEATS, len(ERRORS) - 1)]
