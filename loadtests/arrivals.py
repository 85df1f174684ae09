"""When the requests of an open loop are meant to start."""

import random
from collections.abc import Iterator

from waitbench.records.load_point import Stage
from waitbench.records.spec import TrialSpec


def schedule_ns(spec: TrialSpec) -> Iterator[int]:
    """Yield the intended starts of the measured requests, in nanoseconds since the trial began, in order.

    They go from the beginning of the warm-up to the end of the window.
    """
    return (at_ns for at_ns, neighbour in arrivals_ns(spec) if not neighbour)


def arrivals_ns(spec: TrialSpec) -> Iterator[tuple[int, bool]]:
    """Yield every arrival in nanoseconds, and whether it is a neighbour's.

    Poisson arrivals are independent callers, so their gaps are exponential. Uniform arrivals have equal gaps.
    The same seed gives the same arrivals, and the same ones are neighbours'. If a trial leaves the neighbours out
    (`alone`), the other arrivals do not change.
    """
    draws = random.Random(f"neighbours {spec.arrivals_seed}")  # noqa: S311 - must be reproducible, not secret
    share = spec.conditions.neighbours_share
    for at_s in _at_s(spec, _stages(spec)):
        neighbour = share > 0 and draws.random() < share
        if not (neighbour and spec.alone):
            yield int(at_s * 1e9), neighbour


def _stages(spec: TrialSpec) -> list[Stage]:
    """Return the rates of a whole trial. The warm-up has the first one."""
    first, *others = spec.stages or [Stage(rate=float(spec.load), seconds=spec.measure_s)]
    return [Stage(rate=first.rate, seconds=spec.warmup_s + first.seconds), *others]


def _at_s(spec: TrialSpec, stages: list[Stage]) -> Iterator[float]:
    """Yield arrival times in seconds since the trial began.

    A gap is drawn in requests, not in seconds, and passes faster at a higher rate. So a gap that spans two stages is
    correct for both.
    """
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
