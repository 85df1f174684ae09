"""Who plays a plan: each variant in each form that its cells ask for, and the reader's own services."""

from dataclasses import dataclass

from waitbench.plan.cell import Cell
from waitbench.plan.plan import Plan
from waitbench.variants import labelled


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


def _order(form: tuple[int, int]) -> tuple[int, int]:
    workers, cpus = form
    return cpus, workers


def _suffix(workers: int, cpus: int) -> str:
    return (f"-{workers}w" if workers > 1 else "") + (f"-{cpus}cpu" if cpus else "")
