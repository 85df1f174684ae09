"""Assigns cores: the services share one, and the generator has another."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

from waitbench.errors import UsageError, WaitbenchError

NAMED = "WAITBENCH_CORES"
"""The variable that names cores: the first is for the services, the second for the generator."""


@dataclass(frozen=True)
class Cores:
    """Core numbers of each part; empty if nothing can be pinned."""

    services: tuple[int, ...] = ()
    dependencies: tuple[int, ...] = ()
    generator: tuple[int, ...] = ()
    spare: tuple[int, ...] = ()
    """Cores for more generator processes."""

    def generator_is_apart(self, cpus: Iterable[int]) -> bool:
        """Whether a service on the cores `cpus` leaves the generator its own, or nothing is pinned."""
        return not set(self.generator) & set(cpus)

    def of_service(self, count: int) -> tuple[int, ...]:
        """Return the cores of a service: the services' core, or `count` of all cores, the generator's last.

        Raises WaitbenchError if there are fewer.
        """
        if not count:
            return self.services
        every = dict.fromkeys([*self.services, *self.spare, *self.dependencies, *self.generator])
        ordered = [*(core for core in every if core not in self.generator), *self.generator]
        if count > max(len(ordered), 1):
            there = len(ordered) or "no"
            raise WaitbenchError(
                f"service_cpus = {count}, but {there} cores can be assigned to a service on this machine; lower it"
            )
        return tuple(ordered[:count])


def share_out(allowed: list[int]) -> Cores:
    """Assign the allowed cores to the parts of a run.

    Each service is one process on one core. PostgreSQL and the remote API use a third core if there is one. With two,
    they share the generator's core, not the service's, because the service's CPU is what is measured.
    """
    if len(allowed) < 2:
        return Cores()
    service, generator = allowed[0], allowed[1]
    return Cores((service,), (allowed[2] if len(allowed) > 2 else generator,), (generator,), tuple(allowed[3:]))


def allowed_cores() -> list[int]:
    """Return the cores to share out, in order: those that this process may use, or those that WAITBENCH_CORES names.

    Raises UsageError if it names something else.
    """
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    named = os.environ.get(NAMED)
    if not named:
        return allowed
    cores = [int(part) for part in named.split(",") if part.strip().isdecimal()]
    if len(cores) != len(named.split(",")) or len(set(cores)) < len(cores) or not set(cores) <= set(allowed):
        raise UsageError(
            f"{NAMED}={named}: name some of the cores {', '.join(map(str, allowed))}, each once, for example '1,0'"
        )
    return cores
