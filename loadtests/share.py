"""One process's share of a trial."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """The `index`-th of `count` processes sends every `count`-th arrival, or has every `count`-th user."""

    index: int = 0
    count: int = 1

    def of(self, whole: int) -> int:
        """This share of a whole number. The shares of all processes add up to it."""
        return whole // self.count + (self.index < whole % self.count)
