"""Provides the services of a run, started on this machine or by Compose."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from waitbench.errors import WaitbenchError
from waitbench.launch.cores import Cores
from waitbench.launch.local import LocalStack
from waitbench.launch.network import container_url
from waitbench.plan.contender import contenders
from waitbench.run.order import Order


@dataclass(frozen=True)
class Stack:
    """Running services: their addresses, and `died`, which returns the error of one that ended, or None."""

    base_urls: dict[str, str]
    upstream_url: str | None
    cores: Cores
    died: Callable[[], WaitbenchError | None]


@contextmanager
def local_stack(order: Order) -> Iterator[Stack]:
    """Start everything as processes of this machine."""
    with LocalStack() as local, ExitStack() as ending:
        if local.cores.dependencies:
            ending.callback(os.sched_setaffinity, 0, os.sched_getaffinity(0))  # a second run has all cores again
            os.sched_setaffinity(0, local.cores.dependencies)  # the harness also stays off the services' core
        local.start_contenders(
            [who for who in contenders(order.plan) if not who.external],
            workloads={workload for cell in order.plan.cells for workload in cell.asked},
        )
        yield Stack(local.base_urls, local.upstream_url or None, local.cores, local.died)


@contextmanager
def attached_stack(order: Order) -> Iterator[Stack]:
    """Use the services that Compose has started. This runs in the load container."""
    os.umask(0)  # the user that called Compose, whatever its uid, may read and remove what is written here
    base_urls = {who.label: container_url(who.variant) for who in contenders(order.plan) if not who.external}
    yield Stack(base_urls, container_url("upstream"), Cores(), lambda: None)
