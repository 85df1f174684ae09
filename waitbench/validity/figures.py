"""Rules of the figures: whether they are of right answers, agree with each other, and are of a steady state."""

import math
from collections.abc import Iterator

from waitbench.records import histogram
from waitbench.records.run import Target
from waitbench.records.trial import Phase, TrialRecord
from waitbench.validity.reason import Reason

ERROR_SHARE = 0.001
LITTLE = 0.05
STARVED = 0.001
"""Of the users of a closed loop: the share of arrivals that an open one may shed."""
DRIFT_NOTE, DRIFT = 0.20, 0.50
"""How far latency (its interquartile mean) may move from the first third of the window to the last, of the lesser of
the two."""
DRIFT_MS = 5.0
"""Latency that moves by less than this does not drift: timers and neighbours do as much."""
DRIFT_MIDDLE = (0.2, 1.2)
"""Where the middle third has to stand between the first and the last, for it to be a way from one to the other."""
DRIFT_SAMPLES = 90
STALL_S, STALL_TIMES = 0.5, 3.0
"""How long nothing may end while requests wait: so many seconds, or so many median latencies if that is longer."""


def errors(trial: TrialRecord) -> Iterator[Reason]:
    sent, failed = trial.measured.sent, trial.measured.failed
    if sent == 0:
        yield Reason("no-requests", "invalid", "nothing was sent in the window", "measure for longer")
    elif failed / sent > ERROR_SHARE and trial.spec.scenario != "burst":
        yield Reason(
            "errors",
            "invalid",
            f"{failed / sent:.2%} of {sent} requests failed: {classes(trial.measured)}",
            "see the service's log; lower the load",
        )


def classes(phase: Phase) -> str:
    return ", ".join(f"{count} × {kind}" for kind, count in phase.errors.items())


def little(trial: TrialRecord) -> Iterator[Reason]:
    """Little's law: users = rate x mean latency. Off means that users idled, or that latency is not what it says.

    Taken exactly, as requests under way on average over the window: by rate and mean latency alone, a window cuts each
    user's first and last request at its edges, one latency in the whole window at most, and so much would have to be
    allowed on top. Files of earlier versions have no more.
    """
    failed = trial.measured.failed > ERROR_SHARE * trial.measured.sent  # then the errors rule has spoken
    if trial.latency is None or failed or trial.spec.load_model == "open":
        return
    mean_s = trial.latency.sum_us / trial.latency.count / 1e6
    in_flight, allowed = trial.measured.sent / trial.window_s * mean_s, LITTLE + mean_s / trial.window_s
    if trial.occupancy is not None:
        in_flight, allowed = trial.occupancy, LITTLE
    off = abs(in_flight / trial.spec.load - 1)
    if off > allowed:
        yield Reason(
            "littles-law", "invalid",
            f"rate x mean latency gives {in_flight:.1f} in flight for {trial.spec.load} users ({off:.0%} off)",
            "the generator had no time for all its users, or the window is too short for waits this long",
        )  # fmt: skip


def starved(trial: TrialRecord, target: Target) -> Iterator[Reason]:
    """Who had no answer in the whole window is in no figure of it: his request belongs to the warm-up, and Little's law
    rightly counts it as under way. He would have been the slowest.

    Where requests take longer than a window by their nature, some of those sent in it do too, and these tell how many
    have to span it: for each second that the latencies of those sent in a window have beyond it, one in window seconds.
    Either number varies like a Poisson one. To let its users starve is what a trap is for, as one of gevent does that
    goes on with whoever it serves.
    """
    if trial.spanning is None or trial.spec.load_model == "open":
        return
    window_us, natural = trial.window_s * 1e6, 0.0
    if trial.latency and trial.latency.max_us > window_us:
        natural = histogram.beyond_us(trial.latency.histogram, window_us) / window_us
    chance = 3 * math.sqrt(natural + trial.spanning) if natural else 0.0
    if trial.spanning > natural + chance + STARVED * trial.spec.load:
        yield Reason(
            "starved", "note" if target.kind == "trap" else "invalid",
            f"{trial.spanning} of {trial.spec.load} users had no answer in the whole window, and are in no percentile",
            "the service does not get round to all of them: lower the load, or raise warmup_s",
        )  # fmt: skip


def stalled(trial: TrialRecord) -> Iterator[Reason]:
    """A service that stood still for a part of the window has a rate that is neither its own nor anybody's.

    Why it stood still cannot be seen from outside, so this is a note.
    """
    silence_s = trial.longest_silence_s
    if silence_s is None or trial.latency is None or trial.spec.scenario == "burst":
        return
    typical_s = histogram.percentile_of_us(trial.latency.histogram, 50) / 1e6
    if silence_s > max(STALL_S, STALL_TIMES * typical_s):
        said = f"no response for {silence_s:.1f} s of {trial.window_s:g} s, while requests were waiting"
        yield Reason("stall", "note", f"{said} (median latency {typical_s * 1000:.0f} ms)")


def arithmetic(trial: TrialRecord) -> Iterator[Reason]:
    """The mean of a sample is at most 99 % of it at p99 and 1 % of it at the maximum."""
    if trial.latency is None:
        return
    p99 = histogram.percentile_of_us(trial.latency.histogram, 99)
    mean = trial.latency.sum_us / trial.latency.count
    if mean > (0.99 * p99 + 0.01 * trial.latency.max_us) * 1.01:
        yield Reason(
            "arithmetic",
            "invalid",
            f"mean {mean:.0f} µs cannot be with p99 {p99} µs",
            "a bug in the recorder: please report it",
        )


def drift(trial: TrialRecord, target: Target) -> Iterator[Reason]:
    """Latency that goes one way within the window is of no steady state, and would be another in a longer window
    (Barrett and others 2017 found that many runs never reach one). A trap has none: what it stops comes and goes with
    the few slow requests that stop it, and is what it is there to show.
    """
    first, middle, last = trial.thirds_iqm_us or [None] * 3
    if trial.spec.scenario == "burst":
        return
    if first is None or middle is None or last is None:
        return
    if trial.latency is None or trial.latency.count < DRIFT_SAMPLES or abs(last - first) / 1000 <= DRIFT_MS:
        return
    low, high = DRIFT_MIDDLE
    moved = abs(last - first) / max(1, min(first, last))
    if moved <= DRIFT_NOTE or not low <= (middle - first) / (last - first) <= high:
        return
    said = f"typical latency went from {first / 1000:.0f} to {last / 1000:.0f} ms within the window"
    if moved > DRIFT and target.kind != "trap":
        yield Reason(
            "drift", "invalid", said, "the service does not keep up, or warms up: lower the load or raise warmup_s"
        )
    else:
        yield Reason("drift", "note", said)
