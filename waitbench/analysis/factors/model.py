"""Framework effect and concurrency-model effect: an additive model on logarithms, for contenders that share either.

    log y = repeat + framework + model

The model is fitted to each repeat separately, so whatever the machine did to a whole repeat cancels out. An effect's
interval is Student's t over the repeats, like that of every other ratio.

A contender may depart from its framework and model by the same factor in each repeat (interaction). This widens no
interval, but moves every effect. So with interaction no effect is called significant; simple_effects.py has the effects
that need no model.
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
"""A contender's framework and model."""
Factor = Literal["framework", "model"]
Array = NDArray[np.float64]

FACTORS: tuple[Factor, Factor] = ("framework", "model")
ENOUGH = 0.5
"""A contender with fewer repeats than this share of the maximum is excluded; only repeats that all have are used."""
EXACT = 1e-9
"""A smaller difference is only floating-point error."""


@dataclass(frozen=True)
class Effect:
    """A level of one factor compared with the reference level, with the other factor the same."""

    level: str
    ratio: Interval | None
    """None for the reference itself."""
    average: bool = False
    """Whether interaction makes it a mean of simple effects that differ. Then it is never called significant."""

    @property
    def differs(self) -> bool:
        return self.ratio is not None and not self.average and differs(self.ratio)


@dataclass(frozen=True)
class Shares:
    """Parts of the spread between contenders (the sum of squares of their mean logarithms). They add up to 1."""

    framework: float
    """The part that only the framework explains: the loss if the framework is dropped from the model of both."""
    model: float
    """The part that only the model explains."""
    both: float
    """The part that either of them explains. Zero for a complete matrix; negative if the two hide each other."""
    neither: float
    """Interaction and noise."""


@dataclass(frozen=True)
class Oddity:
    """The contender that is farthest from the prediction by its framework and its model."""

    contender: str
    ratio: Interval
    """Its figure over the prediction from all other contenders."""
    as_far: tuple[str, ...]
    """Contenders that are equally far; with two frameworks, the other one on the same model."""
    interaction: bool
    """Whether the residuals after both factors are more than noise (F test) and this departure is large enough."""

    @property
    def holds(self) -> bool:
        """Whether there is interaction and this contender's departure is significant too."""
        return self.interaction and differs(self.ratio)


@dataclass(frozen=True)
class Split:
    contenders: tuple[str, ...]
    repeats: int
    effects: dict[Factor, tuple[Effect, ...]]
    """The reference first."""
    shares: Shares | None
    """None if nothing differs at all."""
    more: Factor | None
    """The factor that explains more, if that is significant over the repeats and one of its levels differs."""
    oddity: Oddity | None
    """None if the model fits every contender exactly because there are too few of them."""

    @property
    def interaction(self) -> bool:
        """Whether framework and model interact: their effects do not multiply, by more than noise."""
        return self.oddity is not None and self.oddity.interaction

    def called(self, factor: Factor) -> list[Effect]:
        """The effects that differ significantly from the reference, the largest first."""
        found = [(abs(math.log(each.ratio.mean)), each) for each in self.effects[factor] if each.ratio and each.differs]
        return [each for _, each in sorted(found, key=lambda pair: -pair[0])]


@dataclass(frozen=True)
class Unsplit:
    """The reason why there are no effects.

    - `levels`: one factor has only one level.
    - `repeats`: no repeat has all contenders.
    - `parts`: the contenders fall into parts that have neither a framework nor a model in common.
    """

    why: Literal["levels", "repeats", "parts"]
    parts: tuple[tuple[str, ...], ...]
    """The contenders, by part."""


def split(
    levels: Mapping[str, Levels],
    values: Mapping[str, Mapping[int, float]],
    frameworks: Sequence[str],
    models: Sequence[str],
) -> Split | Unsplit:
    """Split each contender's values by repeat, which are all positive, into the effects of framework and model.

    The first of `frameworks` and the first of `models` that occur are the references.
    """
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
    """The contenders that have enough repeats, and the repeats that all of them have."""
    most = max((len(each) for each in values.values()), default=0)
    names = [name for name, each in values.items() if each and len(each) >= ENOUGH * most]
    shared = set.intersection(*(set(values[name]) for name in names)) if names else set()
    return names, sorted(shared)


