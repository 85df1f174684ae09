"""Whether the intervals of a run with `sure_within` contain the truth although it looks at them, by seeded simulation.

    .venv/bin/python -m benchmarks.sequential             # some seconds
    .venv/bin/python -m benchmarks.sequential --levels    # ERRORS of analysis/looks.py again, two minutes

A simulated run has one load point: the logarithms of the ratios of two contenders, one for each repeat. The run looks
after 3, 4, ... repeats, and stops by one of these rules:

- `worst`: it goes on until an interval excludes the truth. No other rule has a lower coverage or more false positives.
- `decided`: it stops when the ratio is sure, significant or a tie. A load point can stop there if time is short.
- `sure`: it stops when the ratio is sure. That is waitbench with enough time.

`uncorrected` has intervals of 95 % at every look, as if the repeats were fixed.
"""

import argparse
import math
import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from benchmarks.intervals import SHAPES, Noise, Values
from waitbench.analysis.looks import level
from waitbench.analysis.statistics import CONFIDENCE, PRACTICAL, TIE
from waitbench.records.run import LEAST_REPEATS, MOST_REPEATS

Flags = NDArray[np.bool_]
Rule = Literal["decided", "sure"]

SEED, RUNS, WITHIN = 20261201, 2000, 0.05
LEVEL_DRAWS, BATCH = 4_000_000, 50_000
MOST = (4, 8, 15, MOST_REPEATS)
TRUTHS, SPREADS = (1.0, 0.95, 0.63), (0.02, 0.05, 0.10)
"""True ratios, and standard deviations of the logarithm of one repeat's ratio: from a quiet to a noisy machine."""
CONTENDERS, NOISE = (2, 3, 5), 0.05


@dataclass(frozen=True)
class Looks:
    """The intervals of many runs on logarithms: a row for each run, a column for each look."""

    mean: Values
    half: Values

    @property
    def sure(self) -> Flags:
        return np.sinh(self.half) <= WITHIN

    @property
    def significant(self) -> Flags:
        mean, half = self.mean, self.half
        return ((mean > half) & (np.exp(mean) - 1 >= PRACTICAL)) | ((mean < -half) & (1 - np.exp(mean) >= PRACTICAL))

    @property
    def decided(self) -> Flags:
        tie = (np.exp(self.mean - self.half) >= 1 - TIE) & (np.exp(self.mean + self.half) <= 1 + TIE)
        return self.sure | self.significant | tie

    def contain(self, truth: float) -> Flags:
        return np.abs(self.mean - truth) <= self.half

    def stops(self, rule: Rule) -> NDArray[np.int64]:
        """The column of the look at which each run stops: the last one, if the rule is never met."""
        met = self.sure if rule == "sure" else self.decided
        return first(met)


def first(met: Flags) -> NDArray[np.int64]:
    """The first column of each row that is met, or else the last one."""
    columns: NDArray[np.int64] = np.where(met.any(axis=1), met.argmax(axis=1), met.shape[1] - 1)
    return columns


def looks(logs: Values, confidence: float) -> Looks:
    """The intervals after 3, 4, ... repeats; `logs` has a column for each repeat."""
    count = np.arange(1, logs.shape[1] + 1)
    mean = logs.cumsum(axis=1) / count
    variance = np.maximum((logs**2).cumsum(axis=1) - count * mean**2, 0)[:, 1:] / count[:-1]
    half = special.stdtrit(count[1:] - 1, (1 + confidence) / 2) * np.sqrt(variance / count[1:])
    return Looks(mean[:, LEAST_REPEATS - 1 :], half[:, LEAST_REPEATS - 2 :])


def share(found: Flags, stops: NDArray[np.int64]) -> float:
    """The share of runs with something at the look at which they stop."""
    return float(np.take_along_axis(found, stops[:, None], axis=1).mean())


def draws(noise: Noise, most: int, seed: int, runs: int = RUNS) -> Values:
    return noise(np.random.default_rng([SEED, seed, most]), (runs, most))


def missed(logs: Values, confidence: float) -> float:
    """The share of runs in which any look excludes the true ratio, which is 1."""
    return float(1 - looks(logs, confidence).contain(0.0).all(axis=1).mean())


def worst() -> None:
    print(f"Runs in which any look excludes the truth, {RUNS:,} runs each. That is 1 - coverage, and the false")
    print("positives if there is no difference. It should be 5.0 %; two standard errors are 1.0 %.\n")
    print("| noise | looks with | " + " | ".join(f"{most} repeats" for most in MOST) + " |")
    print("| --- | --- | " + " | ".join("---" for _ in MOST) + " |")
    for number, (title, noise) in enumerate(SHAPES.items()):
        made = [(most, draws(noise, most, number)) for most in MOST]
        for name, levels in (("own level", [level(most) for most in MOST]), ("uncorrected", [CONFIDENCE] * len(MOST))):
            shares = [missed(logs, confidence) for (_, logs), confidence in zip(made, levels, strict=True)]
            print(f"| {title} | {name} | " + " | ".join(f"{each:.1%}" for each in shares) + " |")


