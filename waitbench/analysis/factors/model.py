"""Framework and model apart: an additive model on logarithms, of contenders that share either with each other.

    log y = repeat + framework + model

It is fitted to each repeat by itself, so that what the machine did to a whole repeat falls out, and an effect's
interval is Student's t over the repeats, as of every ratio here. That a contender departs from its framework and model
by the same factor in each repeat widens no interval, and yet moves every effect. So where there is such an interaction
none of its effects is called, and simple_effects.py has what no model is behind.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from waitbench.analysis.statistics import CONFIDENCE, PRACTICAL, Interval, differs, geometric_interval, mean_interval

Levels = tuple[str, str]
"""Of a contender: its framework and its model."""
Factor = Literal["framework", "model"]
Array = NDArray[np.float64]

FACTORS: tuple[Factor, Factor] = ("framework", "model")
ENOUGH = 0.5
"""A contender with less than this share of the repeats that the fullest has is left out, lest all lose theirs."""
EXACT = 1e-9
"""What is nearer than this is equal, but for the arithmetic of floating point."""


@dataclass(frozen=True)
class Effect:
    """A level of one factor against the reference, the other factor being the same."""

    level: str
    ratio: Interval | None
    """None for the reference itself."""
    average: bool = False
    """Of ratios that differ by more than noise, since there is interaction: then it is nobody's, and is not called."""

    @property
    def differs(self) -> bool:
        return self.ratio is not None and not self.average and differs(self.ratio)


@dataclass(frozen=True)
class Shares:
    """Parts of the spread between contenders: the sum of squares of their mean logarithms. They add up to 1."""

    framework: float
    """What is lost where the framework is dropped from the model of both."""
    model: float
    both: float
    """What either explains as well as the other. Nought where the matrix is complete; it can be less than nought, where
    the two hide each other."""
    neither: float
    """Interaction and noise."""


@dataclass(frozen=True)
class Oddity:
    """The contender that is farthest from what its framework and its model predict."""

    contender: str
    ratio: Interval
    """Over what is predicted from all the others."""
    as_far: tuple[str, ...]
    """Others that may be meant just as well: in a matrix of two frameworks, the other one on the same model."""
    interaction: bool
    """The whole of what is left after both factors is more than noise (an F test), and here it is enough to matter."""

    @property
    def holds(self) -> bool:
        """There is interaction, and that it is this contender's is more than noise too."""
        return self.interaction and differs(self.ratio)


@dataclass(frozen=True)
class Split:
    contenders: tuple[str, ...]
    repeats: int
    effects: dict[Factor, tuple[Effect, ...]]
    """The reference first."""
    shares: Shares | None
    """None where nothing differs at all."""
    more: Factor | None
    """The factor that explains more, where that holds over the repeats and one of its levels differs."""
    oddity: Oddity | None
    """None where nothing is left over to tell it from."""

    @property
    def interaction(self) -> bool:
        """Framework and model do not multiply, by more than noise."""
        return self.oddity is not None and self.oddity.interaction

    def called(self, factor: Factor) -> list[Effect]:
        """Those that differ from the reference, the farthest first."""
        found = [(abs(math.log(each.ratio.mean)), each) for each in self.effects[factor] if each.ratio and each.differs]
        return [each for _, each in sorted(found, key=lambda pair: -pair[0])]


@dataclass(frozen=True)
class Unsplit:
    """Why there are no effects: one factor has one level only, no repeat has all contenders, or the contenders fall
    into parts that have neither a framework nor a model in common."""

    why: Literal["levels", "repeats", "parts"]
    parts: tuple[tuple[str, ...], ...]
    """The contenders, by part."""


def split(
    levels: Mapping[str, Levels],
    values: Mapping[str, Mapping[int, float]],
    frameworks: Sequence[str],
    models: Sequence[str],
) -> Split | Unsplit:
    """Of each contender's values by repeat, all positive. The first framework and the first model that are there are
    the references."""
    names, repeats = _matched(values)
    order: dict[Factor, list[str]] = {
        "framework": _present(frameworks, levels, names, 0),
        "model": _present(models, levels, names, 1),
    }
    parts = _parts(levels, names)
    if min(map(len, order.values())) < 2:
        return Unsplit("levels", parts)
    if len(parts) > 1:
        return Unsplit("parts", parts)
    if not repeats:
        return Unsplit("repeats", parts)
    columns = {factor: _indicators(levels, names, order[factor], place) for place, factor in enumerate(FACTORS)}
    design = _design(len(names), columns["framework"], columns["model"])
    logs = np.log([[values[name][repeat] for name in names] for repeat in repeats])
    mean, *each = _shares(np.vstack([logs.mean(axis=0), logs]), columns["framework"], columns["model"])
    oddity = _oddity(names, design, logs)
    effects = _effects(order, design, logs, average=oddity is not None and oddity.interaction)
    return Split(
        contenders=tuple(names),
        repeats=len(repeats),
        effects=effects,
        shares=mean,
        more=_more(effects, each),
        oddity=oddity,
    )


