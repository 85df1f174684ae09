"""From a plan to the order of its trials: seeded, interleaved blocks."""

import random
from dataclasses import dataclass

from waitbench.plan import Cell, Load, Plan


@dataclass(frozen=True)
class Slot:
    """One trial to come: one contender (a variant, or an external service) under one load."""

    block: int
    repeat: int
    cell: Cell
    load: Load
    contender: str
    measure_s: float


def contenders(plan: Plan) -> list[str]:
    return [*plan.variants, *(item.name for item in plan.external)]


def schedule(plan: Plan, seed: int) -> list[Slot]:
    """Each block holds every contender once, under one load; a repeat holds one block for each load.

    Both orders are shuffled anew, so that a machine that grows warm, or a neighbour that wakes, falls on all alike.
    """
    rng = random.Random(seed)  # noqa: S311 - an order, not a secret
    external = {item.name: item for item in plan.external}
    names = contenders(plan)
    slots: list[Slot] = []
    block = 0
    for repeat in range(1, plan.repeats + 1):
        for cell, load in rng.sample(plan.load_points, len(plan.load_points)):
            block += 1
            for contender in rng.sample(names, len(names)):
                service = external.get(contender)
                if service is None or cell.workload in service.paths:
                    slots.append(Slot(block, repeat, cell, load, contender, plan.measure_s))
    return slots
