"""The proofs that a workload demands of a live service, as data. waitbench/check/ carries them out by their type."""

from collections.abc import Callable
from dataclasses import dataclass

from waitbench.catalog.parameters import Params


@dataclass(frozen=True)
class FullWait:
    """A wait is not cut short: each of these calls takes at least the shortest time of its correct response."""

    calls: tuple[Params, ...]


@dataclass(frozen=True)
class Effort:
    """Two sizes of one work, the greater 8 times the lesser, and how many calls of each are measured together."""

    lesser: Params
    greater: Params
    calls: int = 1


@dataclass(frozen=True)
class FullWork:
    """CPU work is done for each request, and not cut short or cached: more work takes more CPU time.

    The first effort whose greater work takes enough CPU time is used, or else the last.
    """

    efforts: tuple[Effort, ...]


@dataclass(frozen=True)
class RealDisk:
    """The bytes are written to a disk and read back from it, not from memory."""

    params: Params
    size: Callable[[Params], int]
    """The bytes that one request needs from the disk, by its parameters."""


@dataclass(frozen=True)
class RefusedLengths:
    """A body without a length, or with too great a length, is refused before it is sent."""

    largest: int
    """The longest body that is accepted, in bytes."""


ServiceProof = FullWait | FullWork | RealDisk | RefusedLengths
"""A proof about single calls."""


@dataclass(frozen=True)
class OverlappingWaits:
    """Concurrent calls take as long as one call, or as many rounds as the budget requires."""

    ways: tuple[Params, ...] = ({"ms": 400},)
    """The parameters of the slow calls, one set for each way to wait. Each has `ms`, which the check may change."""
    pool: str = ""
    """The key of the budget whose connections the calls share; "" if they share none. As many calls as the pool has
    connections have to overlap."""
    inside: Params | None = None
    """The parameters of one request whose own `calls` have to be concurrent; None if a request makes no calls."""


@dataclass(frozen=True)
class OverlappingClients:
    """Slow clients are in flight at the same time, and the service never holds a whole body in memory."""

    kib: int = 16 * 1024
    """How much each client sends or reads. A download has to be larger than the kernel's buffers of a connection, or
    the service has already handed it over. An upload has to be so large that all together show in its memory."""
    kib_of_few: int = 64 * 1024
    """The same if the budget has room for few clients: as much as the contract allows."""


@dataclass(frozen=True)
class OverlappingFiles:
    """Concurrent calls that wait for a disk are in flight at the same time."""

    params: Params


@dataclass(frozen=True)
class OverlappingWork:
    """N concurrent calls take N times the CPU time of one, on no more cores than the model can use.

    Meanwhile the service responds to other requests.
    """

    params: Params
    """Work so long that other threads get the GIL clearly more often than there are calls. A turn takes 5 ms for each
    working thread. On two cores, 3 other requests completed with 1500 of `cpu`'s ksteps, and 10 to 14 with 4000."""
    holds_gil: bool
    """Whether the work holds Python's GIL, so that one process uses one core, however many threads it has."""


OverlapProof = OverlappingWaits | OverlappingClients | OverlappingFiles | OverlappingWork
"""A proof about concurrent calls. A run demands it before any load too."""
