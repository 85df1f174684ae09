"""Simple effects: the effect of one factor within one level of the other, measured directly without a fitted model.

They are valid whether framework and model interact or not. If they interact, the effects of model.py are averages of
simple effects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from waitbench.analysis.factors.model import Factor, Levels
from waitbench.analysis.statistics import Interval, differs, geometric_interval, paired_ratio

Values = Mapping[str, Mapping[int, float]]
"""Each contender's values by repeat."""


@dataclass(frozen=True)
class SimpleEffect:
    """A level of one factor compared with the reference level, both within one level of the other factor."""

    factor: Factor
    level: str
    reference: str
    within: str
    contenders: tuple[str, ...]
    """The contenders of the level, then those of the reference; normally one of each."""
    repeats: int
    ratio: Interval

    @property
    def differs(self) -> bool:
        return differs(self.ratio)


def simple_effects(
    levels: Mapping[str, Levels], values: Values, frameworks: Sequence[str], models: Sequence[str]
) -> list[SimpleEffect]:
    """One simple effect for each pair with a repeat in common. The first framework and first model are references."""
    asked: list[tuple[Factor, str, str, str]] = [
        *(("framework", level, frameworks[0], within) for level, within in product(frameworks[1:], models)),
        *(("model", level, models[0], within) for level, within in product(models[1:], frameworks)),
    ]
    found = [_simple_effect(levels, values, *each) for each in asked]
    return [each for each in found if each]


def _simple_effect(
    levels: Mapping[str, Levels], values: Values, factor: Factor, level: str, reference: str, within: str
) -> SimpleEffect | None:
    """One simple effect; None if either side is absent or the two have no repeat in common."""
    own, other = ((each, within) if factor == "framework" else (within, each) for each in (level, reference))
    (names, above), (others, below) = (_pooled(levels, values, each) for each in (own, other))
    ratio = paired_ratio(above, below)
    shared = len(above.keys() & below.keys())
    return SimpleEffect(factor, level, reference, within, (*names, *others), shared, ratio) if ratio else None


def _pooled(levels: Mapping[str, Levels], values: Values, own: Levels) -> tuple[list[str], Mapping[int, float]]:
    """The contenders with these levels and their values by repeat.

    Several contenders are combined by their geometric mean, like in the additive model.
    """
    names = [name for name, each in values.items() if each and levels[name] == own]
    shared = set.intersection(*(set(values[name]) for name in names)) if names else set()
    return names, {n: geometric_interval([values[name][n] for name in names]).mean for n in shared}
