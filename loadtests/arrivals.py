"""When the requests of an open loop are meant to start."""

import random
from collections.abc import Iterator

from waitbench.records.spec import Stage, TrialSpec


def schedule_ns(spec: TrialSpec) -> Iterator[int]:
    """Intended starts of the measured requests from the beginning of the trial to the end of its window, in
    nanoseconds, in order."""
    return (at_ns for at_ns, beside in arrivals_ns(spec) if not beside)


def arrivals_ns(spec: TrialSpec) -> Iterator[tuple[int, bool]]:
    """Every arrival, each with whether it is a neighbour's.

    Poisson: independent callers, so gaps are exponential. Uniform: a clock. The same seed gives the same arrivals, and
    the same of them are neighbours': where these are left out, the others come as they would have.
    """
    draws = random.Random(f"neighbours {spec.arrivals_seed}")  # noqa: S311 - to be repeated, not to be secret
    share = spec.beside.share if spec.beside else 0.0
    for at_s in _at_s(spec, _stages(spec)):
        beside = share > 0 and draws.random() < share
        if not (beside and spec.alone):
            yield int(at_s * 1e9), beside


def _stages(spec: TrialSpec) -> list[Stage]:
    """The rates of a whole trial, of which the first is its warm-up's too."""
    first, *others = spec.profile or [Stage(rate=float(spec.load), seconds=spec.measure_s)]
    return [Stage(rate=first.rate, seconds=spec.warmup_s + first.seconds), *others]


def _at_s(spec: TrialSpec, stages: list[Stage]) -> Iterator[float]:
    """A gap is drawn in requests, not in seconds, and passes the sooner the higher the rate: so one that spans two
    stages is right for both."""
    rng = random.Random(spec.arrivals_seed)  # noqa: S311

    def drawn() -> float:
        return rng.expovariate(1.0) if spec.arrivals == "poisson" else 1.0

    gap, ended_s = drawn(), 0.0
    for stage in stages:
        at_s, ended_s = ended_s, ended_s + stage.seconds
        while gap < (requests_left := (ended_s - at_s) * stage.rate):
            at_s += gap / stage.rate
            yield at_s
            gap = drawn()
        gap -= requests_left
