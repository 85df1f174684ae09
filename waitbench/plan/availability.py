"""Who of a plan can be had: what is not installed, or not started, is left out of it, and that is told."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from waitbench.catalog.variants import Variant
from waitbench.errors import UsageError
from waitbench.plan.contender import is_played
from waitbench.plan.plan import Plan

Missing = Callable[[Variant], str]
"""Why a variant can't be had, and what to do about it; "" where it can."""


@dataclass(frozen=True)
class Attendance:
    """A plan as it can be carried out, and why it is not whole: by what was left out."""

    plan: Plan
    left_out: dict[str, str]


def attendance(plan: Plan, known: Mapping[str, Variant], missing: Missing, named: Iterable[str] = ()) -> Attendance:
    """The plan without what can't be had. Raises UsageError for a variant that was named for this run, and where
    nothing is left to measure."""
    why = {name: reason for name in dict.fromkeys(plan.variants) if (reason := missing(known[name]))}
    for name in named:
        if name in why:
            raise UsageError(f"{name} can't be run here: {why[name]}")
    left = [name for name in plan.variants if name not in why]
    told = "".join(f"\n  {name}: {reason}" for name, reason in why.items())
    if not left and not plan.external:
        raise UsageError(f"none of the plan's variants can be run here:{told}")
    cut = _without(plan, left)
    if why and not is_played(cut, known):
        raise UsageError(f"nothing would be measured: no cell is left to play for those who can be run here:{told}")
    return Attendance(cut, {known[name].title: reason for name, reason in why.items()})


def _without(plan: Plan, left: list[str]) -> Plan:
    there = {*left, *(item.name for item in plan.external)}
    cells = []
    for cell in plan.cells:
        named = None if cell.variants is None else [name for name in cell.variants if name in there]
        if named != []:
            cells.append(cell.model_copy(update={"variants": named}))
    return plan.model_copy(update={"variants": left, "cells": cells})


def joined(plan: Plan, known: Mapping[str, Variant], missing: Missing) -> Plan:
    """The plan with every reference that is up: who starts one in containers wants it measured."""
    names = [
        name for name, v in known.items() if v.kind == "reference" and name not in plan.variants and not missing(v)
    ]
    return plan.model_copy(update={"variants": [*plan.variants, *names]})


def in_plain_forms(attendance: Attendance, known: Mapping[str, Variant]) -> Attendance:
    """Without the cells that ask for more workers or cores than declared: a container has one form. Raises UsageError
    where nothing is left to measure."""
    plain = [cell for cell in attendance.plan.cells if not cell.workers and not cell.service_cpus]
    if len(plain) == len(attendance.plan.cells):
        return attendance
    cut = attendance.plan.model_copy(update={"cells": plain})
    if not is_played(cut, known):
        raise UsageError(
            "nothing would be measured: all that is asked for has workers or service_cpus, which containers do not "
            "have; run it locally"
        )
    why = "containers have the processes and cores that compose.yaml gives them; run the plan locally for these"
    left_out = {**attendance.left_out, "What asks for workers or service_cpus": why}
    return Attendance(cut, left_out)


def not_contained(variant: Variant) -> str:
    """Seen from outside: why containers have no such service, whatever is started."""
    return "" if variant.containers else "there is no container of it; run it with --engine local"
