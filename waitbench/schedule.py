"""From a plan to the order of its trials: seeded, interleaved blocks."""

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from waitbench.plan import Cell, Load, Plan
from waitbench.variants import labelled


@dataclass(frozen=True)
class Slot:
    """One trial to come: one contender (a variant, or an external service) under one load."""

    block: int
    repeat: int
    cell: Cell
    load: Load
    contender: str
    measure_s: float
    alone: bool = False
    """Of a mixed load: without its neighbours."""


def contenders(plan: Plan) -> list[str]:
    return [*labelled(plan.variants), *(item.name for item in plan.external)]


def schedule(plan: Plan, seed: int, limited: Mapping[str, Collection[str]] = {}) -> list[Slot]:
    """Each block holds every contender once, under one load; a repeat holds one block for each load.

    A contender is left out of the blocks whose workload it does not serve: `limited` names what those serve that
    do not serve everything, and an external service serves what the plan has paths for. A block of a mixed load holds
    every contender twice, with its slow neighbours and without.

    Both orders are shuffled anew, so that a machine that grows warm, or a neighbour that wakes, falls on all alike.
    """
    rng = random.Random(seed)  # noqa: S311 - an order, not a secret
    serves = {**limited, **{item.name: item.paths for item in plan.external}}
    names = contenders(plan)
    slots: list[Slot] = []
    block = 0
    for repeat in range(1, plan.repeats + 1):
        for cell, load in rng.sample(plan.load_points, len(plan.load_points)):
            block += 1
            measure_s = sum(stage.seconds for stage in cell.stages) or cell.measure_s or plan.measure_s
            both = [
                (name, alone) for name in names for alone in ((False, True) if cell.workload == "mixed" else (False,))
            ]
            for contender, alone in rng.sample(both, len(both)):
                if contender not in serves or cell.asked <= set(serves[contender]):
                    slots.append(Slot(block, repeat, cell, load, contender, measure_s, alone))
    return slots
