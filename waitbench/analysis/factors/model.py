"""The effects of framework, concurrency model and server: an additive model on logarithms.

    log y = repeat + framework + model + server

The model is fitted to each repeat separately, so whatever the machine did to a whole repeat cancels out. An effect's
interval is Student's t over the repeats, like that of every other ratio. design.py decides which effects can be
estimated, interaction.py whether they multiply.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from waitbench.analysis.factors.design import (
    EXACT,
    Array,
    Confounded,
    Design,
    Factor,
    Levels,
    Orders,
    design_of,
)
from waitbench.analysis.factors.interaction import Oddity, oddity
from waitbench.analysis.statistics import Interval, differs, geometric_interval, mean_interval

ENOUGH = 0.5
"""A contender with fewer repeats than this share of the maximum is excluded; only repeats that all have are used."""


@dataclass(frozen=True)
class Effect:
    """A level of one factor compared with a reference level, with the other factors the same."""

    level: str
    ratio: Interval | None
    """None for a reference, for a confounded level, and if three factors interact or it is unknown."""
    average: bool = False
    """Whether interaction makes it a mean of simple effects that differ. Then it is never called significant."""
    reference: str = ""
    """The level that it is compared with; "" for the factor's reference itself."""
    confounded: Confounded | None = None
    """Why it cannot be compared with its reference; None if it can."""

    @property
    def differs(self) -> bool:
        return self.ratio is not None and not self.average and differs(self.ratio)


@dataclass(frozen=True)
class Shares:
    """Parts of the spread between contenders (the sum of squares of their mean logarithms). They add up to 1."""

    only: Mapping[Factor, float]
    """The part that only this factor explains: the loss if it is dropped from the model of all."""
    several: float
    """The part that no single factor can be credited with: two or more explain it.

    Zero for a complete matrix; negative if factors hide each other.
    """
    none: float
    """Interaction and noise."""


@dataclass(frozen=True)
class Split:
    contenders: tuple[str, ...]
    repeats: int
    effects: dict[Factor, tuple[Effect, ...]]
    """The reference first. A group of levels that can be compared only with each other is together."""
    shares: Shares | None
    """None if nothing differs at all."""
    more: Factor | None
    """The factor that explains more, if that is significant over the repeats and one of its levels differs."""
    oddity: Oddity | None
    """None if the model fits every contender exactly because there are too few of them."""

    @property
    def interaction(self) -> bool:
        """Whether the factors interact: their effects do not multiply, by more than noise."""
        return self.oddity is not None and self.oddity.interaction

    def called(self, factor: Factor) -> list[Effect]:
        """The effects that differ significantly from their reference, the largest first."""
        of = self.effects.get(factor, ())
        found = [(abs(math.log(each.ratio.mean)), each) for each in of if each.ratio and each.differs]
        return [each for _, each in sorted(found, key=lambda pair: -pair[0])]


@dataclass(frozen=True)
class Unsplit:
    """The reason why there are no effects.

    - `levels`: fewer than two factors have more than one level.
    - `repeats`: no repeat has all contenders.
    - `parts`: the contenders fall into parts that have neither a framework nor a model in common.
    """

    why: Literal["levels", "repeats", "parts"]
    parts: tuple[tuple[str, ...], ...]
    """The contenders, by part."""


def split(levels: Mapping[str, Levels], values: Mapping[str, Mapping[int, float]], orders: Orders) -> Split | Unsplit:
    """Split each contender's values by repeat, which are all positive, into the effects of the factors in `orders`.

    The first level of each factor that occurs is its reference. Of three factors, one with one level is left out.
    """
    names, repeats = _matched(values)
    found = {factor: _present(order, factor, levels, names) for factor, order in orders.items()}
    present = {factor: order for factor, order in found.items() if len(order) > 1}
    parts = _parts(levels, names, list(orders))
    if len(present) < 2:
        return Unsplit("levels", parts)
    if set(present) == {"framework", "model"} and len(parts := _parts(levels, names, list(present))) > 1:
        return Unsplit("parts", parts)
    if not repeats:
        return Unsplit("repeats", parts)
    design = design_of(levels, names, present)
    logs = np.log([[values[name][repeat] for name in names] for repeat in repeats])
    mean, *each = _shares(design, np.vstack([logs.mean(axis=0), logs]))
    odd = oddity(names, design, logs)
    effects = {factor: tuple(_effects(design, factor, logs, odd)) for factor in design.factors}
    return Split(
        contenders=tuple(names),
        repeats=len(repeats),
        effects=effects,
        shares=mean,
        more=_more(effects, each),
        oddity=odd,
    )