def _effects(
    order: Mapping[Factor, Sequence[str]], design: Array, logs: Array, *, average: bool
) -> dict[Factor, tuple[Effect, ...]]:
    slopes = np.exp(logs @ np.linalg.pinv(design).T)[:, 1:]
    ratios = iter([geometric_interval(slope) for slope in slopes.T.tolist()])
    return {
        factor: (Effect(reference, None), *(Effect(level, next(ratios), average) for level in others))
        for factor, (reference, *others) in order.items()
    }


def _matched(values: Mapping[str, Mapping[int, float]]) -> tuple[list[str], list[int]]:
    """The contenders that take part, and the repeats that all of them have."""
    most = max((len(each) for each in values.values()), default=0)
    names = [name for name, each in values.items() if each and len(each) >= ENOUGH * most]
    shared = set.intersection(*(set(values[name]) for name in names)) if names else set()
    return names, sorted(shared)


def _present(order: Sequence[str], levels: Mapping[str, Levels], names: Sequence[str], place: int) -> list[str]:
    there = {levels[name][place] for name in names}
    return [level for level in order if level in there]


def _parts(levels: Mapping[str, Levels], names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Contenders that hang together by a framework or a model in common, at whatever remove."""
    parts: list[list[str]] = []
    for name in names:
        own = set(zip(FACTORS, levels[name], strict=True))
        joined = [part for part in parts if any(own & set(zip(FACTORS, levels[n], strict=True)) for n in part)]
        parts = [part for part in parts if part not in joined] + [[*(n for part in joined for n in part), name]]
    return tuple(tuple(part) for part in parts)


def _indicators(levels: Mapping[str, Levels], names: Sequence[str], order: Sequence[str], place: int) -> Array:
    """A column for each level but the reference: 1 where a contender has it."""
    return np.array([[float(levels[name][place] == level) for level in order[1:]] for name in names])


def _design(contenders: int, *columns: Array) -> Array:
    return np.hstack([np.ones((contenders, 1)), *columns])


def _left(logs: Array, *columns: Array) -> Array:
    """The sum of squares that a model leaves unexplained, for each row of logarithms (a column per contender)."""
    design = _design(logs.shape[1], *columns)
    left: Array = np.sum((logs - logs @ (design @ np.linalg.pinv(design)).T) ** 2, axis=1)
    return left


def _shares(logs: Array, frameworks: Array, models: Array) -> list[Shares | None]:
    """For each row of logarithms; None for a row in which nothing differs."""
    left = (_left(logs), _left(logs, models), _left(logs, frameworks), _left(logs, frameworks, models))
    return [_parted(*map(float, each)) for each in zip(*left, strict=True)]


def _parted(total: float, after_model: float, after_framework: float, neither: float) -> Shares | None:
    """From the sums of squares left by no factor, by the model alone, by the framework alone, and by both."""
    if total < EXACT**2:
        return None
    framework, model = after_model - neither, after_framework - neither
    return Shares(framework / total, model / total, (total - neither - framework - model) / total, neither / total)


def _more(effects: Mapping[Factor, Sequence[Effect]], each: Sequence[Shares | None]) -> Factor | None:
    known = [shares for shares in each if shares]
    if len(known) < 2:
        return None
    ahead = mean_interval([shares.model - shares.framework for shares in known])
    if ahead.low is None or ahead.high is None or ahead.low <= 0 <= ahead.high:
        return None
    factor: Factor = "model" if ahead.mean > 0 else "framework"
    return factor if any(effect.differs for effect in effects[factor]) else None


def _oddity(names: Sequence[str], design: Array, logs: Array) -> Oddity | None:
    """By what each would add to the sum of squares that is explained, were it let have a figure of its own."""
    hat = design @ np.linalg.pinv(design)
    free = 1 - np.diag(hat)
    residuals = logs - logs @ hat
    tried = [n for n in range(len(names)) if free[n] > EXACT]  # the others have their framework or model to themselves
    if not tried:
        return None
    scores = {n: abs(float(residuals[:, n].mean())) / math.sqrt(free[n]) for n in tried}
    most = max(scores.values())
    # Of those as far, the first of the run: which of them a machine's last digits favour is chance.
    far, *as_far = [n for n in tried if math.isclose(scores[n], most, rel_tol=EXACT, abs_tol=EXACT)]
    # A residual is of a fit that the contender itself has part in; over what it left free it is of the others' alone.
    ratio = geometric_interval(np.exp(residuals[:, far] / free[far]).tolist())
    enough = abs(ratio.mean - 1) >= PRACTICAL
    interaction = enough and _more_than_noise(residuals, len(names) - _rank(design))
    return Oddity(names[far], ratio, tuple(names[n] for n in as_far), interaction)


def _more_than_noise(residuals: Array, freedom: int) -> bool:
    """Whether what both factors leave is the same in each repeat: what repeats over what does not, by an F test. The
    farthest of many contenders was chosen for being far, and this is not."""
    repeats = len(residuals)
    if repeats < 2:
        return False
    steady = residuals.mean(axis=0)
    noise = float(np.sum((residuals - steady) ** 2)) / (repeats - 1)
    bound = float(special.fdtri(freedom, freedom * (repeats - 1), CONFIDENCE))
    return repeats * float(np.sum(steady**2)) > bound * noise


def _rank(design: Array) -> int:
    return int(np.linalg.matrix_rank(design))
