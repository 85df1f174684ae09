"""The order of a plan's trials: seeded, interleaved blocks."""

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from waitbench.plan.cell import Cell
from waitbench.plan.contender import Contender, contenders
from waitbench.plan.plan import Plan
from waitbench.records.load_point import LoadPoint


@dataclass(frozen=True)
class Slot:
    """One planned trial: one contender (a variant, or an external service) under one load."""

    block: int
    repeat: int
    cell: Cell
    point: LoadPoint
    contender: str
    measure_s: float
    alone: bool = False
    """Mixed loads: without the neighbours."""


def schedule(plan: Plan, seed: int, limited: Mapping[str, Collection[str]] = {}) -> list[Slot]:
    """Return the trials of a plan in their order.

    A repeat has one block for each load, and a block has one trial of every contender under that load.
    A block of a mixed load has two trials of every contender: with its slow neighbours and without.
    A contender is left out of blocks whose cells do not name it, or whose workload it does not serve.
    `limited` has the workloads of contenders that do not serve all. External services serve what the plan has paths
    for.

    Each repeat shuffles its blocks and each block its contenders. So a machine that grows warm, or another program
    that starts, affects all contenders alike.
    """
    rng = random.Random(seed)  # noqa: S311 - an order, not a secret
    serves = {**limited, **{item.name: item.paths for item in plan.external}}
    found = contenders(plan)
    slots: list[Slot] = []
    block = 0
    blocks = plan.blocks
    for repeat in range(1, max((_repeats(cells, plan) for _, cells in blocks), default=0) + 1):
        for point, cells in rng.sample(blocks, len(blocks)):
            if repeat > _repeats(cells, plan):
                continue
            block += 1
            cell = cells[0]
            measure_s = max(_seconds(each, plan) for each in cells)
            both = [
                (contender.label, alone)
                for contender in found
                if _plays(contender, cells, serves)
                for alone in ((False, True) if cell.workload == "mixed" else (False,))
            ]
            slots += [
                Slot(block, repeat, cell, point, label, measure_s, alone)
                for label, alone in rng.sample(both, len(both))
            ]
    return slots


def _repeats(cells: list[Cell], plan: Plan) -> int:
    """Return the highest number of repeats among cells that share their trials."""
    return max(cell.repeats or plan.repeats for cell in cells)


def _seconds(cell: Cell, plan: Plan) -> float:
    return sum(step.seconds for step in cell.profile or []) or cell.measure_s or plan.measure_s


def _plays(contender: Contender, cells: list[Cell], serves: Mapping[str, Collection[str]]) -> bool:
    able = contender.label not in serves or cells[0].asked <= set(serves[contender.label])
    return able and any(contender.plays(cell) for cell in cells)
