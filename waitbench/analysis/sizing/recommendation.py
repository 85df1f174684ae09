"""The arithmetic of sizing: from an objective and a calibration to the smallest configuration that meets it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from waitbench.analysis.sizing.queueing import Load, drawn_from, erlang_b, fewest_slots, p99_s, slots_against_blocking
from waitbench.catalog.variants import Variant
from waitbench.errors import WaitbenchError

MORE_LOAD = 1.05
"""The configuration still meets the objective with 5 % more requests than requested."""
P99_SHARE = 0.80
"""The p99 by simulation may take this share of the objective."""
CPU_SHARE = 0.90
"""The highest share of its core that a process may use. Latency above it depends on how single requests vary."""
BLOCKED = 0.002
"""The share of requests that may find no connection free: a fifth of those that a p99 leaves out.

Such a request waits until a connection closes, which is seconds here, so it is always late.
"""
MONITORING = 1
"""One connection more for health checks, where each connection takes a place."""
FIFTH = 0.8
MORE_MEMORY = 1.2
RARE = 1e-4
"""The share of arrivals that find more requests in flight than memory is planned for."""
PROCESSES_MAX = 32


@dataclass(frozen=True)
class Goal:
    """The requests of a service, and the latency that 99 % of them have to meet."""

    rate: float
    """Requests per second."""
    wait_ms: int
    p99_ms: float


@dataclass(frozen=True)
class Measured:
    """A variant on this machine, from a short run below its limits."""

    cpu_s: float
    """CPU time of a request."""
    latencies_s: Sequence[float]
    """Evenly spread quantiles of its latency."""
    idle_mib: float
    """Memory of one process without requests."""
    mib_per_request: float
    """Memory of each request in flight, a lower bound."""
    rate: float
    caveats: tuple[str, ...] = ()

    @property
    def hold_s(self) -> float:
        """The mean time that a request is in the system."""
        return math.fsum(self.latencies_s) / len(self.latencies_s)

    @property
    def p99_s(self) -> float:
        """The p99 latency of the calibration."""
        return sorted(self.latencies_s)[math.ceil(0.99 * len(self.latencies_s)) - 1]

    def load(self, rate: float) -> Load:
        """The load of one process that gets `rate`."""
        waits = [max(0.0, latency - self.cpu_s) for latency in self.latencies_s]
        return Load(rate, self.cpu_s, drawn_from(waits), math.fsum(waits) / len(waits))


@dataclass(frozen=True)
class Size:
    """One configuration."""

    workers: int
    slots: int
    """The limit of each process: requests in flight, or connections of its pool."""


@dataclass(frozen=True)
class Limit:
    """The rate at which one resource is used up, in requests per second."""

    name: str
    rate: float


@dataclass(frozen=True)
class Recommendation:
    """The smallest configuration that meets the goal by arithmetic."""

    goal: Goal
    variant: Variant
    measured: Measured
    size: Size
    pool: int
    """Database connections of each process, if the wait is a query."""
    predicted_ms: float
    """The p99 by simulation, with the margin of the load."""
    memory_max_mib: float | None
    """The memory of this machine; None if it is not known."""

    @property
    def key(self) -> str:
        """The entry of the budget that is sized."""
        return sized_key(self.variant)

    @property
    def smaller(self) -> Size | None:
        """One worker less, or a fifth fewer slots; None if there is nothing smaller."""
        if self.size.workers > 1:
            return Size(self.size.workers - 1, self.size.slots)
        return Size(1, math.floor(FIFTH * self.size.slots)) if self.size.slots > 1 else None

    @property
    def in_flight(self) -> float:
        """The mean number of requests in flight, in all processes."""
        return self.goal.rate * self.measured.hold_s

    @property
    def cpu_share(self) -> float:
        """CPU use of all processes, in cores."""
        return self.goal.rate * self.measured.cpu_s

    @property
    def most_in_flight(self) -> int:
        """How many requests are in flight at most, in all processes."""
        if self.key == "in_flight":
            return self.size.workers * self.size.slots
        return slots_against_blocking(MORE_LOAD * self.in_flight, RARE)

    @property
    def memory_mib(self) -> float:
        held = self.most_in_flight * self.measured.mib_per_request
        return MORE_MEMORY * (self.size.workers * self.measured.idle_mib + held)

    @cached_property
    def limits(self) -> list[Limit]:
        """The resources by the rate at which each is used up, the first to break first."""
        workers, hold_s = self.size.workers, self.measured.hold_s
        found = [
            Limit(slot_words(self.variant), workers * self.size.slots / hold_s),
            Limit("CPU", workers / self.measured.cpu_s),
        ]
        if self.key == "in_flight":
            found.append(Limit("pool (for queries)", workers * self.pool / (self.goal.wait_ms / 1000)))
        if (connections := self.variant.budget.get("connections")) and not self.variant.holds_connections:
            found.append(Limit("connections", workers * connections / hold_s))
        if self.memory_max_mib and self.measured.mib_per_request:
            room = max(0.0, self.memory_max_mib - workers * self.measured.idle_mib) / self.measured.mib_per_request
            found.append(Limit("memory", room / hold_s))
        return sorted(found, key=lambda limit: limit.rate)

    @property
    def full_after_s(self) -> float:
        """How long twice the rate can last until the connections and the backlog are full and connecting fails."""
        waiting = self.variant.budget.get("backlog", 0)
        if not self.variant.holds_connections:
            waiting += self.variant.budget.get("connections", 0)
        piles_up = 2 * self.goal.rate - self.limits[0].rate
        return self.size.workers * waiting / piles_up if piles_up > 0 else math.inf


def sized_key(variant: Variant) -> str:
    """The limit that is sized: requests in flight, or the pool if the variant sets no other limit."""
    return "in_flight" if "in_flight" in variant.budget else "db_pool"


def sizing_workload(variant: Variant) -> str:
    """The workload whose wait the sized limit is for: a plain wait, or a wait in the database."""
    return "wait" if sized_key(variant) == "in_flight" else "db"


def slot_words(variant: Variant) -> str:
    """`threads`, for what one process has a limited number of."""
    if sized_key(variant) == "db_pool":
        return "pool"
    return "connections" if variant.holds_connections else "threads"


def recommend(goal: Goal, variant: Variant, measured: Measured, memory_max_mib: float | None) -> Recommendation:
    """Return the fewest processes, and the fewest slots of each, that meet the goal with its margins.

    Raises WaitbenchError if no number of processes does.
    """
    limit_s = P99_SHARE * goal.p99_ms / 1000
    most = variant.budget[sized_key(variant)] if sized_key(variant) == "in_flight" else PROCESSES_MAX * 1000
    if measured.p99_s > limit_s:
        raise WaitbenchError(_impossible(goal, variant, measured))
    for workers in range(1, (PROCESSES_MAX if variant.scales else 1) + 1):
        load = measured.load(MORE_LOAD * goal.rate / workers)
        if load.cpu_share > CPU_SHARE:
            continue
        if (pool := fewest_slots(load, limit_s)) is None:
            continue
        slots = pool
        if variant.holds_connections:
            slots = slots_against_blocking(load.in_flight, BLOCKED) + MONITORING
        if slots <= most:
            predicted_ms = 1000 * p99_s(load, slots)
            return Recommendation(goal, variant, measured, Size(workers, slots), pool, predicted_ms, memory_max_mib)
    raise WaitbenchError(_impossible(goal, variant, measured))


def _impossible(goal: Goal, variant: Variant, measured: Measured) -> str:
    if measured.p99_s > P99_SHARE * goal.p99_ms / 1000:
        return (
            f"{variant.name}: --p99-ms {goal.p99_ms:g} leaves no margin: p99 is {1000 * measured.p99_s:.0f} ms at only "
            f"{measured.rate:.0f} requests/s, and sizing needs {P99_SHARE:.0%} of the objective. Raise --p99-ms"
        )
    cores = math.ceil(MORE_LOAD * goal.rate * measured.cpu_s / CPU_SHARE)
    if not variant.scales:
        return (
            f"{variant.name}: --rate {goal.rate:g} takes more than one process, and its server cannot start more. "
            "Lower --rate, or divide it among several services"
        )
    return (
        f"{variant.name}: --rate {goal.rate:g} takes more than {PROCESSES_MAX} processes: {cores} cores for the CPU "
        f"alone, at {measured.cpu_s * 1000:.2f} ms a request. Lower --rate, or divide it among several machines"
    )


def blocked_share(recommended: Recommendation, size: Size) -> float:
    """The share of arrivals that find no connection free, where each connection takes a place."""
    return erlang_b(size.slots, recommended.measured.load(recommended.goal.rate / size.workers).in_flight)


def predicted_p99_ms(recommended: Recommendation, size: Size) -> float:
    """The p99 of another configuration at the goal's rate, by simulation; infinite if its queue grows without end."""
    return 1000 * p99_s(recommended.measured.load(recommended.goal.rate / size.workers), size.slots)
