"""Who plays a plan: each variant in each form that its cells ask for, and the reader's own services."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from waitbench.catalog.variants import Variant, labelled
from waitbench.catalog.workloads import WORKLOADS
from waitbench.errors import UsageError
from waitbench.plan.cell import Cell
from waitbench.plan.plan import Plan


@dataclass(frozen=True)
class Contender:
    """A variant as one service of a run."""

    label: str
    """Its own name in the run: the variant's, with what sets this form of it apart."""
    variant: str
    """Its name in variants.toml, or that of an external service."""
    workers: int = 1
    """Processes; 1: as many as its budget declares."""
    cpus: int = 0
    """Cores; 0: those that every service has."""
    external: bool = False

    def plays(self, cell: Cell) -> bool:
        """Whether the cell asks for it in this form. What it serves is another question."""
        named = cell.variants is None or self.variant in cell.variants
        return named and (self.workers, self.cpus) in forms(cell)


def forms(cell: Cell) -> list[tuple[int, int]]:
    """Workers and cores of each form in which a cell wants its contenders."""
    return [(workers, cell.service_cpus or 0) for workers in cell.workers or [1]]


def contenders(plan: Plan) -> list[Contender]:
    """In the order of the plan: a variant in its plain form, then in the others."""
    found = []
    for label, name in labelled(plan.variants).items():
        asked = [form for cell in plan.cells for form in forms(cell) if cell.variants is None or name in cell.variants]
        found += [Contender(label + _suffix(*form), name, *form) for form in sorted(dict.fromkeys(asked), key=_order)]
    return found + [Contender(item.name, item.name, external=True) for item in plan.external]


def served(plan: Plan, known: Mapping[str, Variant]) -> dict[str, Collection[str]]:
    """What each variant, and each external service, of the plan serves."""
    ours: dict[str, Collection[str]] = {
        name: [workload for workload in WORKLOADS if known[name].serves(workload)] for name in plan.variants
    }
    return ours | {item.name: list(item.paths) for item in plan.external}


def is_played(plan: Plan, known: Mapping[str, Variant]) -> bool:
    """Whether anyone plays any cell: is named by it, and serves what it asks for."""
    serves, everyone = served(plan, known), contenders(plan)
    return any(who.plays(cell) and cell.asked <= set(serves[who.variant]) for cell in plan.cells for who in everyone)


def require_forms(cells: Iterable[tuple[int, Cell]], names: Iterable[str], known: Mapping[str, Variant]) -> None:
    """Raises UsageError where a cell, given with its number, asks for processes that one of these names can't have, and
    does not leave it out."""
    everyone = list(names)
    for number, cell in cells:
        for name in cell.variants or everyone:
            if name in everyone and name in known and (why := _formless(cell, known[name])):
                raise UsageError(f"cells[{number}].workers: {name} {why}; leave it out with variants = [...]")


def _formless(cell: Cell, variant: Variant) -> str:
    if not cell.workers:
        return ""
    if (count := variant.budget["workers"]) > 1:
        return f"is of {count} processes as it stands"
    return "" if variant.scales or max(cell.workers) == 1 else "is one process, whatever its server is told"


def _order(form: tuple[int, int]) -> tuple[int, int]:
    workers, cpus = form
    return cpus, workers


def _suffix(workers: int, cpus: int) -> str:
    return (f"-{workers}w" if workers > 1 else "") + (f"-{cpus}cpu" if cpus else "")
