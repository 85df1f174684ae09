"""Which core does what: the services on one, the generator apart from them."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

from waitbench.errors import UsageError, WaitbenchError

NAMED = "WAITBENCH_CORES"
"""The variable that names cores: the first is for the services, the second for the generator."""


@dataclass(frozen=True)
class Cores:
    """Core numbers; empty where nothing can be pinned."""

    services: tuple[int, ...] = ()
    dependencies: tuple[int, ...] = ()
    generator: tuple[int, ...] = ()
    spare: tuple[int, ...] = ()
    """For more generators."""

    def generator_is_apart(self, cpus: Iterable[int]) -> bool:
        """Whether a service on these cores leaves the generator its own, or nothing is pinned."""
        return not set(self.generator) & set(cpus)

    def of_service(self, count: int) -> tuple[int, ...]:
        """The cores of a service: its own, or `count` of all there are; the generator's comes last. Raises
        WaitbenchError where the machine has fewer."""
        if not count:
            return self.services
        every = dict.fromkeys([*self.services, *self.spare, *self.dependencies, *self.generator])
        ordered = [*(core for core in every if core not in self.generator), *self.generator]
        if count > max(len(ordered), 1):
            there = len(ordered) or "none"
            raise WaitbenchError(f"service_cpus = {count}: of cores for a service there are {there} here; lower it")
        return tuple(ordered[:count])


def share_out(allowed: list[int]) -> Cores:
    """Each service is one process of one core. PostgreSQL and the remote API have a core of their own where there
    is a third; with two they sit by the generator, not by the service, whose CPU is what is measured."""
    if len(allowed) < 2:
        return Cores()
    service, generator = allowed[0], allowed[1]
    return Cores((service,), (allowed[2] if len(allowed) > 2 else generator,), (generator,), tuple(allowed[3:]))


def allowed_cores() -> list[int]:
    """The cores to share out, in order: those that this process may use, or those of them that WAITBENCH_CORES names.

    Raises UsageError where it names something else.
    """
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    named = os.environ.get(NAMED)
    if not named:
        return allowed
    cores = [int(part) for part in named.split(",") if part.strip().isdecimal()]
    if len(cores) != len(named.split(",")) or len(set(cores)) < len(cores) or not set(cores) <= set(allowed):
        raise UsageError(f"{NAMED}={named}: name some of the cores {', '.join(map(str, allowed))}, each once: '1,0'")
    return cores
