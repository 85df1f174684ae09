"""Claims: sentences that a run tests, each with numeric rules that give it a verdict."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from waitbench.catalog.workloads import WORKLOADS
from waitbench.plan.cell import SEVERAL, Cell, Strict, Text
from waitbench.plan.suggestion import nearest
from waitbench.plan.zone import Refuted, Supported
from waitbench.records.load_point import Conditions, LoadPoint

T = TypeVar("T")

FigureName = Literal["goodput_rps", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "cpu_s_per_1k", "kib_per_request"]
OF_THE_SERVICE = ("cpu_s_per_1k", "kib_per_request")
"""Figures that cover everything a service does in a trial, whatever was requested."""
MEMORY_GAP = 2.0
"""The memory figure has no interval, so its zones have to be this factor apart."""
NAME_MAX = 64
"""A name becomes part of file names, which have at most 255 bytes."""
_NAME = r"^[a-z0-9][a-z0-9-]*$"


class ClaimCell(Cell):
    """A plan's cell with a name that rules use."""

    name: Annotated[str, Field(pattern=_NAME, max_length=NAME_MAX)]
    variants: Annotated[list[str], SEVERAL]
    """Required here: a claim names the variants that it is about."""

    @model_validator(mode="after")
    def _at_given_loads(self) -> "ClaimCell":
        if self.find is not None or self.profile is not None:
            raise ValueError("a claim compares figures at given loads; give users or rate, not find or profile")
        if self.budget is not None:
            raise ValueError("a claim is about variants as they are declared, so its cells have no budget; remove it")
        for name, given in (("variants", self.variants), ("workers", self.workers), ("users", self.users),
                            ("rate", self.rate)):  # fmt: skip
            if given and len({*given}) < len(given):
                raise ValueError(f"{name} = {given}: one value is listed twice; keep one")
        return self

    @property
    def cell(self) -> Cell:
        """The cell as a plan has it, without its name."""
        return Cell(**{name: getattr(self, name) for name in self.model_fields_set - {"name"}})

    @model_serializer(mode="wrap")
    def _as_given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Omit the keys that were not given: some keys are refused next to others, even with their default."""
        return {name: value for name, value in handler(self).items() if name in self.model_fields_set}


class Side(Strict):
    """One side of a ratio. A key may be left out if its cell has only one value for it."""

    cell: str
    variant: str | None = None
    load: Annotated[float, Field(gt=0)] | None = None
    workers: Annotated[int, Field(ge=1)] | None = None
    """Always filled in after reading a file."""
    alone: bool = False
    """Mixed cells: without the neighbours."""


class Rule(Strict):
    """The ratio of a figure in one place to the same figure in another, and the zones for this ratio."""

    says: Text
    """The sentence that is true if the rule is supported."""
    figure: FigureName
    of: Side
    over: Side
    supported: Supported
    refuted: Refuted

    @property
    def sides(self) -> tuple[tuple[str, Side], tuple[str, Side]]:
        return ("of", self.of), ("over", self.over)

    @model_validator(mode="after")
    def _zones_apart(self) -> "Rule":
        gap = self.supported.gap(self.refuted)
        if gap <= 1:
            raise ValueError(
                f"supported ({self.supported.words}) and refuted ({self.refuted.words}) overlap; leave a gap between "
                "them, so that noise cannot move a ratio from one to the other"
            )
        if self.figure == "kib_per_request" and gap < MEMORY_GAP:
            raise ValueError(f"kib_per_request has no interval; leave a factor of {MEMORY_GAP:g} between the zones")
        return self


class Place(NamedTuple):
    """The place that a side of a rule refers to. `workers` is None for the declared number of processes."""

    cell: ClaimCell
    variant: str
    point: LoadPoint
    workers: int | None
    alone: bool

    @property
    def key(self) -> "PlaceKey":
        return PlaceKey(self.point, self.variant, self.workers, self.alone)


class PlaceKey(NamedTuple):
    """The identity of the trials of a place, whichever cell asks for them."""

    point: LoadPoint
    variant: str
    workers: int | None
    alone: bool

    @property
    def complete(self) -> "PlaceKey":
        """The key with the default values of parameters: equal if the same requests go to the same service."""
        return self._replace(point=self.point.model_copy(update={"conditions": _complete(self.point.conditions)}))


def _complete(conditions: Conditions) -> Conditions:
    asked = conditions.asked
    params = {"params": WORKLOADS[asked.workload].complete(asked.params)}
    if conditions.mixed:
        return conditions.model_copy(update={"scenario": conditions.mixed.model_copy(update=params)})
    return conditions.model_copy(update=params)


class Claim(Strict):
    """A sentence, with the cells and rules that test it."""

    id: Annotated[str, Field(pattern=_NAME, max_length=NAME_MAX)]
    says: Text
    """The claim in one sentence."""
    tested: Text
    """How it is tested."""
    would_change: Text
    """The result that would change the verdict."""
    cells: Annotated[list[ClaimCell], SEVERAL]
    rules: Annotated[list[Rule], SEVERAL]

    @property
    def sides(self) -> Iterator[tuple[str, Rule, Side]]:
        """Every side with its position in the claim and its rule."""
        for number, rule in enumerate(self.rules):
            for name, side in rule.sides:
                yield f"rules[{number}].{name}", rule, side

    def place(self, side: Side) -> Place:
        """Return the place that a side refers to. Raises ValueError if there is no such place."""
        cells = {cell.name: cell for cell in self.cells}
        if side.cell not in cells:
            raise ValueError(f"cell: no cell named {side.cell!r}; {nearest(side.cell, cells)}")
        cell = cells[side.cell]
        variant = side.variant or _only("variant", cell.name, cell.variants)
        if variant not in cell.variants:
            raise ValueError(f"variant: {cell.name} does not have {variant!r}; {nearest(variant, cell.variants)}")
        load = side.load or _only("load", cell.name, cell.loads)
        if load not in cell.loads:
            raise ValueError(f"load: {cell.name} does not have {load:g}; there are: {_listed(cell.loads)}")
        workers = side.workers or (_only("workers", cell.name, cell.workers) if cell.workers else None)
        if cell.workers and workers not in cell.workers:
            raise ValueError(f"workers: {cell.name} does not have {workers}; there are: {_listed(cell.workers)}")
        if side.alone and cell.workload != "mixed":
            raise ValueError(f"alone: {cell.name} is not mixed, so it has no neighbours; leave it out")
        return Place(cell, variant, cell.point(load), workers, side.alone)

    @model_validator(mode="after")
    def _names_differ(self) -> "Claim":
        names = [cell.name for cell in self.cells]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two cells are named {twice!r}; give each its own name")
        return self

    @model_validator(mode="after")
    def _sides_lead_somewhere(self) -> "Claim":
        for where, rule, side in self.sides:
            try:
                place = self.place(side)
            except ValueError as error:
                raise ValueError(f"{where}.{error}") from None
            if advice := _no_such_figure(rule.figure, place.cell):
                raise ValueError(f"{where}: {advice}")
        for number, rule in enumerate(self.rules):
            if self.place(rule.of).key.complete == self.place(rule.over).key.complete:
                raise ValueError(
                    f"rules[{number}]: of and over are the same, so their ratio is 1; name two that differ"
                )
        return self


class Claims(Strict):
    """All claims of a file."""

    claims: Annotated[list[Claim], SEVERAL]

    @model_validator(mode="after")
    def _ids_differ(self) -> "Claims":
        ids = [claim.id for claim in self.claims]
        if twice := next((name for name in ids if ids.count(name) > 1), None):
            raise ValueError(f"two claims have the id {twice!r}; give each its own id")
        return self


def _no_such_figure(figure: str, cell: ClaimCell) -> str:
    """Return why a cell cannot have a figure, and what to do; "" if it can."""
    if figure == "goodput_rps" and cell.rate:
        return f"goodput_rps of {cell.name} is only the rate given in the cell; compare by p99_ms, or give users"
    if figure in OF_THE_SERVICE and cell.workload == "mixed":
        return f"{figure} of {cell.name} includes the neighbours; compare by a latency, or use a plain cell"
    return ""


def _only(name: str, cell: str, known: Iterable[T]) -> T:
    """Return the only value. Raises ValueError if there are several."""
    first, *others = known
    if others:
        raise ValueError(f"{name}: {cell} has several; name one of {_listed([first, *others])}")
    return first


def _listed(values: Iterable[object]) -> str:
    return ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
