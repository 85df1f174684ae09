"""Checks that the parts of a run's files agree, so that no rule and no report gets impossible values.

Each function returns the first wrong field with the value found; "" if there is none.
"""

import math
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from waitbench.records.fault import first_fault, shown
from waitbench.records.fields import Count, Record
from waitbench.records.run import RunRecord
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import Latency, Phase, TrialRecord, Usage

TIMEOUT = "timeout"
"""The only class of errors that has a latency."""
WINDOW_OFF = 0.01
"""How far a window's length may be from the planned one, as a share of it: the generator ends it by the clock."""


class _Shape(BaseModel):
    """The fields that reports read from a part of run.json that is stored without a check."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


class _Environment(_Shape):
    packages: dict[str, str] = {}
    container: dict[str, str] | None = None
    governor: str | None = None
    git_commit: str | None = None


class _Info(_Shape):
    python: str = ""
    cores: list[Count] = []
    gil: bool = True
    versions: dict[str, str] = {}


def run_fault(run: RunRecord) -> str:
    """Check run.json as a whole."""
    shapes: list[tuple[str, type[_Shape], object]] = [
        ("environment", _Environment, run.environment),
        *((f"targets.{name}.info", _Info, target.info) for name, target in run.targets.items()),
    ]
    files = [spec.file for spec in run.trials]
    return _first(
        *(_shape_fault(*each) for each in shapes),
        *(f"targets.{n}.name: it is {shown(t.name)}, not {shown(n)}" for n, t in run.targets.items() if t.name != n),
        *(f"trials.{n}.{fault}" for n, spec in enumerate(run.trials) if (fault := _spec_fault(spec, run))),
        "trials: two have the same file" if len({*files}) < len(files) else "",
        _repeats_fault(run),
        _replaces_fault(run),
    )


def _repeats_fault(run: RunRecord) -> str:
    """Check the repeats of a run that decided on them itself: its intervals depend on the highest number."""
    given, most = [run.plan.time_s, run.plan.sure_within, run.most_repeats], run.most_repeats
    if most is None or None in given:
        return "" if given == [None] * 3 else "most_repeats: it belongs to plan.time_s and plan.sure_within"
    above = ((n, spec.repeat) for n, spec in enumerate(run.trials) if spec.repeat > most)
    return next((f"trials.{n}.repeat: it is {repeat}, above most_repeats = {most}" for n, repeat in above), "")


def _replaces_fault(run: RunRecord) -> str:
    """Check the blocks that replace others: otherwise a trial would count twice, or not at all."""
    contents: dict[int, set[object]] = {}
    for spec in run.trials:
        contents.setdefault(spec.block, set()).add((spec.point, spec.repeat, spec.variant, spec.alone))
    by: dict[int, int] = {}
    for n, spec in enumerate(run.trials):
        if not spec.replaces:
            continue
        if spec.replaces >= spec.block or contents.get(spec.replaces) != contents[spec.block]:
            return (
                f"trials.{n}.replaces: it is {spec.replaces}, but no earlier block of that number has the same trials"
            )
        if by.setdefault(spec.replaces, spec.block) != spec.block:
            return f"trials.{n}.replaces: it is {spec.replaces}, which block {by[spec.replaces]} replaces already"
    return ""


def _shape_fault(name: str, shape: type[_Shape], value: object) -> str:
    try:
        shape.model_validate(value)
    except ValidationError as error:
        return f"{name}.{first_fault(error)}"
    return ""


def _spec_fault(spec: TrialSpec, run: RunRecord) -> str:
    mixed = spec.conditions.mixed is not None
    whole = spec.load_model == "open" or spec.load == int(spec.load)
    return _first(
        "" if whole else f"point.load: a closed loop needs a whole number of users, not {spec.load:g}",
        "" if spec.variant in run.targets else f"variant: {shown(spec.variant)} is not among the targets",
        "" if mixed == (spec.neighbours is not None) else "neighbours: a mixed load needs them, and only it has them",
        "alone: only a mixed load can be without its neighbours" if spec.alone and not mixed else "",
    )


def spec_difference(spec: TrialSpec, planned: TrialSpec) -> str:
    """Compare the plan in a trial file with run.json: the file may be another trial's, or changed."""
    return _difference("spec", spec, planned)


