"""Cells: what is requested, and at which loads."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from waitbench.catalog.scenarios import SCENARIOS
from waitbench.catalog.workloads import WORKLOADS
from waitbench.plan.suggestion import nearest
from waitbench.records.load_point import Burst, Conditions, LoadPoint, Mixed, Plain, Scenario, Search, Stage
from waitbench.records.text import control_in

USERS_MAX = 20_000
RECOVER_S = 2.0
"""The shortest last step of a burst: it has to contain one whole good second, after some time to recover."""
RATE_MAX = 50_000.0
REPEATS_MAX = 100
WORKERS_MAX = 32
CPUS_MAX = 256
LIST_MAX = 100
"""The highest number of loads, stages or names in one list."""
SEVERAL = Field(min_length=1, max_length=LIST_MAX)
Arrivals = Literal["poisson", "uniform"]
Resizable = Literal["in_flight", "db_pool"]
_Users = Annotated[int, Field(ge=1, le=USERS_MAX)]
_Rate = Annotated[float, Field(ge=0.1, le=RATE_MAX)]
_Workers = Annotated[int, Field(ge=1, le=WORKERS_MAX)]
_SCENARIO_KEYS = {"mixed": {"of", "share"}, "burst": {"of", "profile"}}
_SCENARIO_ADVICE = {
    "mixed": 'a mixed cell has of = "cpu", share = 0.05, rate = [200], and the params of the workload in `of`',
    "burst": 'a burst has of = "wait", profile = [{ rate = 100, seconds = 5 }, ...], and the params of the '
    "workload in `of`",
}


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _shown_as_written(text: str) -> str:
    if control := control_in(text):
        raise ValueError(f"it holds the control character {control}; remove it")
    return text


Text = Annotated[str, Field(min_length=1, max_length=5000), AfterValidator(_shown_as_written)]
"""Text that people see in a terminal, a page or a chart."""


class Step(Strict):
    """A part of a load profile."""

    rate: Annotated[float, Field(ge=20, le=RATE_MAX)]
    """Requests per second. Below the minimum, a quarter of a second has too few requests to say anything."""
    seconds: Annotated[float, Field(ge=1, le=600)]


# More than 12 fields: they mirror the keys of [[cells]] in a plan file.
class Cell(Strict):
    """One workload with its parameters, or a scenario of one, at one or more loads."""

    workload: str
    of: str | None = None
    """Scenarios: the workload that `fast` is mixed with, or that comes in a burst."""
    params: dict[str, int] = {}
    share: Annotated[float, Field(ge=0.001, le=0.9)] | None = None
    """Mixed: the share of all arrivals that request the slow workload."""
    profile: Annotated[list[Step], Field(min_length=3, max_length=LIST_MAX)] | None = None
    """Burst: calm, overload, calm, in an open loop."""
    users: Annotated[list[_Users], SEVERAL] | None = None
    """Closed loop: the number of users. Each sends its next request when its last one ends."""
    rate: Annotated[list[_Rate], SEVERAL] | None = None
    """Open loop: requests per second, whatever happens."""
    find: Literal["knee"] | None = None
    """Open loop: search the highest rate that still meets an objective."""
    p99_ms: Annotated[float, Field(gt=0, le=60_000)] | None = None
    """The objective of the search."""
    from_rate: Annotated[float, Field(ge=1, le=RATE_MAX)] = 100.0
    """Where the search begins. It ends at `to_rate` at the latest."""
    to_rate: Annotated[float, Field(ge=1, le=RATE_MAX)] = 20_000.0
    max_in_flight: Annotated[int, Field(ge=1, le=USERS_MAX)] = 2000
    """Open loop: arrivals beyond this limit are shed, and counted."""
    arrivals: Arrivals = "poisson"
    """Open loop: `poisson` for independent callers, `uniform` for a clock."""
    measure_s: Annotated[float, Field(ge=0.5, le=600)] | None = None
    """Replaces the plan's value if this cell needs more time, or less."""
    repeats: Annotated[int, Field(ge=1, le=REPEATS_MAX)] | None = None
    """Replaces the plan's value if this cell's figures vary more, or less."""
    variants: Annotated[list[str], SEVERAL] | None = None
    """The plan's variants that run this cell; None: all of them."""
    workers: Annotated[list[_Workers], SEVERAL] | None = None
    """Numbers of processes for each variant. Each number is a service of its own."""
    service_cpus: Annotated[int, Field(ge=1, le=CPUS_MAX)] | None = None
    """Cores for each service. If the machine has no core beyond them, the generator shares the last one."""
    budget: Annotated[dict[Resizable, Annotated[int, Field(ge=1, le=USERS_MAX)]], SEVERAL] | None = None
    """Other limits for each variant than variants.toml declares. Each set of limits is a service of its own."""

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
            raise ValueError(f"{', '.join(sorted(strange))} cannot be used with {self.workload}; {advice}")
        if missing := asked - self.model_fields_set:
            raise ValueError(f"{self.workload} needs {', '.join(sorted(missing))} too; {advice}")
        if self.of is not None and self.of not in WORKLOADS:
            raise ValueError(f"of: no workload named {self.of!r}; {nearest(self.of, WORKLOADS)}")
        if self.workload == "mixed" and self.of == "fast":
            raise ValueError("of: fast cannot be mixed with itself; name a slow workload, or measure fast alone")
        if self.workload == "mixed" and self.find is not None:
            raise ValueError("mixed has no knee: it compares each contender with itself at one rate; give rate")
        if self.workload == "mixed" and self.rate is None:
            raise ValueError(
                "mixed needs rate: users wait for each response, so slow requests would reduce the number of fast ones"
            )
        return self

    @model_validator(mode="after")
    def _calm_overload_calm(self) -> "Cell":
        if self.profile is not None:
            first, *between, last = (step.rate for step in self.profile)
            if max(between) <= max(first, last):
                raise ValueError(
                    "profile: the first and the last step need a lower rate than the highest step between them"
                )
            if self.profile[-1].seconds < RECOVER_S:
                raise ValueError(
                    f"profile: the last step lasts {self.profile[-1].seconds:g} s, too short to show a recovery; "
                    f"give at least {RECOVER_S:g}"
                )
        return self

    @model_validator(mode="after")
    def _plain_form(self) -> "Cell":
        if self.service_cpus and (self.workload in SCENARIOS or self.find):
            raise ValueError("service_cpus can only be used with a plain workload under users or rate")
        return self

    @model_validator(mode="after")
    def _own_repeats(self) -> "Cell":
        if self.repeats and self.find:
            raise ValueError("repeats cannot be used with find: a search uses the plan's repeats")
        return self

    @model_validator(mode="after")
    def _own_time(self) -> "Cell":
        if self.measure_s is not None and (self.profile or self.find):
            raise ValueError(
                "measure_s cannot be used with profile, whose steps set the time, or with find, which sets its own"
            )
        return self

    @model_validator(mode="after")
    def _one_load(self) -> "Cell":
        if [self.users, self.rate, self.find, self.profile].count(None) != 3:
            raise ValueError(
                'give one of users (closed loop), rate (open loop, requests per second), find = "knee" or, '
                "for a burst, profile"
            )
        if self.users is not None and self.model_fields_set & {"max_in_flight", "arrivals"}:
            raise ValueError(
                "max_in_flight and arrivals can only be used with rate, find or profile (open loop), not with users"
            )
        if (self.find is None) != (self.p99_ms is None):
            raise ValueError('find = "knee" needs an objective, such as p99_ms = 250, and p99_ms needs find = "knee"')
        if self.find is None and self.model_fields_set & {"from_rate", "to_rate"}:
            raise ValueError('from_rate and to_rate can only be used with find = "knee"')
        if self.from_rate > self.to_rate:
            raise ValueError(f"from_rate = {self.from_rate:g} is above to_rate = {self.to_rate:g}; swap them")
        return self

    @property
    def points(self) -> list[LoadPoint]:
        """Its load points; none for a search, which finds its rates itself."""
        conditions = self.conditions
        return [LoadPoint(conditions=conditions, load=load) for load in self.loads]

    def point(self, load: float) -> LoadPoint:
        return LoadPoint(conditions=self.conditions, load=load)

    @property
    def loads(self) -> list[float]:
        """Numbers of users, or rates; the highest rate of a burst; none for a search."""
        bursts = [max(step.rate for step in self.profile)] if self.profile else []
        return [*(self.users or self.rate or []), *bursts]

    @property
    def conditions(self) -> Conditions:
        """The key that its trials share: equal for cells that ask for the same requests."""
        return Conditions(
            workload=self.measured,
            params={} if self.workload == "mixed" else self.params,
            load_model="closed" if self.users else "open",
            scenario=self._scenario,
            service_cpus=self.service_cpus or 0,
        )

    @property
    def _scenario(self) -> Scenario:
        if self.of is not None and self.share is not None:
            return Mixed(workload=self.of, params=self.params, share=self.share)
        if self.profile:
            return Burst(stages=tuple(Stage(rate=step.rate, seconds=step.seconds) for step in self.profile))
        return Search(objective_p99_ms=self.p99_ms) if self.p99_ms else Plain()

    @property
    def measured(self) -> str:
        """The workload that is measured."""
        return "fast" if self.workload == "mixed" else self.of or self.workload

    @property
    def asked(self) -> set[str]:
        """Every workload that requests are sent for. A contender runs this cell only if it serves all of them."""
        return {*self.conditions.workloads}

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