def stopping() -> None:
    print(f"\nRuns that stop by a rule, at most {MOST_REPEATS} repeats, sure within {WITHIN:.0%}, normal noise:\n")
    print("| ratio | spread of a repeat | rule | coverage | uncorrected | significant | repeats (90 % of runs) |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    rules: tuple[Rule, ...] = ("decided", "sure")
    for truth in TRUTHS:
        for number, spread in enumerate(SPREADS):
            logs = math.log(truth) + draws(lambda rng, shape: rng.normal(0, 1, shape), MOST_REPEATS, number) * spread
            found, plain = looks(logs, level(MOST_REPEATS)), looks(logs, CONFIDENCE)
            for rule in rules:
                stops = found.stops(rule)
                covered = share(found.contain(math.log(truth)), stops)
                uncorrected = share(plain.contain(math.log(truth)), plain.stops(rule))
                repeats = np.quantile(stops + LEAST_REPEATS, [0.5, 0.9])
                print(
                    f"| {truth:.2f} | {spread:.0%} | {rule} | {covered:.1%} | {uncorrected:.1%} | "
                    f"{share(found.significant, stops):.1%} | {repeats[0]:.0f} ({repeats[1]:.0f}) |"
                )


def called(contenders: int, most: int, confidence: float) -> float:
    """The share of comparisons with the best that are called significant at the stop, all contenders alike.

    A run stops when all its comparisons are decided. The figures of each look choose the best.
    """
    rng = np.random.default_rng([SEED, contenders, most])
    logs = rng.normal(0, NOISE, (RUNS, contenders, most))
    best = np.exp(logs).cumsum(axis=2)[:, :, LEAST_REPEATS - 1 :].argmax(axis=1)
    decided, significant = [], []
    for look in range(best.shape[1]):
        chosen = np.take_along_axis(logs, best[:, look][:, None, None], axis=1)
        ratios = (logs - chosen)[:, :, : look + LEAST_REPEATS].reshape(-1, look + LEAST_REPEATS)
        found = looks(ratios, confidence)
        own = best[:, look][:, None] == np.arange(contenders)
        decided.append(found.decided[:, -1].reshape(RUNS, contenders) | own)
        significant.append(found.significant[:, -1].reshape(RUNS, contenders) & ~own)
    over = np.stack([each.all(axis=1) for each in decided], axis=1)
    return float(np.stack(significant, axis=1)[np.arange(RUNS), first(over)].sum() / RUNS / (contenders - 1))


def alike() -> None:
    print(f"\nComparisons with the best that are called significant, all contenders alike, {NOISE:.0%} noise each:\n")
    print("| contenders | " + " | ".join(f"{most} repeats" for most in MOST) + f" | uncorrected, {MOST_REPEATS} |")
    print("| --- | " + " | ".join("---" for _ in MOST) + " | --- |")
    for contenders in CONTENDERS:
        shares = [called(contenders, most, level(most)) for most in MOST]
        shares.append(called(contenders, MOST_REPEATS, CONFIDENCE))
        print(f"| {contenders} | " + " | ".join(f"{each:.1%}" for each in shares) + " |")


def mixture(count: int) -> float:
    """The half width of an anytime-valid interval in standard errors: a normal mixture for t, at its best prior.

    It is the t test of Gonen and others (2005) with an unknown variance, made sequential (Wang and Ramdas 2025).
    """
    g = 1 + count * np.geomspace(0.01, 1e6, 2000)
    r = (np.sqrt(g) / (1 - CONFIDENCE)) ** (2 / count)
    inside = r < g
    return float(np.sqrt((count - 1) * (r - 1)[inside] / (1 - r / g)[inside]).min()) if inside.any() else math.inf


def widths() -> None:
    print("\nHalf widths in standard errors of the mean:\n")
    print("| repeats so far | fixed | up to 8 | up to 15 | up to 30 | anytime-valid, best prior |")
    print("| --- | --- | --- | --- | --- | --- |")
    for count in (3, 4, 5, 8, 15, 30):
        quantiles = [
            f"{special.stdtrit(count - 1, (1 + confidence) / 2):.2f}" if count <= most else "-"
            for most, confidence in [(MOST_REPEATS, CONFIDENCE), *((most, level(most)) for most in MOST[1:])]
        ]
        print(f"| {count} | " + " | ".join(quantiles) + f" | {mixture(count):.2f} |")


def levels() -> None:
    """Print 1 - level for each highest number of repeats: the 5 % quantile of the smallest p-value of the looks."""
    rng, least = np.random.default_rng(SEED), []
    count = np.arange(LEAST_REPEATS, MOST_REPEATS + 1)
    for _ in range(LEVEL_DRAWS // BATCH):
        found = looks(rng.normal(0, 1, (BATCH, MOST_REPEATS)), CONFIDENCE)
        t = np.abs(found.mean) / found.half * special.stdtrit(count - 1, (1 + CONFIDENCE) / 2)
        least.append(np.minimum.accumulate(2 * special.stdtr(count - 1, -t), axis=1).astype(np.float32))
    for most, error in zip(count, np.quantile(np.concatenate(least), 1 - CONFIDENCE, axis=0), strict=True):
        print(f"{most:2} repeats: {error:.5f}, now {1 - level(int(most)):.5f}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--levels", action="store_true", help="compute the levels again")
    began = time.monotonic()
    if options.parse_args().levels:
        levels()
    else:
        for table in (worst, stopping, alike, widths):
            table()
    print(f"\nIt took {time.monotonic() - began:.0f} s.")


if __name__ == "__main__":
    main()
