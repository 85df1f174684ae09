"""Plans: what is to be measured, checked whole before anything starts."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from waitbench.errors import UsageError
from waitbench.paths import PLANS
from waitbench.results import Stage, load_words
from waitbench.variants import Variant, labelled
from waitbench.workloads import SCENARIOS, WORKLOADS

USERS_MAX = 20_000
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


RATE_MAX = 50_000.0
SEARCH_REPEATS = 12
"""Both sides of a knee have to be repeated so often, within all the trials of a search."""
Arrivals = Literal["poisson", "uniform"]


@dataclass(frozen=True)
class Load:
    """`size` users in a closed loop, or requests per second in an open one."""

    model: Literal["closed", "open"]
    size: float

    @property
    def tag(self) -> str:
        """For file names: `500u`, `200rps`."""
        return f"{self.size:g}{'u' if self.model == 'closed' else 'rps'}"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Step(_Strict):
    """A part of a load profile."""

    rate: Annotated[float, Field(ge=0.1, le=RATE_MAX)]
    """Requests per second."""
    seconds: Annotated[float, Field(ge=1, le=600)]


class Cell(_Strict):
    """One workload with its parameters, or a scenario of one, at one or more loads."""

    workload: str
    of: str | None = None
    """Of a scenario: the workload that `fast` is mixed with, or that comes in a burst."""
    params: dict[str, int] = {}
    share: Annotated[float, Field(ge=0.001, le=0.9)] | None = None
    """Mixed: how many of all arrivals are of the slow workload."""
    profile: Annotated[list[Step], Field(min_length=3)] | None = None
    """Burst: calm, overload, calm, in an open loop."""
    users: Annotated[list[Annotated[int, Field(ge=1, le=USERS_MAX)]], Field(min_length=1)] | None = None
    """Closed loop: so many users, each sending its next request when the last one ends."""
    rate: Annotated[list[Annotated[float, Field(ge=0.1, le=RATE_MAX)]], Field(min_length=1)] | None = None
    """Open loop: so many requests a second, whatever happens."""
    find: Literal["knee"] | None = None
    """Open loop: search the highest rate that still meets an objective."""
    p99_ms: Annotated[float, Field(gt=0, le=60_000)] | None = None
    """The objective."""
    from_rate: Annotated[float, Field(ge=1, le=RATE_MAX)] = 100.0
    """Where the search begins, and where it ends at the latest."""
    to_rate: Annotated[float, Field(ge=1, le=RATE_MAX)] = 20_000.0
    max_in_flight: Annotated[int, Field(ge=1, le=USERS_MAX)] = 2000
    """Open loop: arrivals beyond this are shed, and counted."""
    arrivals: Arrivals = "poisson"
    """Open loop: independent callers, or a clock."""

    @field_validator("workload")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in (known := [*WORKLOADS, *SCENARIOS]):
            raise ValueError(f"no workload named {name!r}; {_nearest(name, known)}")
        return name

    @model_validator(mode="after")
    def _whole_scenario(self) -> "Cell":
        asked = _SCENARIO_KEYS.get(self.workload, set())
        advice = _SCENARIO_ADVICE.get(self.workload, "; ".join(_SCENARIO_ADVICE.values()))
        if strange := (self.model_fields_set & {"of", "share", "profile"}) - asked:
            raise ValueError(f"{', '.join(sorted(strange))} does not go with {self.workload}; {advice}")
        if missing := asked - self.model_fields_set:
            raise ValueError(f"{self.workload} needs {', '.join(sorted(missing))} too; {advice}")
        if self.of is not None and self.of not in WORKLOADS:
            raise ValueError(f"of: no workload named {self.of!r}; {_nearest(self.of, WORKLOADS)}")
        if self.workload == "mixed" and self.find is not None:
            raise ValueError("mixed has no knee: it compares each contender with itself at one rate; give rate")
        if self.workload == "mixed" and self.rate is None:
            raise ValueError(
                "mixed needs rate: among users that wait for their answers, slow ones would thin out fast ones"
            )
        return self

    @model_validator(mode="after")
    def _calm_overload_calm(self) -> "Cell":
        if self.profile is not None:
            first, *between, last = (step.rate for step in self.profile)
            if max(between) <= max(first, last):
                raise ValueError("profile: the first and the last step have to be calmer than what is between them")
        return self

    @model_validator(mode="after")
    def _one_load(self) -> "Cell":
        if [self.users, self.rate, self.find, self.profile].count(None) != 3:
            raise ValueError(
                'give one of users (closed loop), rate (open loop, requests per second), find = "knee" and, '
                "for a burst, profile"
            )
        if self.users is not None and self.model_fields_set & {"max_in_flight", "arrivals"}:
            raise ValueError("max_in_flight and arrivals go with rate, find or profile (open loop), not with users")
        if (self.find is None) != (self.p99_ms is None):
            raise ValueError('find = "knee" and its objective, as p99_ms = 250, go together')
        if self.find is None and self.model_fields_set & {"from_rate", "to_rate"}:
            raise ValueError('from_rate and to_rate go with find = "knee"')
        if self.p99_ms is not None and self.p99_ms <= self.params.get("ms", 0):
            raise ValueError(f"p99_ms = {self.p99_ms:g} can't be met by a wait of ms = {self.params['ms']}; give more")
        if self.from_rate > self.to_rate:
            raise ValueError(f"from_rate = {self.from_rate:g} is above to_rate = {self.to_rate:g}; turn them round")
        return self

    @property
    def loads(self) -> list[Load]:
        closed = [Load("closed", users) for users in self.users or []]
        bursts = [Load("open", max(step.rate for step in self.profile))] if self.profile else []
        return closed + [Load("open", rate) for rate in self.rate or []] + bursts

    @property
    def measured(self) -> str:
        """The workload that is measured."""
        return "fast" if self.workload == "mixed" else self.of or self.workload

    @property
    def asked(self) -> set[str]:
        """Every workload that requests are sent for: who plays this cell has to serve them all."""
        return {self.measured, self.of or self.measured}

    @property
    def stages(self) -> list[Stage]:
        return [Stage(rate=step.rate, seconds=step.seconds) for step in self.profile or []]

    @model_validator(mode="after")
    def _params_fit(self) -> "Cell":
        inner = self.of or self.workload
        parameters = WORKLOADS[inner].parameters
        for name, value in self.params.items():
            if name not in parameters:
                raise ValueError(f"params: {inner} has no parameter {name!r}; {_nearest(name, parameters)}")
            allowed = parameters[name]
            if not allowed.low <= value <= allowed.high:
                raise ValueError(f"params: {name} = {value} is out of range; give {allowed.low} to {allowed.high}")
        for name, parameter in parameters.items():
            if parameter.default is None and name not in self.params:
                raise ValueError(f"params: {inner} needs {name}, from {parameter.low} to {parameter.high}")
        return self


class External(_Strict):
    """A service of the reader's own, measured like any variant. `paths`: a template for each workload it serves."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    base_url: str
    paths: Annotated[dict[str, str], Field(min_length=1)]

    @field_validator("paths")
    @classmethod
    def _known(cls, paths: dict[str, str]) -> dict[str, str]:
        for name, template in paths.items():
            if name not in WORKLOADS:
                raise ValueError(f"no workload named {name!r}; {_nearest(name, WORKLOADS)}")
            try:
                path = template.format(**dict.fromkeys(WORKLOADS[name].parameters, 1))
            except (LookupError, ValueError, AttributeError, TypeError):
                known = ", ".join(f"{{{p}}}" for p in WORKLOADS[name].parameters) or "none"
                raise ValueError(f"{name}: {template!r} has an unknown placeholder; known: {known}") from None
            if not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path:
                raise ValueError(f"{name}: {template!r} is no path: it begins with / and holds no blanks (write %20)")
        return paths

    @field_validator("base_url")
    @classmethod
    def _http(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            origin = f"http://{parts.netloc}"
            right = parts.hostname and parts.port != 0 and "@" not in parts.netloc and url.rstrip("/") == origin
        except ValueError:  # no port is -1, 99999 or abc
            right = False
        if not right:
            raise ValueError(f"{url!r} is not of the form http://HOST:PORT; what comes after belongs in paths")
        return origin


class Plan(_Strict):
    """Cells x repeats. Seconds are of measuring (`measure_s`) and of load before it (`warmup_s`)."""

    title: str
    repeats: Annotated[int, Field(ge=1, le=100)] = 3
    warmup_s: Annotated[float, Field(ge=0, le=120)] = 1.5
    measure_s: Annotated[float, Field(ge=0.5, le=600)] = 3.0
    timeout_s: Annotated[float, Field(ge=1, le=300)] = 30.0
    """How long a request may take before it counts as an error."""
    variants: Annotated[list[str], Field(min_length=1)]
    cells: Annotated[list[Cell], Field(min_length=1)]
    external: list[External] = []

    @property
    def searches(self) -> list[Cell]:
        """Cells whose loads are found, not given."""
        return [cell for cell in self.cells if cell.find]

    @model_validator(mode="after")
    def _answers_in_time(self) -> "Plan":
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
            raise ValueError(
                f"repeats = {self.repeats} is more than a search has room for; give at most {SEARCH_REPEATS}"
            )
        for cell in self.searches:
            if cell.p99_ms is not None and cell.p99_ms >= self.timeout_s * 1000:
                raise ValueError(f"cells: p99_ms = {cell.p99_ms:g} is not below timeout_s = {self.timeout_s:g} s")
        return self

    @property
    def load_points(self) -> list[tuple[Cell, Load]]:
        """Each cell at each of its loads."""
        return [(cell, load) for cell in self.cells for load in cell.loads]


def plan_names() -> list[str]:
    return sorted(path.stem for path in PLANS.glob("*.toml"))


def find_plan(name: str) -> Path:
    """The file of a plan: a name in loadtests/plans/, or a path."""
    path = Path(name)
    if path.suffix == ".toml" or "/" in name:
        if not path.is_file():
            raise UsageError(f"there is no plan file {name}")
        return path
    if name not in plan_names():
        raise UsageError(f"no plan named {name!r}; {_nearest(name, plan_names())}, or give the path of a .toml file")
    return PLANS / f"{name}.toml"


def load_plan(path: Path, variants: dict[str, Variant], allow_remote: bool = False, in_compose: bool = False) -> Plan:
    """The plan in a file, checked against what there is. In Compose, its network's names are allowed as targets.

    Raises UsageError that names the file, each wrong key, and what would be right.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from None
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error.strerror}") from None
    try:
        plan = Plan.model_validate(raw)
    except ValidationError as error:
        lines = [f"  {_place(item['loc'])}: {_advice(item)}" for item in error.errors()]
        raise UsageError("\n".join([f"{path}: this plan can't be run:", *lines])) from None
    _check_names(path, plan, variants)
    _check_loads(path, plan)
    _check_searches(path, plan)
    _check_targets(path, plan, allow_remote, in_compose)
    return plan


def select(plan: Plan, known: Mapping[str, Variant], variants: Iterable[str], workloads: Iterable[str]) -> Plan:
    """The plan cut down to some variants and workloads; none named means all.

    A `known` variant that the plan does not name is added; one that is named twice is compared with itself. Raises
    UsageError for a name that nothing has, and where nothing would be measured.
    """
    chosen, wanted = list(variants), set(workloads)
    externals = [item.name for item in plan.external]
    for name in chosen:
        if name not in known and name not in externals:
            raise UsageError(f"no variant named {name!r}; {_nearest(name, [*known, *externals])}")
    for name in wanted - {*WORKLOADS, *SCENARIOS}:
        raise UsageError(f"no workload named {name!r}; {_nearest(name, [*WORKLOADS, *SCENARIOS])}")
    cells = [cell for cell in plan.cells if not wanted or cell.workload in wanted]
    if not cells:
        has = ", ".join(dict.fromkeys(cell.workload for cell in plan.cells))
        raise UsageError(f"this plan has no cell with the workload {', '.join(sorted(wanted))}; it has {has}")
    names = [name for name in chosen if name not in externals] if chosen else plan.variants
    kept = [twin for item in plan.external for twin in _twins(item, chosen)] if chosen else plan.external
    _require_own_names([*labelled(names), *(item.name for item in kept)])
    serves = {name: [workload for workload in WORKLOADS if known[name].serves(workload)] for name in names}
    _require_something(cells, serves | {item.name: list(item.paths) for item in kept})
    return plan.model_copy(update={"variants": names, "cells": cells, "external": kept})


def require_shares(plan: Plan, workers: int) -> None:
    """Raises UsageError where an open loop's limit can't be shared out: a worker without a share would shed all of its
    arrivals."""
    least = min((cell.max_in_flight for cell in plan.cells if cell.users is None), default=workers)
    if least < workers:
        raise UsageError(
            f"--locust-workers {workers}: a cell of this plan has max_in_flight = {least}, less than one for each; "
            f"take {least} workers at most, or raise it"
        )


def _twins(item: External, chosen: list[str]) -> list[External]:
    labels = labelled(name for name in chosen if name == item.name)
    return [item.model_copy(update={"name": label}) for label in labels]


def _require_own_names(labels: list[str]) -> None:
    """Raises UsageError where the number that a contender gets beside itself makes the name of another."""
    if taken := next((label for label in labels if labels.count(label) > 1), None):
        raise UsageError(f"two contenders would be called {taken!r}; leave one of them out, or rename the external one")


def _require_something(cells: list[Cell], serves: dict[str, list[str]]) -> None:
    """Raises UsageError where no cell is of a workload that a contender serves."""
    asked = {workload for cell in cells for workload in cell.asked}
    served = [workload for workload in WORKLOADS if any(workload in names for names in serves.values())]
    if not any(cell.asked <= set(names) for cell in cells for names in serves.values()):
        verb = "serves" if len(serves) == 1 else "serve"
        raise UsageError(
            f"nothing would be measured: {', '.join(serves)} {verb} only {', '.join(served)}, and the cells chosen are "
            f"of {', '.join(sorted(asked))}; choose a plan or a --workload that has one of these"
        )


def _check_names(path: Path, plan: Plan, variants: dict[str, Variant]) -> None:
    for name in plan.variants:
        if name not in variants:
            raise UsageError(f"{path}: variants: no variant named {name!r}; {_nearest(name, variants)}")
        if plan.variants.count(name) > 1:
            raise UsageError(
                f"{path}: variants: {name!r} is named twice; name it once, and raise repeats for more trials "
                f"(to compare it with itself, say --variant {name} --variant {name})"
            )
    names = [item.name for item in plan.external]
    for name in names:
        if name in variants or names.count(name) > 1:
            raise UsageError(f"{path}: external: the name {name!r} is taken; choose another")


def _check_loads(path: Path, plan: Plan) -> None:
    loads = [(_named(cell), sorted(cell.params.items()), load) for cell, load in plan.load_points]
    for workload, params, load in loads:
        if loads.count((workload, params, load)) > 1:
            given = ", ".join([workload, *(f"{key} = {value}" for key, value in params)])
            told = " (bursts are told apart by their highest rate)" if workload.startswith("burst") else ""
            raise UsageError(
                f"{path}: cells: {given} with {load_words(load.model, load.size)} is there twice{told}; keep one, and "
                "raise repeats for more trials"
            )


def _named(cell: Cell) -> str:
    """What sets a cell apart, beside its parameters and loads."""
    return " ".join(filter(None, [cell.workload, cell.of, f"share = {cell.share:g}" if cell.share else ""]))


def _check_searches(path: Path, plan: Plan) -> None:
    sought = [(cell.workload, sorted(cell.params.items()), cell.p99_ms) for cell in plan.searches]
    for search in sought:
        if sought.count(search) > 1:
            raise UsageError(
                f"{path}: cells: the knee of {search[0]} with p99_ms = {search[2]:g} is sought twice; keep one, and "
                "raise repeats to be surer of it"
            )


def _check_targets(path: Path, plan: Plan, allow_remote: bool, in_compose: bool) -> None:
    for item in plan.external:
        host = urlsplit(item.base_url).hostname or ""
        own = host in LOOPBACK or (in_compose and "." not in host)
        if not own and not allow_remote:
            raise UsageError(
                f"{path}: external {item.name!r}: {host} is not this machine. Load on other people's machines "
                "does harm; if this one is yours to load, say --allow-remote"
            )


def _place(location: tuple[int | str, ...]) -> str:
    """`cells[1].users[0]` of a pydantic location."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "plan"


_SCENARIO_KEYS = {"mixed": {"of", "share"}, "burst": {"of", "profile"}}
_SCENARIO_ADVICE = {
    "mixed": 'a mixed cell has of = "cpu", share = 0.05, rate = [200], and as params those of the workload in `of`',
    "burst": 'a burst has of = "wait", profile = [{ rate = 100, seconds = 5 }, ...], and as params those of the '
    "workload in `of`",
}
_KEYS = {
    "": Plan.model_fields,
    "cells": Cell.model_fields,
    "profile": Step.model_fields,
    "external": External.model_fields,
}


def _advice(item: Any) -> str:
    kind, given = item["type"], item["input"]
    if kind == "extra_forbidden":
        return f"unknown key; {_nearest(str(item['loc'][-1]), _keys(item['loc'][:-1]))}"
    if kind == "missing":
        return "this key is needed"
    if kind == "value_error":
        return str(item["ctx"]["error"])
    if kind == "model_type":
        return f"give a table with keys of {', '.join(_keys(item['loc']))}, not {given!r}"
    limits = item.get("ctx", {})
    if "min_length" in limits:
        return "empty; give at least one" if not given else f"too few; give at least {limits['min_length']}"
    if bound := next((f"{word} {limits[key]}" for key, word in _BOUNDS.items() if key in limits), None):
        return f"{given!r} is out of range; give {bound}"
    return f"{item['msg'].lower()}, not {given!r}"


def _keys(location: tuple[int | str, ...]) -> Iterable[str]:
    """What may stand in the table that is there."""
    table = next((part for part in reversed(location) if isinstance(part, str)), "")
    return _KEYS.get(table, Plan.model_fields)


_BOUNDS = {"ge": "at least", "le": "at most", "gt": "more than", "lt": "less than"}


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    if not names:
        return "there are none"
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names)}"
