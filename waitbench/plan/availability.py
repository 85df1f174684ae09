"""Which variants of a plan are available. What is not installed or not started is left out, with the reason."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from waitbench.catalog.variants import Variant
from waitbench.errors import UsageError
from waitbench.plan.contender import is_played
from waitbench.plan.plan import Plan

Missing = Callable[[Variant], str]
"""Returns why a variant is not available, and what to do; "" if it is available."""


@dataclass(frozen=True)
class Attendance:
    """A plan as it can run here, and what was left out of it."""

    plan: Plan
    left_out: dict[str, str]
    """Why each part of the plan was left out, by the name that is shown for it."""


def attendance(plan: Plan, known: Mapping[str, Variant], missing: Missing, named: Iterable[str] = ()) -> Attendance:
    """Return the plan without the variants that are not available.

    Raises UsageError if the user named such a variant for this run (`named`), or if nothing is left to measure.
    """
    why = {name: reason for name in dict.fromkeys(plan.variants) if (reason := missing(known[name]))}
    for name in named:
        if name in why:
            raise UsageError(f"{name} can't be run here: {why[name]}")
    left = [name for name in plan.variants if name not in why]
    reasons = "".join(f"\n  {name}: {reason}" for name, reason in why.items())
    if not left and not plan.external:
        raise UsageError(f"none of the plan's variants can be run here:{reasons}")
    cut = _without(plan, left)
    if why and not is_played(cut, known):
        raise UsageError(
            f"nothing would be measured: no cell is for a variant that can be run here. Left out:{reasons}"
        )
    return Attendance(cut, {known[name].title: reason for name, reason in why.items()})


def _without(plan: Plan, left: list[str]) -> Plan:
    available = {*left, *(item.name for item in plan.external)}
    cells = []
    for cell in plan.cells:
        named = None if cell.variants is None else [name for name in cell.variants if name in available]
        if named != []:
            cells.append(cell.model_copy(update={"variants": named}))
    return plan.model_copy(update={"variants": left, "cells": cells})


def joined(plan: Plan, known: Mapping[str, Variant], missing: Missing) -> Plan:
    """Return the plan with every reference whose container is up: anyone who starts one wants it measured."""
    names = [
        name for name, v in known.items() if v.kind == "reference" and name not in plan.variants and not missing(v)
    ]
    return plan.model_copy(update={"variants": [*plan.variants, *names]})


def in_plain_forms(attendance: Attendance, known: Mapping[str, Variant]) -> Attendance:
    """Leave out the cells that set workers, service_cpus or budget: a container has only its declared form.

    Raises UsageError if nothing is left to measure.
    """
    plain = [cell for cell in attendance.plan.cells if not (cell.workers or cell.service_cpus or cell.budget)]
    if len(plain) == len(attendance.plan.cells):
        return attendance
    cut = attendance.plan.model_copy(update={"cells": plain})
    if not is_played(cut, known):
        raise UsageError(
            "nothing would be measured: every cell of the chosen variants sets workers, service_cpus or budget, which "
            "containers do not support; run it locally, with --engine local"
        )
    why = "containers have only the processes, cores and limits of compose.yaml; run the plan with --engine local"
    left_out = {**attendance.left_out, "Every cell with workers, service_cpus or budget": why}
    return Attendance(cut, left_out)


def not_contained(variant: Variant) -> str:
    """Return why containers can never have this variant; "" if they can. Whether it is started is not checked."""
    return "" if variant.containers else "it has no container; run it with --engine local"
