"""From a plan to the order of its trials: seeded, interleaved blocks."""

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from waitbench.plan.cell import Cell, Load
from waitbench.plan.contender import Contender, contenders
from waitbench.plan.plan import Plan


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


def schedule(plan: Plan, seed: int, limited: Mapping[str, Collection[str]] = {}) -> list[Slot]:
    """Each block holds every contender once, under one load; a repeat holds one block for each load.

    A contender is left out of the blocks whose cells do not name it, or whose workload it does not serve: `limited`
    names what those serve that do not serve everything, and an external service serves what the plan has paths for.
    A block of a mixed load holds every contender twice, with its slow neighbours and without.

    Both orders are shuffled anew, so that a machine that grows warm, or a neighbour that wakes, falls on all alike.
    """
    rng = random.Random(seed)  # noqa: S311 - an order, not a secret
    serves = {**limited, **{item.name: item.paths for item in plan.external}}
    everyone = contenders(plan)
    slots: list[Slot] = []
    block = 0
    for repeat in range(1, max((_repeats(points, plan) for points in plan.blocks), default=0) + 1):
        for points in rng.sample(plan.blocks, len(plan.blocks)):
            if repeat > _repeats(points, plan):
                continue
            block += 1
            cells, (cell, load) = [cell for cell, _ in points], points[0]
            measure_s = max(_seconds(each, plan) for each in cells)
            both = [
                (who.label, alone)
                for who in everyone
                if _plays(who, cells, serves)
                for alone in ((False, True) if cell.workload == "mixed" else (False,))
            ]
            slots += [
                Slot(block, repeat, cell, load, label, measure_s, alone) for label, alone in rng.sample(both, len(both))
            ]
    return slots


def _repeats(points: list[tuple[Cell, Load]], plan: Plan) -> int:
    """Of cells that share their trials, as many as any of them asks for."""
    return max(cell.repeats or plan.repeats for cell, _ in points)


def _seconds(cell: Cell, plan: Plan) -> float:
    return sum(stage.seconds for stage in cell.stages) or cell.measure_s or plan.measure_s


def _plays(who: Contender, cells: list[Cell], serves: Mapping[str, Collection[str]]) -> bool:
    able = who.label not in serves or cells[0].asked <= set(serves[who.label])
    return able and any(who.plays(cell) for cell in cells)
