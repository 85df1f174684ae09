"""The contenders of a plan: each variant in each form that its cells ask for, and the external services."""

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
    """Its own name in the run: the name of the variant, with a suffix for this form."""
    variant: str
    """Its name in variants.toml, or the name of an external service."""
    workers: int = 1
    """The number of processes; 1: as many as its budget declares."""
    cpus: int = 0
    """The number of cores; 0: those that every service has."""
    changed: tuple[tuple[str, int], ...] = ()
    """The entries of its budget that differ from variants.toml."""
    external: bool = False

    def plays(self, cell: Cell) -> bool:
        """Whether the cell asks for it in this form. Whether it serves the workload is not checked."""
        named = cell.variants is None or self.variant in cell.variants
        return named and (self.workers, self.cpus, self.changed) in forms(cell)


Form = tuple[int, int, tuple[tuple[str, int], ...]]


def forms(cell: Cell) -> list[Form]:
    """Return the workers, the cores and the changed budget of each form that a cell asks for."""
    changed = tuple(sorted((cell.budget or {}).items()))
    return [(workers, cell.service_cpus or 0, changed) for workers in cell.workers or [1]]


def contenders(plan: Plan) -> list[Contender]:
    """Return the contenders in the order of the plan: a variant in its plain form, then in its other forms."""
    found = []
    for label, name in labelled(plan.variants).items():
        asked = [form for cell in plan.cells for form in forms(cell) if cell.variants is None or name in cell.variants]
        found += [Contender(label + _suffix(*form), name, *form) for form in sorted(dict.fromkeys(asked), key=_order)]
    return found + [Contender(item.name, item.name, external=True) for item in plan.external]


def served(plan: Plan, known: Mapping[str, Variant]) -> dict[str, Collection[str]]:
    """Return the workloads that each variant and each external service of the plan serves."""
    ours: dict[str, Collection[str]] = {
        name: [workload for workload in WORKLOADS if known[name].serves(workload)] for name in plan.variants
    }
    return ours | {item.name: list(item.paths) for item in plan.external}


def is_played(plan: Plan, known: Mapping[str, Variant]) -> bool:
    """Whether a contender runs any cell: the cell asks for it, and it serves what the cell asks for."""
    serves, found = served(plan, known), contenders(plan)
    return any(each.plays(cell) and cell.asked <= set(serves[each.variant]) for cell in plan.cells for each in found)


def require_forms(cells: Iterable[tuple[int, Cell]], names: Iterable[str], known: Mapping[str, Variant]) -> None:
    """Raises UsageError if a cell asks for processes or a budget that one of its variants cannot have.

    Each cell comes with its number in the plan. A cell without `variants` is for all `names`.
    """
    all_names = list(names)
    for number, cell in cells:
        for name in cell.variants or all_names:
            if name not in all_names or name not in known:
                continue
            if why := _formless(cell, known[name]):
                raise UsageError(f"cells[{number}].workers: {name} {why}; leave it out with variants = [...]")
            for key in (key for key in cell.budget or {} if key not in known[name].resizable):
                why = f"has {key} = {known[name].budget.get(key, 'no limit')}, which cannot be changed"
                raise UsageError(f"cells[{number}].budget: {name} {why}; leave it out with variants = [...]")


def _formless(cell: Cell, variant: Variant) -> str:
    if not cell.workers:
        return ""
    if (count := variant.budget["workers"]) > 1:
        return f"always has {count} processes"
    if variant.scales or max(cell.workers) == 1:
        return ""
    return "always has one process, because its server cannot start more"


def _order(form: Form) -> tuple[tuple[tuple[str, int], ...], int, int]:
    workers, cpus, changed = form
    return changed, cpus, workers


def _suffix(workers: int, cpus: int, changed: Iterable[tuple[str, int]]) -> str:
    parts = [f"{workers}w"] if workers > 1 else []
    parts += [f"{cpus}cpu"] if cpus else []
    parts += [f"{count}{key.replace('_', '-')}" for key, count in changed]
    return "".join(f"-{part}" for part in parts)