def _difference(name: str, found: object, meant: object) -> str:
    """Name the innermost field that differs."""
    if found == meant:
        return ""
    if isinstance(found, Record) and type(found) is type(meant):
        return _first(*(_difference(f"{name}.{key}", getattr(found, key), getattr(meant, key)) for key in dict(found)))
    return f"{name}: it is {shown(found)}, and run.json has {shown(meant)}"


def trial_fault(trial: TrialRecord) -> str:
    """Check a trial file by itself."""
    return _first(*(check(trial) for check in _CHECKS))


def _window(trial: TrialRecord) -> str:
    planned = trial.spec.measure_s
    if abs(trial.window_s - planned) > WINDOW_OFF * planned:
        return f"window_s: it is {trial.window_s:g}, and {planned:g} was planned"
    return ""


def _counts(trial: TrialRecord) -> str:
    neighbours = trial.neighbours
    if trial.drained > trial.measured.sent:
        return f"drained: it is {trial.drained}, but only {trial.measured.sent} requests were sent"
    if trial.gathered.sent > trial.warmup.sent:
        return f"gathered: it has {trial.gathered.sent} requests, but the warm-up has only {trial.warmup.sent}"
    if neighbours and not trial.spec.neighbours:
        return "neighbours: it has figures, but the trial has no neighbours"
    return _first(
        _latency_fault("latency", trial.latency, trial.measured),
        _latency_fault("neighbours.latency", neighbours.latency, neighbours.measured) if neighbours else "",
    )


def _latency_fault(name: str, found: Latency | None, of: Phase) -> str:
    timed = of.good + of.errors.get(TIMEOUT, 0)
    if (count := found.count if found else 0) != timed:
        return f"{name}.count: it is {count}, and {timed} requests were good or timed out"
    return ""


def _arrivals(trial: TrialRecord) -> str:
    arrivals = trial.arrivals
    if (arrivals is not None) != (trial.spec.load_model == "open"):
        return "arrivals: an open loop needs them, and a closed loop has none"
    if arrivals is None:
        return ""
    if arrivals.intended != trial.measured.sent + arrivals.shed:
        sent = trial.measured.sent
        return f"arrivals.intended: it is {arrivals.intended}, but {sent} were sent and {arrivals.shed} were shed"
    return _latency_fault("arrivals.service_time", arrivals.service_time, trial.measured)


def _parts(trial: TrialRecord) -> str:
    if len(trial.thirds_iqm_us) not in (0, 3):
        return f"thirds_iqm_us: it has {len(trial.thirds_iqm_us)} values, not three"
    if trial.spec.conditions.burst and not (trial.bins and trial.bin_s > 0):
        return "bins: a burst needs bins, and a bin_s above zero"
    return ""


def _usages(trial: TrialRecord) -> str:
    return _first(_usage_fault("usage", trial.usage), _usage_fault("upstream", trial.upstream))


def _usage_fault(name: str, usage: Usage[Any]) -> str:
    """Check the readings of a service. Those at the window's edges may come in any order if the service is slow."""
    times = {moment: reading.monotonic_s for moment, reading in usage.readings.items()}
    if times.get("before", 0.0) > min(times.values(), default=0.0):
        return f"{name}.before.monotonic_s: it is later than another reading"
    if times.get("after", math.inf) < max(times.values(), default=0.0):
        return f"{name}.after.monotonic_s: it is earlier than another reading"
    return ""


_CHECKS: tuple[Callable[[TrialRecord], str], ...] = (_window, _counts, _arrivals, _parts, _usages)


def _first(*faults: str) -> str:
    return next(filter(None, faults), "")