def _present(order: Sequence[str], levels: Mapping[str, Levels], names: Sequence[str], place: int) -> list[str]:
    found = {levels[name][place] for name in names}
    return [level for level in order if level in found]


def _parts(levels: Mapping[str, Levels], names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Groups of contenders that are connected by common frameworks or models, directly or through others."""
    parts: list[list[str]] = []
    for name in names:
        own = set(zip(FACTORS, levels[name], strict=True))
        joined = [part for part in parts if any(own & set(zip(FACTORS, levels[n], strict=True)) for n in part)]
        parts = [part for part in parts if part not in joined] + [[*(n for part in joined for n in part), name]]
    return tuple(tuple(part) for part in parts)


def _indicators(levels: Mapping[str, Levels], names: Sequence[str], order: Sequence[str], place: int) -> Array:
    """A column for each level except the reference: 1 for contenders that have it, else 0."""
    return np.array([[float(levels[name][place] == level) for level in order[1:]] for name in names])


def _design(contenders: int, *columns: Array) -> Array:
    return np.hstack([np.ones((contenders, 1)), *columns])


def _left(logs: Array, *columns: Array) -> Array:
    """The sum of squares that a model does not explain, for each row of logarithms (a column per contender)."""
    design = _design(logs.shape[1], *columns)
    left: Array = np.sum((logs - logs @ (design @ np.linalg.pinv(design)).T) ** 2, axis=1)
    return left


def _shares(logs: Array, frameworks: Array, models: Array) -> list[Shares | None]:
    """The shares for each row of logarithms; None for a row in which nothing differs."""
    left = (_left(logs), _left(logs, models), _left(logs, frameworks), _left(logs, frameworks, models))
    return [_parted(*map(float, each)) for each in zip(*left, strict=True)]


def _parted(total: float, after_model: float, after_framework: float, neither: float) -> Shares | None:
    """The shares from the residual sums of squares without factors, with the model, with the framework, with both."""
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
    """The contender that would explain the most more squares if it had a parameter of its own."""
    hat = design @ np.linalg.pinv(design)
    free = 1 - np.diag(hat)
    residuals = logs - logs @ hat
    tried = [n for n in range(len(names)) if free[n] > EXACT]  # the others are alone with their framework or model
    if not tried:
        return None
    scores = {n: abs(float(residuals[:, n].mean())) / math.sqrt(free[n]) for n in tried}
    most = max(scores.values())
    # Among equals the first of the run, because rounding errors would choose by chance.
    far, *as_far = [n for n in tried if math.isclose(scores[n], most, rel_tol=EXACT, abs_tol=EXACT)]
    # The contender influences its own fit; dividing by `free` gives the residual of a fit to the others only.
    ratio = geometric_interval(np.exp(residuals[:, far] / free[far]).tolist())
    enough = abs(ratio.mean - 1) >= PRACTICAL
    interaction = enough and _more_than_noise(residuals, len(names) - _rank(design))
    return Oddity(names[far], ratio, tuple(names[n] for n in as_far), interaction)


def _more_than_noise(residuals: Array, freedom: int) -> bool:
    """Whether the residuals after both factors are the same in each repeat, by an F test.

    The test uses all contenders, so it has no selection bias; the farthest contender was selected for being far.
    """
    repeats = len(residuals)
    if repeats < 2:
        return False
    steady = residuals.mean(axis=0)
    noise = float(np.sum((residuals - steady) ** 2)) / (repeats - 1)
    bound = float(special.fdtri(freedom, freedom * (repeats - 1), CONFIDENCE))
    return repeats * float(np.sum(steady**2)) > bound * noise


def _rank(design: Array) -> int:
    return int(np.linalg.matrix_rank(design))
