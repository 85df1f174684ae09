"""Reduces a plan to the chosen variants and workloads, and checks that the rest can run."""

from collections.abc import Collection, Iterable, Mapping

from waitbench.catalog.scenarios import SCENARIOS
from waitbench.catalog.variants import Variant, labelled
from waitbench.catalog.workloads import WORKLOADS
from waitbench.errors import UsageError
from waitbench.plan.contender import is_played, require_forms, served
from waitbench.plan.plan import External, Plan
from waitbench.plan.suggestion import nearest


def select(plan: Plan, known: Mapping[str, Variant], variants: Iterable[str], workloads: Iterable[str]) -> Plan:
    """Return the plan with the chosen variants and workloads only; none chosen means all.

    A `known` variant that the plan does not name is added. A variant that is named twice is compared with itself.
    Raises UsageError for an unknown name, and if nothing would be measured.
    """
    chosen, wanted = list(variants), set(workloads)
    externals = [item.name for item in plan.external]
    for name in chosen:
        if name not in known and name not in externals:
            raise UsageError(f"no variant named {name!r}; {nearest(name, [*known, *externals])}")
    for name in wanted - {*WORKLOADS, *SCENARIOS}:
        raise UsageError(f"no workload named {name!r}; {nearest(name, [*WORKLOADS, *SCENARIOS])}")
    numbered = [(number, cell) for number, cell in enumerate(plan.cells) if not wanted or cell.workload in wanted]
    if not numbered:
        has = ", ".join(dict.fromkeys(cell.workload for cell in plan.cells))
        raise UsageError(f"this plan has no cell with the workload {', '.join(sorted(wanted))}; it has {has}")
    names = [name for name in chosen if name not in externals] if chosen else plan.variants
    kept = [copy for item in plan.external for copy in _copies(item, chosen)] if chosen else plan.external
    _require_own_names([*labelled(names), *(item.name for item in kept)])
    require_forms(numbered, names, known)
    cut = plan.model_copy(update={"variants": names, "cells": [cell for _, cell in numbered], "external": kept})
    _require_something(cut, known)
    return cut


def require_shares(plan: Plan, workers: int) -> None:
    """Raises UsageError if an open loop's limit in flight is lower than the number of Locust workers.

    A worker without a share of the limit would shed all of its arrivals.
    """
    least = min((cell.max_in_flight for cell in plan.cells if cell.users is None), default=workers)
    if least < workers:
        raise UsageError(
            f"--locust-workers {workers}: a cell of this plan has max_in_flight = {least}, less than one for each "
            f"worker; use at most {least} workers, or raise max_in_flight"
        )


def _copies(item: External, chosen: list[str]) -> list[External]:
    """Return an external service as often as it was chosen, each time with its own name."""
    labels = labelled(name for name in chosen if name == item.name)
    return [item.model_copy(update={"name": label}) for label in labels]


def _require_own_names(labels: list[str]) -> None:
    """Raises UsageError if the number added to the name of a repeated contender makes the name of another."""
    if taken := next((label for label in labels if labels.count(label) > 1), None):
        raise UsageError(f"two contenders would be called {taken!r}; leave one of them out, or rename the external one")


def _require_something(plan: Plan, known: Mapping[str, Variant]) -> None:
    """Raises UsageError if no contender runs any cell."""
    if not is_played(plan, known):
        raise UsageError(f"nothing would be measured: {_why_unplayed(plan, served(plan, known))}")


def _why_unplayed(plan: Plan, serves: Mapping[str, Collection[str]]) -> str:
    """Return the reason: no workload is served, or the cells name other variants, or they ask for another form."""
    names, asked = ", ".join(serves), {workload for cell in plan.cells for workload in cell.asked}
    able = [cell for cell in plan.cells if any(cell.asked <= set(each) for each in serves.values())]
    if not able:
        every = [workload for workload in WORKLOADS if any(workload in each for each in serves.values())]
        return (
            f"{names} {'serves' if len(serves) == 1 else 'serve'} only {', '.join(every)}, but the chosen cells need "
            f"{', '.join(sorted(asked))}; choose a --workload that is served, or another plan"
        )
    if named := ", ".join(dict.fromkeys(name for cell in able for name in cell.variants or [])):
        return (
            f"the chosen cells name {named}, not {names}; choose one of those, or a plan whose cells name no variants"
        )
    return (
        f"the chosen cells set workers, service_cpus or budget, which cannot be changed for {names}; remove these keys"
    )