def _effects(design: Design, factor: Factor, logs: Array, odd: Oddity | None) -> Iterator[Effect]:
    """The effects of a factor. Three factors have none if they interact, or if one repeat cannot show whether they do.

    They would be no plain means of simple effects.
    """
    interaction = odd is not None and odd.interaction
    unknown = odd is not None and not odd.ratio.bounded
    hidden = len(design.factors) > 2 and (interaction or unknown)
    main, *others = design.groups(factor)
    yield Effect(main[0], None)
    for group in (main, *others):
        if group is not main:
            yield Effect(group[0], None, reference=main[0], confounded=design.confounded(factor, group))
        for level in group[1:]:
            ratio = geometric_interval(np.exp(logs @ design.contrasts[factor, level]).tolist())
            yield Effect(level, None if hidden else ratio, interaction, group[0])


def _matched(values: Mapping[str, Mapping[int, float]]) -> tuple[list[str], list[int]]:
    """The contenders that have enough repeats, and the repeats that all of them have."""
    most = max((len(each) for each in values.values()), default=0)
    names = [name for name, each in values.items() if each and len(each) >= ENOUGH * most]
    shared = set.intersection(*(set(values[name]) for name in names)) if names else set()
    return names, sorted(shared)


def _present(order: Sequence[str], factor: Factor, levels: Mapping[str, Levels], names: Sequence[str]) -> list[str]:
    found = {levels[name][factor] for name in names}
    return [level for level in order if level in found]


def _parts(
    levels: Mapping[str, Levels], names: Sequence[str], factors: Sequence[Factor]
) -> tuple[tuple[str, ...], ...]:
    """Groups of contenders that are connected by common levels, directly or through others."""
    parts: list[list[str]] = []
    for name in names:
        joined = [part for part in parts if any(levels[name][f] == levels[n][f] for n in part for f in factors)]
        parts = [part for part in parts if part not in joined] + [[*(n for part in joined for n in part), name]]
    return tuple(tuple(part) for part in parts)


def _shares(design: Design, logs: Array) -> list[Shares | None]:
    """The shares for each row of logarithms; None for a row in which nothing differs."""
    total = np.sum((logs - logs.mean(axis=1, keepdims=True)) ** 2, axis=1)
    none = _left(logs, design.fit)
    only = {factor: _left(logs, fit) - none for factor, fit in design.fits_without.items()}
    return [
        None
        if total[n] < EXACT**2
        else _parted(float(total[n]), {f: float(of[n]) for f, of in only.items()}, float(none[n]))
        for n in range(len(logs))
    ]


def _left(logs: Array, fit: Array) -> Array:
    """The sum of squares that a fit does not explain, for each row of logarithms (a column per contender)."""
    left: Array = np.sum((logs - logs @ fit) ** 2, axis=1)
    return left


def _parted(total: float, only: Mapping[Factor, float], none: float) -> Shares:
    several = total - none - sum(only.values())
    return Shares({factor: part / total for factor, part in only.items()}, several / total, none / total)


def _more(effects: Mapping[Factor, Sequence[Effect]], each: Sequence[Shares | None]) -> Factor | None:
    """The factor that explains more than any other.

    Of three factors, it also has to explain more than another one together with all that several factors explain.
    """
    known = [shares for shares in each if shares]
    if len(known) < 2:
        return None
    first, *others = sorted(effects, key=lambda factor: -sum(shares.only[factor] for shares in known))
    for other in others:
        shared = [max(0.0, shares.several) if len(effects) > 2 else 0.0 for shares in known]
        gaps = [s.only[first] - s.only[other] - more for s, more in zip(known, shared, strict=True)]
        if (mean_interval(gaps).low or 0) <= 0:
            return None
    return first if any(effect.differs for effect in effects[first]) else None
