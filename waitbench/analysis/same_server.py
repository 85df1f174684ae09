"""Contenders on the same server program. A difference between two of them is not due to the program."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from waitbench.analysis.cells import Cell
from waitbench.analysis.factors.load_points import Factors
from waitbench.analysis.factors.simple_effects import SimpleEffect
from waitbench.analysis.points import Point, Standing
from waitbench.records.run import Target


def program(target: Target) -> str:
    """The server program of a service: `gunicorn` for `gunicorn gthread`; "" for an external service, as any may be."""
    return "" if target.external else target.server.partition(" ")[0].rstrip(",")


@dataclass(frozen=True)
class ByServer:
    """The ranked contenders of a load point, by their server programs."""

    groups: dict[str, Point]
    """The programs with several contenders, the one with the best contender first. Each is ranked by itself."""
    alone: list[Standing]
    """The other contenders, compared with the best of all."""

    def new_comparisons(self, best: Cell | None) -> list[int]:
        """How many contenders each group compares, without the group of the best: these are compared with it anyway."""
        return [group.ranked for group in self.groups.values() if group.best is not best]


def by_server(point: Point) -> ByServer | None:
    """Return the groups of a load point; None if it has one program, or no two contenders on the same one.

    A program that is not known may be any, so with an external service there are no groups.
    """
    cells: dict[str, list[Cell]] = {}
    for cell in point.counted:
        cells.setdefault(program(cell.target), []).append(cell)
    if point.ceiling_bound or len(cells) == 1 or "" in cells:
        return None
    groups = {name: replace(point, cells=each) for name, each in cells.items() if len(each) > 1}
    if not groups:
        return None
    best_first = sorted(groups, key=lambda name: min(map(point.place, groups[name].cells)))
    alone = [s for s in point.standings if s.cell in point.counted and program(s.cell.target) not in groups]
    return ByServer({name: groups[name] for name in best_first}, alone)


def largest_server_effect(found: Sequence[Factors]) -> tuple[Factors, SimpleEffect] | None:
    """The largest significant effect of a server within the same framework and model, on what ranks contenders."""
    effects = [
        (each, effect)
        for each in found
        if each.leading
        for effect in each.leading.simple
        if effect.factor == "server" and effect.differs and not effect.differ_in
    ]
    return max(effects, key=lambda found: max(found[1].ratio.mean, 1 / found[1].ratio.mean), default=None)
