"""Simple effects: the effect of one factor within the same levels of all others, measured directly without a model.

They are valid whether the factors interact or not. If they interact, the effects of model.py are averages of simple
effects.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from waitbench.analysis.factors.design import FACTORS, Factor, Levels, Orders
from waitbench.analysis.statistics import Interval, differs, geometric_interval, paired_ratio

Values = Mapping[str, Mapping[int, float]]
"""Each contender's values by repeat."""


@dataclass(frozen=True)
class SimpleEffect:
    """A level of one factor compared with a reference level, both within the same levels of the other factors."""

    factor: Factor
    level: str
    reference: str
    within: tuple[str, ...]
    """The levels of the other factors."""
    contenders: tuple[str, ...]
    """The contenders of the level, then those of the reference; normally one of each."""
    repeats: int
    ratio: Interval
    differ_in: tuple[Factor, ...] = ()
    """Factors that are left out of the split, but differ between the two sides."""

    @property
    def differs(self) -> bool:
        return differs(self.ratio)


def simple_effects(levels: Mapping[str, Levels], values: Values, orders: Orders) -> list[SimpleEffect]:
    """One simple effect for each pair with a repeat in common.

    Within the same levels of the other factors, each level is compared with the first that is there.
    """
    there = {name: levels[name] for name, each in values.items() if each}
    return [each for factor in orders for each in _of_factor(there, values, factor, orders)]


def _of_factor(levels: Mapping[str, Levels], values: Values, factor: Factor, orders: Orders) -> Iterator[SimpleEffect]:
    for level in orders[factor]:
        for within in _places(levels, factor, orders):
            first = next(each for each in orders[factor] if _named(levels, factor, each, within))
            if level != first and _named(levels, factor, level, within):
                found = _simple_effect(levels, values, factor, (level, first), within)
                yield from [found] if found else []


def _places(levels: Mapping[str, Levels], factor: Factor, orders: Orders) -> list[Levels]:
    """The combinations of the other factors' levels that any contender has, in the order of the levels."""
    others = [(other, list(order)) for other, order in orders.items() if other != factor]
    found = {tuple(each[other] for other, _ in others) for each in levels.values()}
    ranked = sorted(found, key=lambda within: [o.index(level) for (_, o), level in zip(others, within, strict=True)])
    return [{other: level for (other, _), level in zip(others, within, strict=True)} for within in ranked]


def _named(levels: Mapping[str, Levels], factor: Factor, level: str, within: Levels) -> list[str]:
    """The contenders with this level within these levels of the other factors."""
    asked = {**within, factor: level}
    return [name for name, each in levels.items() if all(each[f] == of for f, of in asked.items())]


def _simple_effect(
    levels: Mapping[str, Levels], values: Values, factor: Factor, pair: tuple[str, str], within: Levels
) -> SimpleEffect | None:
    """One simple effect of a level and its reference; None if the two have no repeat in common."""
    names, others = (_named(levels, factor, level, within) for level in pair)
    above, below = _pooled(values, names), _pooled(values, others)
    ratio = paired_ratio(above, below)
    if ratio is None:
        return None
    sides = [[{levels[name].get(f) for name in each} for each in (names, others)] for f in FACTORS]
    differ_in = [f for f, (own, other) in zip(FACTORS, sides, strict=True) if f != factor and own != other]
    shared = len(above.keys() & below.keys())
    contenders = (*names, *others)
    return SimpleEffect(factor, *pair, tuple(within.values()), contenders, shared, ratio, tuple(differ_in))


def _pooled(values: Values, names: Sequence[str]) -> Mapping[int, float]:
    """The values of these contenders by repeat.

    Several contenders are combined by their geometric mean, like in the additive model.
    """
    shared = set.intersection(*(set(values[name]) for name in names)) if names else set()
    return {n: geometric_interval([values[name][n] for name in names]).mean for n in shared}
