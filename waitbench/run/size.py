"""Sizes services: a calibration run, the arithmetic, and a run of the recommended and of smaller configurations."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from waitbench.analysis.cells import Cell
from waitbench.analysis.loading import load_comparison
from waitbench.analysis.sizing.calibrated import measured
from waitbench.analysis.sizing.confirmation import Confirmation, confirmations, is_confirmed
from waitbench.analysis.sizing.lines import too_large
from waitbench.analysis.sizing.recommendation import (
    Goal,
    Recommendation,
    Size,
    recommend,
    sized_key,
    sizing_workload,
)
from waitbench.catalog.variants import Variant
from waitbench.launch.cores import allowed_cores
from waitbench.plan.plan import Plan
from waitbench.records.folder import now
from waitbench.run.environment import environment
from waitbench.run.execute import run_held, sweep_if_possible
from waitbench.run.locks import sole_run
from waitbench.run.order import Order
from waitbench.run.prepare import run_name
from waitbench.run.stack import local_stack
from waitbench.run.watch import patience_s

CALIBRATION_RATE = 500.0
"""The highest rate of a calibration. A request takes more CPU time at a low rate, when caches are cold: at 100/s twice
that of 300/s here. So a calibration comes as near to the goal as every variant can follow."""
CALIBRATION_BUSY = 0.5
"""The share of its slots that a service may use in the calibration, where no request should queue."""
CALIBRATION_S = 5.0
CALIBRATION_REPEATS = 2
REPEATS = 3
WINDOW_S = (10.0, 15.0)
"""The shortest and the longest window of a confirming trial."""
WARMUP_S = 2.0
P99_SAMPLES = 1050
"""Requests in all trials of a configuration: a p99 needs 1,000."""
GROWTH = 2.0
"""A queue that grows without end has to pass this many times the objective within the window."""


@dataclass
class Sizing:
    """The sizing of one variant, as far as it has come."""

    recommended: Recommendation
    why_not: str = ""
    """Why this machine cannot confirm it; "" if it can."""
    measured: list[Confirmation] = field(default_factory=list)

    @property
    def confirmed(self) -> bool:
        return not self.why_not and is_confirmed(self.recommended, self.measured)


@dataclass
class Sizer:
    """One call of `waitbench size`. `found` has what is known, whatever ends the call."""

    goal: Goal
    variants: Sequence[Variant]
    known: dict[str, Variant]
    out: Path
    seed: int
    console: Console
    found: list[Sizing] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)

    def size(self, calculated: Callable[[Sizing], None]) -> None:
        """Calibrate, recommend and confirm. Each recommendation is given to `calculated` before it is measured.

        The machine is held from the first run to the last. Raises as a run, after `found` has what was measured.
        """
        sweep_if_possible(self.console)
        patience_s()
        whole = Order(calibration_plan(self.goal, self.variants), "size-calibration", self.known, engine="local",
                      seed=self.seed, out=self.out, name="", ui=False)  # fmt: skip
        with sole_run(self.out, whole.work) as release:
            cells = self._run(whole, release)
            for variant in self.variants:
                cell = next(cell for cell in cells if cell.target.variant == variant.name)
                sizing = Sizing(recommend(self.goal, variant, measured(cell), environment()["memory_mib"]))
                if (cores := cores_for_services()) < sizing.recommended.size.workers:
                    sizing.why_not = too_large(sizing.recommended, cores)
                self.found.append(sizing)
                calculated(sizing)
            possible = [sizing for sizing in self.found if not sizing.why_not]
            if not possible:
                return
            plan = confirming_plan(self.goal, [sizing.recommended for sizing in possible])
            cells = self._run(replace(whole, plan=plan, plan_name="size"), release)
            for sizing in possible:
                sizing.measured = confirmations(sizing.recommended, cells)

    def _run(self, order: Order, release: Callable[[], None]) -> list[Cell]:
        named = replace(order, name=run_name(order.plan_name, now()))
        outcome = run_held(named, self.console, local_stack, release)
        self.folders.append(outcome.folder.path)
        return load_comparison(outcome.folder).cells


def cores_for_services() -> int:
    """How many cores a service can have here, without the one of the generator and the database."""
    return max(1, len(allowed_cores()) - 1)


def calibration_plan(goal: Goal, variants: Iterable[Variant]) -> Plan:
    """Each variant as it is declared, at the goal's rate or at a lower one that is below its limits."""
    cells = []
    for variant in variants:
        slots = variant.budget.get(sized_key(variant), math.inf)
        rate = min(goal.rate, CALIBRATION_RATE, CALIBRATION_BUSY * slots / (goal.wait_ms / 1000))
        cells.append(_cell(goal, variant, max(1.0, round(rate, 1))))
    return _plan("Sizing: calibration", goal, cells, CALIBRATION_REPEATS, max(CALIBRATION_S, 3 * goal.wait_ms / 1000))


def confirming_plan(goal: Goal, recommended: Iterable[Recommendation]) -> Plan:
    """Each recommended configuration and the smaller one, at the goal's rate."""
    every = list(recommended)
    cells = [
        _cell(goal, each.variant, goal.rate) | _form(each, size)
        for each in every
        for size in (each.size, each.smaller)
        if size is not None
    ]
    window_s = max(window_s_of(each) for each in every)
    return _plan(f"Sizing: {goal.rate:g}/s within {goal.p99_ms:g} ms", goal, cells, REPEATS, window_s)


def window_s_of(recommended: Recommendation) -> float:
    """How long a trial has to measure: for a p99, for several waits, and until a growing queue misses the objective."""
    goal, (least, most) = recommended.goal, WINDOW_S
    needed = [least, P99_SAMPLES / REPEATS / goal.rate, 3 * goal.wait_ms / 1000]
    if (smaller := recommended.smaller) is not None:
        growth = recommended.in_flight / (smaller.workers * smaller.slots) - 1
        needed += [GROWTH * goal.p99_ms / 1000 / growth] if growth > 0 else []
    return round(min(most, max(needed)), 1)


def _form(recommended: Recommendation, size: Size) -> dict[str, object]:
    several = {"workers": [size.workers], "service_cpus": recommended.size.workers}
    return {"budget": {recommended.key: size.slots}} | (several if recommended.size.workers > 1 else {})


def _cell(goal: Goal, variant: Variant, rate: float) -> dict[str, object]:
    params = {"ms": goal.wait_ms}
    return {"workload": sizing_workload(variant), "params": params, "rate": [rate], "variants": [variant.name],
            "max_in_flight": min(20_000, max(2000, math.ceil(4 * goal.rate * goal.wait_ms / 1000)))}  # fmt: skip


def _plan(title: str, goal: Goal, cells: list[dict[str, object]], repeats: int, measure_s: float) -> Plan:
    names = list(dict.fromkeys(name for cell in cells for name in cell["variants"]))  # type: ignore[attr-defined]
    return Plan.model_validate({
        "title": title,
        "repeats": repeats,
        "warmup_s": max(WARMUP_S, round(1.2 * goal.wait_ms / 1000, 1)),
        "measure_s": measure_s,
        "timeout_s": max(30.0, 2 * goal.p99_ms / 1000),
        "variants": names,
        "cells": cells,
    })  # fmt: skip
