"""Which interval over trials covers its 95 %, and what it costs to compare with the best, by seeded simulation.

    .venv/bin/python -m benchmarks.intervals

A draw is one comparison: the logarithms of the ratios of two contenders, one for each block. The first table shows how
often an interval contains the true mean. This depends only on the shape of the noise and not on its size, because all
these intervals move and stretch with their values. With few trials the width is as important as the coverage: any
interval contains the truth if it is wide enough. Student's t is waitbench's own `mean_interval`.

In the second table all contenders are alike, and each is compared with the best of them, as in a report. There the same
figures choose the best and are then compared with it.
"""

import math
import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from waitbench.analysis.statistics import CONFIDENCE, mean_interval, ratio_interval, verdict

Values = NDArray[np.float64]
Bounds = tuple[Values, Values]
"""Low and high of each draw."""
Noise = Callable[[np.random.Generator, tuple[int, int]], Values]
"""Logarithms of a contender's rates: a row for each draw, a column for each trial."""

SEED, DRAWS, BATCH, RESAMPLES = 20261122, 10_000, 100, 1999
TRIALS = (3, 5, 10, 20)
CONTENDERS, POINTS = (2, 3, 5, 8), 4000
TAIL = (1 - CONFIDENCE) / 2


def even(rng: np.random.Generator, shape: tuple[int, int]) -> Values:
    """Normally distributed logarithms."""
    return rng.normal(0, 1, shape)


def skewed(rng: np.random.Generator, shape: tuple[int, int]) -> Values:
    """Mostly near the best value, and at times far below it: exponential, with skewness 2."""
    return 1 - rng.exponential(1, shape)


def bad_minute(rng: np.random.Generator, shape: tuple[int, int]) -> Values:
    """Normal, but ten standard deviations slower in one trial of twenty."""
    return rng.normal(0, 1, shape) - 10 * (rng.random(shape) < 0.05) + 0.5


def differences(one: Noise, other: Noise) -> Noise:
    return lambda rng, shape: one(rng, shape) - other(rng, shape)


SHAPES: dict[str, Noise] = {
    "normal": differences(even, even),
    "skewed, both alike": differences(skewed, skewed),
    "skewed, one of the two": skewed,
    "bad minutes, both alike": differences(bad_minute, bad_minute),
    "bad minutes, one of the two": differences(bad_minute, even),
}
"""Logarithms of ratios whose true mean is zero."""


def students_t(values: Values) -> Bounds:
    found = [mean_interval(row) for row in values.tolist()]
    return np.array([i.low for i in found]), np.array([i.high for i in found])


def bootstraps(values: Values, rng: np.random.Generator) -> Iterator[tuple[str, Bounds]]:
    """Percentile and BCa are from SciPy. It has no bootstrap-t, which uses the same number of resamples here."""
    done = None
    for method in ("percentile", "BCa"):
        done = stats.bootstrap(
            (values,), np.mean, axis=-1, vectorized=True, confidence_level=CONFIDENCE, method=method, rng=rng,
            n_resamples=0 if done else RESAMPLES, bootstrap_result=done,
        )  # fmt: skip
        yield method, (done.confidence_interval.low, done.confidence_interval.high)
    yield "bootstrap-t", bootstrap_t(values, rng)


def bootstrap_t(values: Values, rng: np.random.Generator) -> Bounds:
    """The bootstrap-t of Efron and Tibshirani 1993, chapter 12: quantiles of the resamples' own t, not of Student's.

    A resample that repeats one value has no width, so its t is infinite. With three trials that is one resample in
    nine, so the interval is unbounded.
    """
    count = values.shape[1]
    weights = rng.multinomial(count, np.full(count, 1 / count), RESAMPLES).T / count
    mean = values.mean(axis=1, keepdims=True)
    centred = values - mean
    shift = centred @ weights
    width = np.sqrt(np.maximum((centred**2) @ weights - shift**2, 0) / (count - 1))
    one_value = np.broadcast_to(weights.max(axis=0) == 1, shift.shape)
    t = np.where(one_value, np.copysign(np.inf, shift), shift / np.where(one_value, 1, width))
    low, high = np.quantile(t, [TAIL, 1 - TAIL], axis=1, method="inverted_cdf")
    error = values.std(axis=1, ddof=1) / math.sqrt(count)
    return mean[:, 0] - high * error, mean[:, 0] - low * error


def simulate(shape: Noise, trials: int, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """By method: the share of intervals that contain zero, and their median width over that of Student's t."""
    contained: dict[str, list[NDArray[np.bool_]]] = {}
    widths: dict[str, list[Values]] = {}
    for _ in range(DRAWS // BATCH):
        values = shape(rng, (BATCH, trials))
        own = students_t(values)
        for name, (low, high) in (("Student's t", own), *bootstraps(values, rng)):
            contained.setdefault(name, []).append((low <= 0) & (high >= 0))
            widths.setdefault(name, []).append((high - low) / (own[1] - own[0]))
    return {name: (float(np.mean(contained[name])), float(np.median(widths[name]))) for name in contained}


def called_slower(contenders: int, trials: int, rng: np.random.Generator) -> float:
    """The share of comparisons with the best that report a slower contender, though all are alike, at 5 % noise."""
    called = 0
    for rates in np.exp(rng.normal(0, 0.05, (POINTS, contenders, trials))):
        best = int(rates.mean(axis=1).argmax())
        others = [rates[n].tolist() for n in range(contenders) if n != best]
        called += sum(verdict(ratio_interval(other, rates[best].tolist())) == "slower" for other in others)
    return called / POINTS / (contenders - 1)


def main() -> None:
    began = time.monotonic()
    coverages()
    false_alarms()
    print(f"\nIt took {time.monotonic() - began:.0f} s.")


def false_alarms() -> None:
    print("\nShare of comparisons with the best that report a difference, all contenders alike;")
    print(f"{POINTS:,} load points each.\n")
    print(f"| contenders | {' | '.join(f'{trials:2} trials' for trials in TRIALS[:3])} |")
    print("| --- | --- | --- | --- |")
    for contenders in CONTENDERS:
        shares = [
            called_slower(contenders, trials, np.random.default_rng([SEED, contenders, trials]))
            for trials in TRIALS[:3]
        ]
        print(f"| {contenders:10} | {' | '.join(f'{share:9.1%}' for share in shares)} |", flush=True)


def coverages() -> None:
    error = math.sqrt(CONFIDENCE * (1 - CONFIDENCE) / DRAWS)
    print(
        f"Share of 95 % intervals that contain the truth, and (their median width over Student's t); {DRAWS:,} draws,"
    )
    print(f"seed {SEED}; two standard errors of a share of 95 % are ±{2 * error:.1%}.\n")
    names = ("Student's t", "percentile", "BCa", "bootstrap-t")
    print(f"| {'noise':27} | trials | {' | '.join(f'{name:>15}' for name in names)} |")
    print("| --- | --- | " + " | ".join("---" for _ in names) + " |")
    for number, (title, shape) in enumerate(SHAPES.items()):
        for trials in TRIALS:
            found = simulate(shape, trials, np.random.default_rng([SEED, number, trials]))
            shown = " | ".join(f"{found[n][0]:.1%} ({found[n][1]:.2f})".rjust(15) for n in names)
            print(f"| {title:27} | {trials:6} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
