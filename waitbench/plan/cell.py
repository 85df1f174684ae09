"""Cells: what is asked for, and at which loads."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from waitbench.catalog.scenarios import SCENARIOS
from waitbench.catalog.workloads import WORKLOADS
from waitbench.plan.suggestion import nearest
from waitbench.records.spec import Stage
from waitbench.records.text import control_in

USERS_MAX = 20_000
RECOVER_S = 2.0
"""Within a burst's last step a whole second has to be well, and some of it is before that."""
RATE_MAX = 50_000.0
REPEATS_MAX = 100
WORKERS_MAX = 32
CPUS_MAX = 256
LIST_MAX = 100
"""Loads, stages or names in one list."""
SEVERAL = Field(min_length=1, max_length=LIST_MAX)
Arrivals = Literal["poisson", "uniform"]
_Users = Annotated[int, Field(ge=1, le=USERS_MAX)]
_Rate = Annotated[float, Field(ge=0.1, le=RATE_MAX)]
_Workers = Annotated[int, Field(ge=1, le=WORKERS_MAX)]
_SCENARIO_KEYS = {"mixed": {"of", "share"}, "burst": {"of", "profile"}}
_SCENARIO_ADVICE = {
    "mixed": 'a mixed cell has of = "cpu", share = 0.05, rate = [200], and as params those of the workload in `of`',
    "burst": 'a burst has of = "wait", profile = [{ rate = 100, seconds = 5 }, ...], and as params those of the '
    "workload in `of`",
}


@dataclass(frozen=True)
class Load:
    """`size` users in a closed loop, or requests per second in an open one."""

    model: Literal["closed", "open"]
    size: float

    @property
    def tag(self) -> str:
        """For file names: `500u`, `200rps`."""
        return f"{self.size:g}{'u' if self.model == 'closed' else 'rps'}"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _shown_as_written(text: str) -> str:
    if control := control_in(text):
        raise ValueError(f"it holds the control character {control}; write text without any")
    return text


Text = Annotated[str, Field(min_length=1, max_length=5000), AfterValidator(_shown_as_written)]
"""What is shown to people: in a terminal, a page and a chart."""


class Step(Strict):
    """A part of a load profile."""

    rate: Annotated[float, Field(ge=20, le=RATE_MAX)]
    """Requests per second: of fewer, a quarter of a second says nothing."""
    seconds: Annotated[float, Field(ge=1, le=600)]


class Cell(Strict):
    """One workload with its parameters, or a scenario of one, at one or more loads."""

    workload: str
    of: str | None = None
    """Of a scenario: the workload that `fast` is mixed with, or that comes in a burst."""
    params: dict[str, int] = {}
    share: Annotated[float, Field(ge=0.001, le=0.9)] | None = None
    """Mixed: how many of all arrivals are of the slow workload."""
    profile: Annotated[list[Step], Field(min_length=3, max_length=LIST_MAX)] | None = None
    """Burst: calm, overload, calm, in an open loop."""
    users: Annotated[list[_Users], SEVERAL] | None = None
    """Closed loop: so many users, each sending its next request when the last one ends."""
    rate: Annotated[list[_Rate], SEVERAL] | None = None
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
    measure_s: Annotated[float, Field(ge=0.5, le=600)] | None = None
    """In place of the plan's, where this cell needs more time, or less."""
    repeats: Annotated[int, Field(ge=1, le=REPEATS_MAX)] | None = None
    """In place of the plan's, where this cell's figures vary more, or less."""
    variants: Annotated[list[str], SEVERAL] | None = None
    """Who plays it, of the plan's; None: all of them."""
    workers: Annotated[list[_Workers], SEVERAL] | None = None
    """Each variant with so many processes, one service for each number."""
    service_cpus: Annotated[int, Field(ge=1, le=CPUS_MAX)] | None = None
    """So many cores for each service; where the machine has no more, the generator shares the last."""

    @field_validator("workload")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in (known := [*WORKLOADS, *SCENARIOS]):
            raise ValueError(f"no workload named {name!r}; {nearest(name, known)}")
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
            raise ValueError(f"of: no workload named {self.of!r}; {nearest(self.of, WORKLOADS)}")
        if self.workload == "mixed" and self.of == "fast":
            raise ValueError("of: fast is what the others are mixed with; name a slow workload, or measure fast alone")
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
            if self.profile[-1].seconds < RECOVER_S:
                raise ValueError(
                    f"profile: the last step is of {self.profile[-1].seconds:g} s, too short to see a recovery in; "
                    f"give at least {RECOVER_S:g}"
                )
        return self

    @model_validator(mode="after")
    def _plain_form(self) -> "Cell":
        if self.service_cpus and (self.workload in SCENARIOS or self.find):
            raise ValueError("service_cpus goes with a plain workload under users or rate")
        return self

    @model_validator(mode="after")
    def _own_repeats(self) -> "Cell":
        if self.repeats and self.find:
            raise ValueError("repeats does not go with find: a search has the plan's")
        return self

    @model_validator(mode="after")
    def _own_time(self) -> "Cell":
        if self.measure_s is not None and (self.profile or self.find):
            raise ValueError(
                "measure_s does not go with profile, whose steps are its time, nor with find, which has its own"
            )
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
    def asks(self) -> tuple[object, ...]:
        """What is asked of a service, whoever plays it and however long: the same for cells that may share trials."""
        played = self.share, tuple((step.rate, step.seconds) for step in self.profile or [])
        return self.workload, self.of, tuple(sorted(self.params.items())), played, self.service_cpus or 0

    @property
    def stages(self) -> list[Stage]:
        return [Stage(rate=step.rate, seconds=step.seconds) for step in self.profile or []]

    @model_validator(mode="after")
    def _params_fit(self) -> "Cell":
        inner = self.of or self.workload
        parameters = WORKLOADS[inner].parameters
        for name, value in self.params.items():
            if name not in parameters:
                raise ValueError(f"params: {inner} has no parameter {name!r}; {nearest(name, parameters)}")
            allowed = parameters[name]
            if not allowed.low <= value <= allowed.high:
                raise ValueError(f"params: {name} = {value} is out of range; give {allowed.low} to {allowed.high}")
        for name, parameter in parameters.items():
            if parameter.default is None and name not in self.params:
                raise ValueError(f"params: {inner} needs {name}, from {parameter.low} to {parameter.high}")
        least_ms = WORKLOADS[inner].wait_s(self.params) * 1000
        if self.p99_ms is not None and self.p99_ms <= least_ms:
            raise ValueError(
                f"p99_ms = {self.p99_ms:g} can't be met: {inner} takes {least_ms:g} ms with these params; give more"
            )
        return self
