"""The design of a split: which contenders have which levels, and so which effects can be estimated.

Two levels of a factor can be compared only if contenders link them that differ in nothing else, directly or through
other levels. Otherwise something else changes with them, and they are confounded. With two factors this is the same as
estimability in the additive model. With three it is stricter: the additive model would also compare levels through
contenders that differ in two factors, where it cannot distinguish an effect from an interaction of the other two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Factor = Literal["framework", "model", "server"]
Levels = Mapping[Factor, str]
"""A contender's level of each factor."""
Orders = Mapping[Factor, Sequence[str]]
"""The levels of each factor that takes part, the reference first."""
Array = NDArray[np.float64]

FACTORS: tuple[Factor, ...] = ("framework", "model", "server")
EXACT = 1e-9
"""A smaller difference is only floating-point error; so is a smaller singular value of a matrix of zeros and ones."""


@dataclass(frozen=True)
class Confounded:
    """The reason why a level cannot be compared with the reference level: what always changes with it."""

    by: Mapping[Factor, tuple[str, ...]]
    """The factors that always change too, with their levels on this side.

    If no factor alone always changes, all others, without levels: then at least one of them changes each time.
    """

    @property
    def levels(self) -> list[str]:
        return [level for levels in self.by.values() for level in levels]


@dataclass(frozen=True)
class Design:
    factors: tuple[Factor, ...]
    orders: tuple[tuple[str, ...], ...]
    """The levels of each factor, the reference first; at least one contender has each of them."""
    rows: tuple[tuple[str, ...], ...]
    """Each contender's level of each factor."""

    def groups(self, factor: Factor) -> list[list[str]]:
        """The levels that can be compared with each other, the reference's first. The first of each is its reference.

        This is the connectivity of a two-way design, the factor by the combination of all others.
        """
        return self._groups[factor]

    @cached_property
    def _groups(self) -> dict[Factor, list[list[str]]]:
        return {factor: self._linked(place) for place, factor in enumerate(self.factors)}

    def _linked(self, place: int) -> list[list[str]]:
        alike: dict[tuple[str, ...], set[str]] = {}
        for row in self.rows:
            alike.setdefault(_without(row, place), set()).add(row[place])
        found: list[set[str]] = []
        for levels in alike.values():
            joined = [group for group in found if group & levels]
            found = [group for group in found if group not in joined] + [levels.union(*joined)]
        order = self.orders[place]
        return sorted((sorted(group, key=order.index) for group in found), key=lambda group: order.index(group[0]))

    def confounded(self, factor: Factor, group: Sequence[str]) -> Confounded:
        """Find what always changes between the levels of a group and those of the reference's group."""
        own, main = (self._of(factor, levels) for levels in (group, self.groups(factor)[0]))
        others = [(place, other) for place, other in enumerate(self.factors) if other != factor]
        by: dict[Factor, tuple[str, ...]] = {}
        for place, other in others:
            here, there = ({row[place] for row in rows} for rows in (own, main))
            if not here & there:
                by[other] = tuple(level for level in self.orders[place] if level in here)
        return Confounded(by or {other: () for _, other in others})

    def _of(self, factor: Factor, levels: Sequence[str]) -> list[tuple[str, ...]]:
        place = self.factors.index(factor)
        return [row for row in self.rows if row[place] in levels]

    @cached_property
    def contrasts(self) -> dict[tuple[Factor, str], Array]:
        """For each level that can be compared, the weights of the contenders' logarithms in its effect."""
        names = [(factor, level) for factor, order in zip(self.factors, self.orders, strict=True) for level in order]
        weights = dict(zip(names, _inverse(self._matrix(self.factors))[1:], strict=True))
        return {
            (factor, level): weights[factor, level] - weights[factor, group[0]]
            for factor in self.factors
            for group in self.groups(factor)
            for level in group[1:]
        }

    @cached_property
    def fit(self) -> Array:
        """The matrix that turns logarithms into those that all factors together predict."""
        return self._projection(self.factors)

    @cached_property
    def fits_without(self) -> dict[Factor, Array]:
        """The same without one of the factors."""
        return {left: self._projection([each for each in self.factors if each != left]) for left in self.factors}

    @cached_property
    def freedom(self) -> int:
        """The number of contenders beyond what determines the fit."""
        return len(self.rows) - int(np.linalg.matrix_rank(self._matrix(self.factors)))

    def _matrix(self, factors: Sequence[Factor]) -> Array:
        """A column of ones, and one for each level: 1 for contenders that have it, else 0."""
        places = [self.factors.index(factor) for factor in factors]
        columns = [[row[place] == level for row in self.rows] for place in places for level in self.orders[place]]
        return np.array([[True] * len(self.rows), *columns], dtype=float).T

    def _projection(self, factors: Sequence[Factor]) -> Array:
        matrix = self._matrix(factors)
        found: Array = matrix @ _inverse(matrix)
        return found


def design_of(levels: Mapping[str, Levels], names: Sequence[str], orders: Orders) -> Design:
    """The design of these contenders. Load points and measures with the same one share it."""
    factors = tuple(orders)
    rows = tuple(tuple(levels[name][factor] for factor in factors) for name in names)
    return _design(factors, tuple(tuple(order) for order in orders.values()), rows)


@lru_cache(maxsize=64)
def _design(
    factors: tuple[Factor, ...], orders: tuple[tuple[str, ...], ...], rows: tuple[tuple[str, ...], ...]
) -> Design:
    return Design(factors, orders, rows)


def _without(row: tuple[str, ...], place: int) -> tuple[str, ...]:
    return row[:place] + row[place + 1 :]


def _inverse(matrix: Array) -> Array:
    """The pseudo-inverse. It has a figure for every level, so only what `groups` allows is read from it."""
    found: Array = np.linalg.pinv(matrix, rcond=EXACT).astype(np.float64)
    return found
