"""Zones: where a ratio has to lie for a rule to hold, or to be refuted."""

import math
from typing import Annotated

from pydantic import Field, model_validator

from waitbench.plan.cell import Strict

Bound = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Range = Annotated[list[Bound], Field(min_length=2, max_length=2)]
Span = tuple[float, float]


class Zone(Strict):
    """One or two spans of ratios, their bounds included."""

    at_least: Bound | None = None
    at_most: Bound | None = None

    @property
    def spans(self) -> list[Span]:
        if self.at_least is not None:
            return [(self.at_least, math.inf)]
        return [(0.0, self.at_most)] if self.at_most is not None else []

    @property
    def words(self) -> str:
        """`at least 5`."""
        return f"at least {self.at_least:g}" if self.at_least is not None else f"at most {self.at_most:g}"

    def holds(self, low: float, high: float) -> bool:
        """Whether one span contains all ratios from `low` to `high`."""
        return any(begin <= low and high <= end for begin, end in self.spans)

    def gap(self, other: "Zone") -> float:
        """Return the upper bound of the gap between two zones over its lower bound; at most 1 if the zones meet."""
        pairs = [(one, two) for one in self.spans for two in other.spans]
        return min(max(two[0] / one[1], one[0] / two[1] if two[1] else math.inf) for one, two in pairs)

    def _require_one(self, name: str, both: list[float] | None) -> None:
        if [self.at_least, self.at_most, both].count(None) != 2:
            raise ValueError(f"give one of at_least, at_most or {name} = [low, high]")
        if both is not None and both[0] >= both[1]:
            raise ValueError(f"{name} = {both}: the first bound has to be lower than the second")


class Supported(Zone):
    within: Range | None = None

    @model_validator(mode="after")
    def _one(self) -> "Supported":
        self._require_one("within", self.within)
        return self

    @property
    def spans(self) -> list[Span]:
        return [(self.within[0], self.within[1])] if self.within else super().spans

    @property
    def words(self) -> str:
        return f"{self.within[0]:g} to {self.within[1]:g}" if self.within else super().words


class Refuted(Zone):
    outside: Range | None = None

    @model_validator(mode="after")
    def _one(self) -> "Refuted":
        self._require_one("outside", self.outside)
        return self

    @property
    def spans(self) -> list[Span]:
        return [(0.0, self.outside[0]), (self.outside[1], math.inf)] if self.outside else super().spans

    @property
    def words(self) -> str:
        return f"below {self.outside[0]:g} or above {self.outside[1]:g}" if self.outside else super().words
