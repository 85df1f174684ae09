"""Simple effects: one factor within one level of the other, of what was measured there and of nothing that was fitted.

They stand whether framework and model multiply or not. Where they do not, the effects of effects.py are averages of
these.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from waitbench.analysis.factors.model import Factor, Levels
from waitbench.analysis.statistics import Interval, differs, geometric_interval, paired_ratio

Values = Mapping[str, Mapping[int, float]]
"""Of each contender, by repeat."""


@dataclass(frozen=True)
class SimpleEffect:
    """A level of one factor against the reference, both within one level of the other."""

    factor: Factor
    level: str
    reference: str
    within: str
    contenders: tuple[str, ...]
    """Of the level, then of the reference: one of each, as a rule."""
    repeats: int
    ratio: Interval

    @property
    def differs(self) -> bool:
        return differs(self.ratio)


def simple_effects(
    levels: Mapping[str, Levels], values: Values, frameworks: Sequence[str], models: Sequence[str]
) -> list[SimpleEffect]:
    """Of each pair that met in any repeat. The first framework and the first model are the references."""
    asked: list[tuple[Factor, str, str, str]] = [
        *(("framework", level, frameworks[0], within) for level, within in product(frameworks[1:], models)),
        *(("model", level, models[0], within) for level, within in product(models[1:], frameworks)),
    ]
    found = [_simple_effect(levels, values, *each) for each in asked]
    return [each for each in found if each]


def _simple_effect(
    levels: Mapping[str, Levels], values: Values, factor: Factor, level: str, reference: str, within: str
) -> SimpleEffect | None:
    """None where either is not there, or they never met."""
    own, other = ((each, within) if factor == "framework" else (within, each) for each in (level, reference))
    (names, above), (others, below) = (_pooled(levels, values, each) for each in (own, other))
    ratio = paired_ratio(above, below)
    shared = len(above.keys() & below.keys())
    return SimpleEffect(factor, level, reference, within, (*names, *others), shared, ratio) if ratio else None


def _pooled(levels: Mapping[str, Levels], values: Values, own: Levels) -> tuple[list[str], Mapping[int, float]]:
    """Who has these levels, and their figures by repeat: where they are several, the geometric mean of all, as the
    additive model has it."""
    names = [name for name, each in values.items() if each and levels[name] == own]
    shared = set.intersection(*(set(values[name]) for name in names)) if names else set()
    return names, {n: geometric_interval([values[name][n] for name in names]).mean for n in shared}
