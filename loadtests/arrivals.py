"""When the requests of an open loop are meant to start."""

import random
from collections.abc import Iterator

from waitbench.results import TrialSpec


def schedule_ns(spec: TrialSpec) -> Iterator[int]:
    """Intended starts from the beginning of the trial to the end of its window, in nanoseconds, in order.

    Poisson: independent callers, so gaps are exponential. Uniform: a clock. The same seed gives the same arrivals.
    """
    rng = random.Random(spec.arrivals_seed)  # noqa: S311 - to be repeated, not to be secret
    end_s = spec.warmup_s + spec.measure_s
    at_s = 0.0
    while True:
        at_s += rng.expovariate(spec.load) if spec.arrivals == "poisson" else 1 / spec.load
        if at_s >= end_s:
            return
        yield int(at_s * 1e9)
