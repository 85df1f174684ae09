"""A plan cut down to what is asked for, and held to who is to carry it out."""

from collections.abc import Iterable, Mapping

from waitbench.errors import UsageError
from waitbench.plan.cell import Cell
from waitbench.plan.nearest import nearest
from waitbench.plan.plan import External, Plan
from waitbench.variants import Variant, labelled
from waitbench.workloads import SCENARIOS, WORKLOADS


def select(plan: Plan, known: Mapping[str, Variant], variants: Iterable[str], workloads: Iterable[str]) -> Plan:
    """The plan cut down to some variants and workloads; none named means all.

    A `known` variant that the plan does not name is added; one that is named twice is compared with itself. Raises
    UsageError for a name that nothing has, and where nothing would be measured.
    """
    chosen, wanted = list(variants), set(workloads)
    externals = [item.name for item in plan.external]
    for name in chosen:
        if name not in known and name not in externals:
            raise UsageError(f"no variant named {name!r}; {nearest(name, [*known, *externals])}")
    for name in wanted - {*WORKLOADS, *SCENARIOS}:
        raise UsageError(f"no workload named {name!r}; {nearest(name, [*WORKLOADS, *SCENARIOS])}")
    cells = [cell for cell in plan.cells if not wanted or cell.workload in wanted]
    if not cells:
        has = ", ".join(dict.fromkeys(cell.workload for cell in plan.cells))
        raise UsageError(f"this plan has no cell with the workload {', '.join(sorted(wanted))}; it has {has}")
    names = [name for name in chosen if name not in externals] if chosen else plan.variants
    kept = [twin for item in plan.external for twin in _twins(item, chosen)] if chosen else plan.external
    _require_own_names([*labelled(names), *(item.name for item in kept)])
    serves = {name: [workload for workload in WORKLOADS if known[name].serves(workload)] for name in names}
    _require_something(cells, serves | {item.name: list(item.paths) for item in kept})
    return plan.model_copy(update={"variants": names, "cells": cells, "external": kept})


def require_shares(plan: Plan, workers: int) -> None:
    """Raises UsageError where an open loop's limit can't be shared out: a worker without a share would shed all of its
    arrivals."""
    least = min((cell.max_in_flight for cell in plan.cells if cell.users is None), default=workers)
    if least < workers:
        raise UsageError(
            f"--locust-workers {workers}: a cell of this plan has max_in_flight = {least}, less than one for each; "
            f"take {least} workers at most, or raise it"
        )


def _twins(item: External, chosen: list[str]) -> list[External]:
    labels = labelled(name for name in chosen if name == item.name)
    return [item.model_copy(update={"name": label}) for label in labels]


def _require_own_names(labels: list[str]) -> None:
    """Raises UsageError where the number that a contender gets beside itself makes the name of another."""
    if taken := next((label for label in labels if labels.count(label) > 1), None):
        raise UsageError(f"two contenders would be called {taken!r}; leave one of them out, or rename the external one")


def _require_something(cells: list[Cell], serves: dict[str, list[str]]) -> None:
    """Raises UsageError where no cell is of a workload that a contender serves."""
    asked = {workload for cell in cells for workload in cell.asked}
    served = [workload for workload in WORKLOADS if any(workload in names for names in serves.values())]
    if not any(cell.asked <= set(names) for cell in cells for names in serves.values()):
        verb = "serves" if len(serves) == 1 else "serve"
        raise UsageError(
            f"nothing would be measured: {', '.join(serves)} {verb} only {', '.join(served)}, and the cells chosen are "
            f"of {', '.join(sorted(asked))}; choose a plan or a --workload that has one of these"
        )
