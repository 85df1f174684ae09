"""Queues with random arrivals: how long requests wait for a slot and for the CPU. Pure arithmetic and simulation.

A slot is a thread, a greenlet's connection, or a connection of a pool. No closed formula gives the p99 of a queue with
many slots and any distribution of service times (M/G/k), so it is simulated. Erlang's formulas are exact where they
apply; the tests compare the simulation with them. docs/size-workers.md names the sources.
"""

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

REQUESTS = 30_000
SEED = 1
"""Every number of slots gets the same arrivals, so that more slots are never worse by chance."""
SETTLED = 0.1
"""The share of the requests after which the queue counts as settled."""
P99 = 0.99


@dataclass(frozen=True)
class Load:
    """Requests of one process. Each takes a slot, half of its CPU time, a wait, and the other half."""

    rate: float
    """Arrivals per second, as a Poisson process."""
    cpu_s: float
    """The mean CPU time of a request; single times are drawn from an exponential distribution."""
    wait: Callable[[random.Random], float]
    """Draws the time of a request apart from the CPU, in seconds."""
    wait_s: float
    """The mean of these draws."""

    @property
    def hold_s(self) -> float:
        """How long a request holds its slot if it never waits for the CPU."""
        return self.cpu_s + self.wait_s

    @property
    def in_flight(self) -> float:
        """Little's law: requests in flight = rate x time in the system."""
        return self.rate * self.hold_s

    @property
    def cpu_share(self) -> float:
        return self.rate * self.cpu_s


def drawn_from(values: Sequence[float]) -> Callable[[random.Random], float]:
    """A wait that is one of these values, all equally likely."""
    return lambda rng: values[int(rng.random() * len(values))]


def erlang_b(slots: int, in_flight: float) -> float:
    """The share of arrivals that find all slots taken, if an arrival never waits for one (Erlang 1917).

    It holds for any distribution of service times. `in_flight` is the mean number without any limit.
    """
    blocked = 1.0
    for number in range(1, slots + 1):
        blocked = in_flight * blocked / (number + in_flight * blocked)
    return blocked


def slots_against_blocking(in_flight: float, share: float) -> int:
    """The fewest slots with which at most `share` of the arrivals find all of them taken."""
    slots = 0
    while erlang_b(slots, in_flight) > share:
        slots += 1
    return slots


def latencies_s(load: Load, slots: float, requests: int = REQUESTS, seed: int = SEED) -> list[float]:
    """Simulate one process: requests queue in order for `slots`, and then for one core. Returns settled latencies."""
    simulation = _Simulation(load, slots, random.Random(seed))  # noqa: S311 - a model, not a secret
    found = simulation.run(requests)
    return found[int(SETTLED * len(found)) :]


def p99_s(load: Load, slots: float) -> float:
    """The p99 latency with so many slots; infinite if requests arrive faster than slots or the core can take them."""
    if load.cpu_share >= 1 or load.in_flight >= slots:
        return math.inf
    latencies = sorted(latencies_s(load, slots))
    return latencies[math.ceil(P99 * len(latencies)) - 1]


def fewest_slots(load: Load, limit_s: float) -> int | None:
    """The fewest slots whose p99 is within the limit; None if no number of slots is enough."""
    if p99_s(load, math.inf) > limit_s:
        return None
    low = math.floor(load.in_flight)  # too few, because the queue would grow without end
    high = low + 1
    while p99_s(load, high) > limit_s:
        low, high = high, high + max(1, (high - math.floor(load.in_flight)))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if p99_s(load, middle) <= limit_s else (middle, high)
    return high


@dataclass(frozen=True)
class _Request:
    """One request. Its needs are drawn when it arrives, so that they are the same with any number of slots."""

    arrived: float
    first_cpu_s: float
    wait_s: float
    last_cpu_s: float


class _Simulation:
    """One process, event by event. The events of a request are the end of its wait and the end of its response."""

    def __init__(self, load: Load, slots: float, rng: random.Random) -> None:
        self._load, self._slots, self._rng = load, slots, rng
        self._busy = 0
        self._queue: deque[_Request] = deque()
        self._core_free_s = 0.0
        self._events: list[tuple[float, int, bool, _Request]] = []
        """When, a running number, whether the response ends then, and the request."""
        self._count = 0
        self._found: list[tuple[float, float]] = []

    def run(self, requests: int) -> list[float]:
        """Returns the latencies in the order of the arrivals."""
        now = 0.0
        for _ in range(requests):
            now += self._rng.expovariate(self._load.rate)
            request = _Request(now, self._cpu_s(), self._load.wait(self._rng), self._cpu_s())
            self._until(now)
            if self._busy < self._slots:
                self._begin(now, request)
            else:
                self._queue.append(request)
        self._until(math.inf)
        return [ended - arrived for arrived, ended in sorted(self._found)]

    def _cpu_s(self) -> float:
        return self._rng.expovariate(2 / self._load.cpu_s) if self._load.cpu_s else 0.0

    def _until(self, now: float) -> None:
        while self._events and self._events[0][0] <= now:
            at, _, last, request = heapq.heappop(self._events)
            if not last:
                self._push(self._computed(at, request.last_cpu_s), True, request)
                continue
            self._busy -= 1
            self._found.append((request.arrived, at))
            if self._queue:
                self._begin(at, self._queue.popleft())

    def _begin(self, now: float, request: _Request) -> None:
        self._busy += 1
        self._push(self._computed(now, request.first_cpu_s) + request.wait_s, False, request)

    def _computed(self, now: float, cpu_s: float) -> float:
        """When the core has done work that is ready now."""
        self._core_free_s = max(now, self._core_free_s) + cpu_s
        return self._core_free_s

    def _push(self, at: float, last: bool, request: _Request) -> None:
        self._count += 1
        heapq.heappush(self._events, (at, self._count, last, request))
