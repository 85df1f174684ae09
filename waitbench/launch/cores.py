"""Which core does what: the services on one, the generator apart from them."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Cores:
    """Core numbers; empty where nothing can be pinned."""

    services: tuple[int, ...] = ()
    dependencies: tuple[int, ...] = ()
    generator: tuple[int, ...] = ()
    spare: tuple[int, ...] = ()
    """For more generators."""


def share_out(allowed: list[int]) -> Cores:
    """Each service is one process of one core. PostgreSQL and the remote API have a core of their own where there
    is a third; with two they sit by the generator, not by the service, whose CPU is what is measured."""
    if len(allowed) < 2:
        return Cores()
    service, generator = allowed[0], allowed[1]
    return Cores((service,), (allowed[2] if len(allowed) > 2 else generator,), (generator,), tuple(allowed[3:]))


def allowed_cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
