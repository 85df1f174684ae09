"""A plan: cells x repeats, and the contenders that are measured."""

from collections.abc import Iterable
from string import Formatter
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from waitbench.catalog.workloads import WORKLOADS
from waitbench.plan.cell import LIST_MAX, REPEATS_MAX, SEVERAL, Cell, Strict, Text
from waitbench.plan.claim import NAME_MAX, Claim
from waitbench.plan.suggestion import nearest
from waitbench.records.load_point import LoadPoint
from waitbench.records.run import LEAST_REPEATS, MOST_REPEATS

SEARCH_REPEATS = 12
"""The highest number of repeats in a search: its limit of trials has to allow them on both sides of a knee."""
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
"""Names of this machine."""


CELLS_MAX = 500
URL_MAX, TITLE_MAX = 1000, 200
TIME_MAX_S = 28_800.0
"""A working day."""
SURE_LEAST, SURE_MOST = 0.005, 0.5


def _is_template(template: str, parameters: Iterable[str]) -> bool:
    """Whether every placeholder is a plain {name}: a width, as in {ms:999999999}, would fill the memory."""
    try:
        fields = [(name, spec, how) for _, name, spec, how in Formatter().parse(template) if name is not None]
    except ValueError:
        return False
    return all(name in {*parameters} and not spec and not how for name, spec, how in fields)


