"""Rules about the load generator: whether it kept to its schedule and was not the limit itself."""

import math
from collections.abc import Iterator

from waitbench.records import histogram
from waitbench.records.trial import Arrivals, TrialRecord
from waitbench.validity.reason import Reason

GENERATOR_OWN = frozenset({"generator-cpu", "generator-lag", "dispatch-delay"})
"""Rules that only the generator can break, never a service."""
GENERATOR_CPU = 0.90
LAG_MS = 10.0
LAG_SHARE = 0.10
"""The share of the median latency by which the generator may be late."""
SHED_SHARE = 0.001
"""The share of the window's arrivals that may be shed. They would be the slowest, so with more the p99 is wrong."""
LATE_SHARE = 0.20
"""The share of the p99 above which the generator's dispatch delay is a large part of it."""
BIN_SHARE = 0.20
"""The share of a burst's bin by which the generator may send late; the bin is the resolution of the recovery time.

Thousands of connections at the same time take the generator longer than its requests do, and latencies count from the
intended start anyway.
"""
STOLEN = 0.05
"""The share of the machine's CPU time: a tenth of one core of two, which is more than most stacks differ by."""
ACHIEVED = 0.99
"""The share of the window's arrivals whose responses have to come back in the window, apart from chance."""


def disturbed(trial: TrialRecord) -> Iterator[Reason]:
    if trial.disturbance:
        advice = "see locust.log and the service's log; do not use the buttons of the web UI during a run"
        yield Reason("disturbed", "invalid", trial.disturbance, advice)


def strained(trial: TrialRecord) -> Iterator[Reason]:
    generator = trial.generator
    if generator.cpu_share > GENERATOR_CPU:
        yield Reason(
            "generator-cpu", "invalid",
            f"the load generator used {generator.cpu_share:.0%} of its core, so it may have been the limit",
            "lower the load",
        )  # fmt: skip
    median_ms = histogram.percentile_of_us(trial.latency.histogram, 50) / 1000 if trial.latency else 0.0
    limit_ms = max(LAG_MS, LAG_SHARE * median_ms)
    if generator.lag_p99_ms > limit_ms:
        yield Reason(
            "generator-lag", "invalid",
            f"the load generator was late: p99 lag {generator.lag_p99_ms:.1f} ms, limit {limit_ms:.0f} ms",
            _advice(trial, "load"),
        )  # fmt: skip


def stolen(trial: TrialRecord) -> Iterator[Reason]:
    if text := _stolen(trial):
        yield Reason("stolen", "note", text)


def _stolen(trial: TrialRecord) -> str:
    if trial.steal_share is None or trial.steal_share <= STOLEN:
        return ""
    return f"CPU steal time: {trial.steal_share:.0%}"


def _advice(trial: TrialRecord, what: str) -> str:
    """Advice for a late generator. A lower load does not help if the hypervisor gave its core to others."""
    if stolen := _stolen(trial):
        return f"run again when the host is quiet ({stolen})"
    return f"lower the {what} or give the load generator a quieter core"


def arrivals(trial: TrialRecord) -> Iterator[Reason]:
    """An open loop has to send all scheduled requests, on time."""
    if trial.arrivals is not None:
        yield from _rate(trial, trial.arrivals)
        yield from _dispatch(trial, trial.arrivals)


def _rate(trial: TrialRecord, arrivals: Arrivals) -> Iterator[Reason]:
    """Whether all scheduled requests were sent, and the service kept up with them."""
    if arrivals.scheduled is not None and arrivals.scheduled != arrivals.intended:
        yield Reason(
            "rate",
            "invalid",
            f"{arrivals.scheduled} arrivals were scheduled, but {arrivals.intended} were sent or shed",
            "the load generator failed: see locust.log in the run's folder",
        )
        return
    if trial.spec.conditions.burst:
        return  # it sheds and falls behind on purpose
    shed, intended = _shed(trial, arrivals)
    if shed > SHED_SHARE * intended:
        yield Reason(
            "rate",
            "invalid",
            f"{shed} of {intended} arrivals were shed: {trial.spec.max_in_flight} requests were in flight",
            "the service does not keep up with this rate: lower the rate or raise max_in_flight",
        )
    elif _behind(trial, arrivals):
        yield Reason(
            "rate",
            "invalid",
            f"{arrivals.ended} responses came back in the window, but {arrivals.intended} requests were scheduled",
            "the service does not keep up with this rate: lower the rate",
        )


def _dispatch(trial: TrialRecord, arrivals: Arrivals) -> Iterator[Reason]:
    """Whether the generator sent its requests on time."""
    delay_ms = (arrivals.delay_p99_us or 0) / 1000
    limit_ms = max(LAG_MS, BIN_SHARE * trial.bin_s * 1000)
    if delay_ms > limit_ms:
        yield Reason(
            "dispatch-delay",
            "invalid",
            f"the load generator sent late: p99 dispatch delay {delay_ms:.1f} ms, limit {limit_ms:.0f} ms",
            _advice(trial, "rate"),
        )
    elif trial.latency and delay_ms > LATE_SHARE * (
        p99_ms := histogram.percentile_of_us(trial.latency.histogram, 99) / 1000
    ):
        yield Reason(
            "lateness",
            "note",
            f"the p99 dispatch delay, {delay_ms:.1f} ms, is a large part of the p99 latency, {p99_ms:.1f} ms",
        )


def _shed(trial: TrialRecord, arrivals: Arrivals) -> tuple[int, int]:
    """How many arrivals were shed, of how many. Neighbours are included, because max_in_flight limits both."""
    if trial.neighbours is None:
        return arrivals.shed, arrivals.intended
    neighbours = trial.neighbours
    return arrivals.shed + neighbours.shed, arrivals.intended + neighbours.measured.sent + neighbours.shed


def _behind(trial: TrialRecord, arrivals: Arrivals) -> bool:
    """Whether fewer responses came back than chance explains.

    The number in flight at each edge of the window varies like a Poisson number with mean rate x latency (Little's
    law), and so does the difference of the two. Slow neighbours delay the fast requests together: all that came within
    a p99 may be delayed at an edge.
    """
    if arrivals.ended is None or trial.latency is None:
        return False
    # The latency of the first third, so that a growing queue does not raise its own limit.
    typical_us = next(filter(None, trial.thirds_iqm_us), trial.latency.min_us)
    rate = arrivals.intended / trial.window_s
    held_up = rate * histogram.percentile_of_us(trial.latency.histogram, 99) / 1e6 if trial.neighbours else 0.0
    return arrivals.ended < ACHIEVED * arrivals.intended - 3 * math.sqrt(2 * rate * typical_us / 1e6) - held_up
