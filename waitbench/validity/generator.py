"""Rules of the generator: whether it sent what it meant to, when it meant to, and was not the limit itself."""

import math
from collections.abc import Iterator

from waitbench.records import histogram
from waitbench.records.trial import Arrivals, TrialRecord
from waitbench.validity.reason import Reason

GENERATOR_OWN = frozenset({"generator-cpu", "generator-lag", "dispatch-delay"})
"""What the generator brings on itself, and no service."""
GENERATOR_CPU = 0.90
LAG_MS = 10.0
LAG_SHARE = 0.10
"""Of the median latency: a late generator is forgiven where it is small beside what it measures."""
SHED_SHARE = 0.001
"""Of the arrivals meant for the window. Shed ones would have been the slowest: more of them and p99 is not the p99."""
LATE_SHARE = 0.20
"""Of the p99: beyond it the generator's own lateness is a good part of what is told."""
BIN_SHARE = 0.20
"""Of a burst's bin, which is what its recovery is told to: thousands of connections at once take the generator longer
than its requests do, and latencies count from the intended start all the same."""
STOLEN = 0.05
"""Of the machine's time: of two cores a tenth of one, which is more than most stacks differ by."""
ACHIEVED = 0.99
"""Of the arrivals meant for the window, at least so many have to come back in it, give or take chance."""


def disturbed(trial: TrialRecord) -> Iterator[Reason]:
    if trial.disturbance:
        advice = "see locust.log and the service's own; leave the web UI's buttons alone while a run is on"
        yield Reason("disturbed", "invalid", trial.disturbance, advice)


def strained(trial: TrialRecord) -> Iterator[Reason]:
    generator = trial.generator
    if generator.cpu_share > GENERATOR_CPU:
        yield Reason(
            "generator-cpu", "invalid",
            f"the generator used {generator.cpu_share:.0%} of its core: it may have been the limit",
            "lower the load",
        )  # fmt: skip
    median_ms = histogram.percentile_of_us(trial.latency.histogram, 50) / 1000 if trial.latency else 0.0
    if generator.lag_p99_ms > max(LAG_MS, LAG_SHARE * median_ms):
        yield Reason(
            "generator-lag", "invalid", f"the generator ran {generator.lag_p99_ms:.1f} ms late (p99)",
            _room(trial, "load"),
        )  # fmt: skip


def stolen(trial: TrialRecord) -> Iterator[Reason]:
    if told := _stolen(trial):
        yield Reason("stolen", "note", told)


def _stolen(trial: TrialRecord) -> str:
    if trial.stolen_share is None or trial.stolen_share <= STOLEN:
        return ""
    return f"the hypervisor gave {trial.stolen_share:.0%} of this machine's processor time to others"


def _room(trial: TrialRecord, what: str) -> str:
    """Advice to a generator that was late: a lower load is of no use where others had its core."""
    told = _stolen(trial)
    return f"{told}: try again when they are quiet" if told else f"lower the {what}, or give it a quieter core"


def arrivals(trial: TrialRecord) -> Iterator[Reason]:
    """An open loop has to send what it meant to send, when it meant to."""
    arrivals = trial.arrivals
    if arrivals is None:
        return
    if arrivals.scheduled is not None and arrivals.scheduled != arrivals.intended:
        yield Reason(
            "rate",
            "invalid",
            f"{arrivals.intended} of {arrivals.scheduled} scheduled arrivals were sent or shed; the others are nowhere",
            "the generator failed: see locust.log in the run's folder",
        )
    elif trial.spec.scenario == "burst":
        pass  # it sheds and falls behind: that is what it is for
    elif (counted := _shed(trial, arrivals))[0] > SHED_SHARE * counted[1]:
        yield Reason(
            "rate",
            "invalid",
            f"{counted[0]} of {counted[1]} arrivals were shed: {trial.spec.max_in_flight} were under way",
            "the service does not keep up with this rate; lower it, or raise max_in_flight",
        )
    elif _behind(trial, arrivals):
        yield Reason(
            "rate",
            "invalid",
            f"{arrivals.ended} answers came back in the window while {arrivals.intended} requests were meant to go out",
            "the service does not keep up with this rate; lower it",
        )
    delay_ms = (arrivals.delay_p99_us or 0) / 1000
    if delay_ms > max(LAG_MS, BIN_SHARE * trial.bin_s * 1000):
        yield Reason(
            "dispatch-delay",
            "invalid",
            f"the generator sent {delay_ms:.1f} ms late (p99)",
            _room(trial, "rate"),
        )
    elif trial.latency and delay_ms > LATE_SHARE * (
        p99_ms := histogram.percentile_of_us(trial.latency.histogram, 99) / 1000
    ):
        yield Reason(
            "lateness",
            "note",
            f"the generator sent {delay_ms:.1f} ms late (p99), which is much of a p99 of {p99_ms:.1f} ms",
        )


def _shed(trial: TrialRecord, arrivals: Arrivals) -> tuple[int, int]:
    """How many of how many arrivals, neighbours included: the limit in flight is for both."""
    if trial.beside is None:
        return arrivals.shed, arrivals.intended
    beside = trial.beside
    return arrivals.shed + beside.shed, arrivals.intended + beside.measured.sent + beside.shed


def _behind(trial: TrialRecord, arrivals: Arrivals) -> bool:
    """Whether fewer came back than went out by more than chance: how many are under way at either edge of the window
    varies like a Poisson number, with rate x latency as its mean (Little's law), and so does the difference. Slow
    neighbours hold up the fast ones together: all that came within a p99 may be held up at an edge."""
    if arrivals.ended is None or trial.latency is None:
        return False
    # Of the first third: a queue that grows must not excuse itself.
    typical_us = next(filter(None, trial.thirds_iqm_us), trial.latency.min_us)
    rate = arrivals.intended / trial.window_s
    held_up = rate * histogram.percentile_of_us(trial.latency.histogram, 99) / 1e6 if trial.beside else 0.0
    return arrivals.ended < ACHIEVED * arrivals.intended - 3 * math.sqrt(2 * rate * typical_us / 1e6) - held_up
