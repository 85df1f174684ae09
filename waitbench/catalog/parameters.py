"""The parameters of a workload: their bounds, and how they are shown."""

from collections.abc import Mapping
from dataclasses import dataclass

Params = Mapping[str, int]


@dataclass(frozen=True)
class Parameter:
    low: int
    high: int
    default: int | None = None
    """None if it is required."""
    client: bool = False
    """Whether it changes only what the client does; the service does not get it."""


MS = Parameter(0, 60_000)
"""How long to wait, in milliseconds."""

NO_YES = Parameter(0, 1, default=0)

KIB_PER_S = Parameter(0, 1_048_576, default=0, client=True)
"""How fast the client sends or reads, in KiB/s; 0 means as fast as possible."""


def params_words(params: Params) -> list[str]:
    """`ms = 100`, for titles."""
    return [f"{name} = {value}" for name, value in params.items()]


def params_tags(params: Params) -> list[str]:
    """`ms100`, for keys."""
    return [f"{name}{value}" for name, value in params.items()]
