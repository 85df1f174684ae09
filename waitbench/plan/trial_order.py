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


class Blocks:
    """The blocks of a plan: one for each load point, with one trial of every contender under that load.

    A block of a mixed load has two trials of every contender: with its slow neighbours and without.
    A contender is left out of blocks whose cells do not name it, or whose workload it does not serve.
    `limited` has the workloads of contenders that do not serve all. External services serve what the plan has paths
    for.
    """

    def __init__(self, plan: Plan, limited: Mapping[str, Collection[str]] = {}) -> None:
        self._plan = plan
        self._serves = {**limited, **{item.name: item.paths for item in plan.external}}
        self._contenders = contenders(plan)
        self._cells = plan.blocks
        self._of = dict(self._cells)

    @property
    def points(self) -> list[LoadPoint]:
        return [point for point, _ in self._cells]

    def repeats(self, point: LoadPoint) -> int:
        """The planned repeats of a block: the highest number among the cells that share its trials."""
        return max(cell.repeats or self._plan.repeats for cell in self._of[point])

    def seconds(self, point: LoadPoint) -> float:
        """The seconds of load of one block, warm-ups included."""
        return len(self._trials(point)) * (self._plan.warmup_s + self._measure_s(point))

    def slots(self, point: LoadPoint, block: int, repeat: int, rng: random.Random) -> list[Slot]:
        """The trials of one block, shuffled."""
        trials, measure_s = self._trials(point), self._measure_s(point)
        return [
            Slot(block, repeat, self._of[point][0], point, label, measure_s, alone)
            for label, alone in rng.sample(trials, len(trials))
        ]

    def _trials(self, point: LoadPoint) -> list[tuple[str, bool]]:
        """The contenders of a block, each with whether it is without its neighbours."""
        cells = self._of[point]
        return [
            (contender.label, alone)
            for contender in self._contenders
            if _plays(contender, cells, self._serves)
            for alone in ((False, True) if cells[0].workload == "mixed" else (False,))
        ]

    def _measure_s(self, point: LoadPoint) -> float:
        return max(_seconds(each, self._plan) for each in self._of[point])


def schedule(plan: Plan, seed: int, limited: Mapping[str, Collection[str]] = {}) -> list[Slot]:
    """Return the trials of a plan in their order. A repeat has one block for each load; `limited` is for `Blocks`.

    Each repeat shuffles its blocks and each block its contenders. So a machine that grows warm, or another program
    that starts, affects all contenders alike.
    """
    rng = random.Random(seed)  # noqa: S311 - an order, not a secret
    blocks = Blocks(plan, limited)
    points, slots, block = blocks.points, list[Slot](), 0
    for repeat in range(1, max(map(blocks.repeats, points), default=0) + 1):
        for point in rng.sample(points, len(points)):
            if repeat <= blocks.repeats(point):
                block += 1
                slots += blocks.slots(point, block, repeat, rng)
    return slots


def _seconds(cell: Cell, plan: Plan) -> float:
    return sum(step.seconds for step in cell.profile or []) or cell.measure_s or plan.measure_s


def _plays(contender: Contender, cells: list[Cell], serves: Mapping[str, Collection[str]]) -> bool:
    able = contender.label not in serves or cells[0].asked <= set(serves[contender.label])
    return able and any(contender.plays(cell) for cell in cells)