class External(Strict):
    """A service of the user, measured like any variant. `paths`: a template for each workload it serves."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=NAME_MAX)]
    base_url: Annotated[str, Field(max_length=URL_MAX)]
    paths: Annotated[dict[str, Annotated[str, Field(max_length=URL_MAX)]], Field(min_length=1)]

    @field_validator("paths")
    @classmethod
    def _known(cls, paths: dict[str, str]) -> dict[str, str]:
        for name, template in paths.items():
            if name not in WORKLOADS:
                raise ValueError(f"no workload named {name!r}; {nearest(name, WORKLOADS)}")
            if not _is_template(template, WORKLOADS[name].parameters):
                known = ", ".join(f"{{{p}}}" for p in WORKLOADS[name].parameters) or "none"
                raise ValueError(f"{name}: {template!r} has an unknown placeholder; known: {known}")
            path = template.format(**dict.fromkeys(WORKLOADS[name].parameters, 1))
            if not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path:
                raise ValueError(f"{name}: {template!r} is not a path: it begins with / and has no blanks (write %20)")
        return paths

    @field_validator("base_url")
    @classmethod
    def _http(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            origin = f"http://{parts.netloc}"
            plain = url.isascii() and url.isprintable() and not {*"@ \\"} & {*parts.netloc}
            right = plain and parts.hostname and parts.port != 0 and not parts.netloc.endswith(":")
            right = right and url.rstrip("/") == origin
        except ValueError:  # a port of -1, 99999 or abc
            right = False
        if not right:
            raise ValueError(f"{url!r} is not of the form http://HOST:PORT; anything after that belongs in paths")
        return origin


# More than 12 fields: they mirror the keys of a plan file.
class Plan(Strict):
    """Cells x repeats. A trial has `warmup_s` seconds of load before its `measure_s` seconds of measuring."""

    title: Annotated[Text, Field(max_length=TITLE_MAX)]
    repeats: Annotated[int, Field(ge=1, le=REPEATS_MAX)] = LEAST_REPEATS
    """With `sure_within`, this is the lowest number of repeats, and a plan file cannot set it."""
    time_s: Annotated[float, Field(ge=1, le=TIME_MAX_S)] | None = None
    """Seconds of load that the run may use. It repeats the load points that are not decided."""
    sure_within: float | None = None
    """When a ratio is decided: half the width of its interval, as a share of the ratio."""
    warmup_s: Annotated[float, Field(ge=0, le=120)] = 1.5
    measure_s: Annotated[float, Field(ge=0.5, le=600)] = 3.0
    spare: Annotated[float, Field(ge=0, le=1)] = 0.2
    """The share of the planned load that may be measured again where the machine disturbed a trial; 0: none."""
    timeout_s: Annotated[float, Field(ge=1, le=300)] = 30.0
    """How long a request may take before it counts as an error."""
    variants: Annotated[list[str], SEVERAL]
    cells: Annotated[list[Cell], Field(min_length=1, max_length=CELLS_MAX)]
    external: Annotated[list[External], Field(default_factory=list, max_length=LIST_MAX)]
    claims: Annotated[list[Claim], Field(default_factory=list)]
    """In a plan file: the path of the claims file, relative to it. The plan's cells include those of its claims."""

    @property
    def searches(self) -> list[Cell]:
        """Cells whose loads are searched for, not given."""
        return [cell for cell in self.cells if cell.find]

    @property
    def local_ports(self) -> frozenset[int]:
        """The ports of the external services that are on this machine."""
        urls = [urlsplit(item.base_url) for item in self.external]
        return frozenset(url.port or 80 for url in urls if url.hostname in LOOPBACK)

    @field_validator("sure_within")
    @classmethod
    def _a_share(cls, share: float | None) -> float | None:
        if share is not None and not SURE_LEAST <= share <= SURE_MOST:
            raise ValueError(
                f"{share:g} is out of range; give a share from {SURE_LEAST:g} to {SURE_MOST:g}, such as 0.05 for 5 %"
            )
        return share

    @model_validator(mode="after")
    def _fixed_or_sure(self) -> "Plan":
        if self.time_s is None and self.sure_within is None:
            return self
        if self.sure_within is None:
            raise ValueError("time_s needs sure_within, such as sure_within = 0.05: results within 5 %; add it")
        if self.time_s is None:
            raise ValueError("sure_within needs time_s, the seconds of load that the run may use; add time_s = 300")
        if "repeats" in self.model_fields_set:
            raise ValueError(
                "repeats cannot be used with sure_within, because the run decides on the repeats; "
                "remove repeats, or remove time_s and sure_within"
            )
        if self.searches:
            raise ValueError(
                'find = "knee" cannot be used with sure_within, because a search has its own number of trials; '
                "move it to another plan"
            )
        for number, cell in enumerate(self.cells):
            if cell.repeats and not LEAST_REPEATS <= cell.repeats <= MOST_REPEATS:
                raise ValueError(
                    f"cells[{number}].repeats = {cell.repeats} is out of range; with sure_within it is the lowest "
                    f"number of repeats of this cell: give {LEAST_REPEATS} to {MOST_REPEATS}, or remove it"
                )
        return self

    @model_validator(mode="after")
    def _responds_in_time(self) -> "Plan":
        for cell in self.cells:
            inner = WORKLOADS[cell.of or cell.workload]
            if (least_s := inner.wait_s(cell.params)) >= self.timeout_s:
                raise ValueError(
                    f"cells: {inner.name} takes {least_s:g} s with these params, and timeout_s = {self.timeout_s:g} "
                    "would end every request; ask for less, or raise timeout_s"
                )
        return self

    @model_validator(mode="after")
    def _objectives_fit(self) -> "Plan":
        if self.searches and self.repeats > SEARCH_REPEATS:
            raise ValueError(f"repeats = {self.repeats} is too many for a search; give at most {SEARCH_REPEATS}")
        for cell in self.searches:
            if cell.p99_ms is not None and cell.p99_ms >= self.timeout_s * 1000:
                raise ValueError(
                    f"cells: p99_ms = {cell.p99_ms:g} is not below timeout_s = {self.timeout_s:g} s; lower p99_ms, or "
                    "raise timeout_s"
                )
        return self

    @model_validator(mode="after")
    def _shared_alike(self) -> "Plan":
        for point, cells in self.blocks:
            for key in ("arrivals", "max_in_flight"):
                given = list(dict.fromkeys(getattr(cell, key) for cell in cells))
                if len(given) > 1:
                    raise ValueError(
                        f"cells: {cells[0].workload} at {point.tag} has {key} = {given[0]} in one cell, "
                        f"{given[1]} in another; cells with the same requests share their trials, so give both the "
                        f"same {key}, or another rate"
                    )
        return self

    @property
    def load_points(self) -> list[tuple[Cell, LoadPoint]]:
        """Each cell at each of its loads."""
        return [(cell, point) for cell in self.cells for point in cell.points]

    @property
    def blocks(self) -> list[tuple[LoadPoint, list[Cell]]]:
        """The load points of one repeat, each with the cells that ask for it. Each contender runs a load point once."""
        found: dict[LoadPoint, list[Cell]] = {}
        for cell, point in self.load_points:
            found.setdefault(point, []).append(cell)
        return list(found.items())
