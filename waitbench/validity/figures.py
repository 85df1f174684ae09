"""Rules about the figures: few errors, agreement with each other, and a steady state."""

import math
from collections.abc import Iterator

from waitbench.records import histogram
from waitbench.records.run import Target
from waitbench.records.trial import Phase, TrialRecord
from waitbench.validity.reason import Reason

ERROR_SHARE = 0.001
LITTLE = 0.05
STARVED = 0.001
"""The share of a closed loop's users that may starve; it equals the share of arrivals that an open loop may shed."""
DRIFT_NOTE, DRIFT = 0.20, 0.50
"""How far latency (its interquartile mean) may move from the first third of the window to the last.

Shares of the smaller of the two; above the first it is a note, above the second the trial is invalid.
"""
DRIFT_MS = 5.0
"""A smaller change of latency is no drift, because timers and neighbours cause as much."""
DRIFT_MIDDLE = (0.2, 1.2)
"""The range of the middle third, on a scale from 0 (the first third) to 1 (the last), in which latency drifts."""
DRIFT_SAMPLES = 90
STALL_S, STALL_TIMES = 0.5, 3.0
"""How long no request may end while requests wait: seconds, or median latencies if that is longer."""


def errors(trial: TrialRecord) -> Iterator[Reason]:
    sent, failed = trial.measured.sent, trial.measured.failed
    if sent == 0:
        yield Reason("no-requests", "invalid", "no request was sent in the window", "raise measure_s")
    elif failed / sent > ERROR_SHARE and not trial.spec.conditions.burst:
        yield Reason(
            "errors",
            "invalid",
            f"{failed / sent:.2%} of {sent} requests failed: {classes(trial.measured)}",
            "see the service's log; lower the load",
        )


def classes(phase: Phase) -> str:
    return ", ".join(f"{count} × {kind}" for kind, count in phase.errors.items())


def little(trial: TrialRecord) -> Iterator[Reason]:
    """Little's law: users = rate x mean latency. A difference means that users were idle or that latency is wrong.

    The rule uses the exact mean number of requests in flight over the window (`occupancy`). Files of earlier versions
    lack it, so the rule uses rate x mean latency for them. The window's edges cut each user's first and last request,
    which is at most one latency per window, so the rule allows that much more.
    """
    failed = trial.measured.failed > ERROR_SHARE * trial.measured.sent  # the errors rule reports this
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
            "lower the load if the load generator was too slow; raise measure_s if the waits are long",
        )  # fmt: skip


def starved(trial: TrialRecord, target: Target) -> Iterator[Reason]:
    """A user without a response in the whole window is in none of its figures, though it would be the slowest.

    Its request belongs to the warm-up, and Little's law correctly counts it as in flight.

    If requests take longer than the window by their nature, so do some of those sent in the window. These predict how
    many requests span the window: the sum of their latencies beyond the window length, divided by that length. Both
    numbers vary like Poisson numbers.

    For a trap it is only a note, because a trap exists to show this: the gevent trap keeps serving the same users.
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
            f"{trial.spanning} of {trial.spec.load} users had no response in the whole window and are in no percentile",
            "the service does not serve all users: lower the load or raise warmup_s",
        )  # fmt: skip


def stalled(trial: TrialRecord) -> Iterator[Reason]:
    """A service that stops for a part of the window has a rate that is not its normal one.

    The cause cannot be seen from outside, so this is a note.
    """
    silence_s = trial.longest_silence_s
    if silence_s is None or trial.latency is None or trial.spec.conditions.burst:
        return
    typical_s = histogram.percentile_of_us(trial.latency.histogram, 50) / 1e6
    if silence_s > max(STALL_S, STALL_TIMES * typical_s):
        text = f"no response for {silence_s:.1f} s of {trial.window_s:g} s, while requests were waiting"
        yield Reason("stall", "note", f"{text} (median latency {typical_s * 1000:.0f} ms)")


def arithmetic(trial: TrialRecord) -> Iterator[Reason]:
    """The mean must not exceed that of a sample with 99 % of its values at p99 and 1 % at the maximum."""
    if trial.latency is None:
        return
    p99 = histogram.percentile_of_us(trial.latency.histogram, 99)
    mean = trial.latency.sum_us / trial.latency.count
    if mean > (0.99 * p99 + 0.01 * trial.latency.max_us) * 1.01:
        yield Reason(
            "arithmetic",
            "invalid",
            f"a mean of {mean:.0f} µs is impossible with a p99 of {p99} µs",
            "this is a bug in the recorder: please report it",
        )


def drift(trial: TrialRecord, target: Target) -> Iterator[Reason]:
    """Latency that moves in one direction within the window shows no steady state; a longer window would change it.

    Barrett et al. (2017) found that many runs never reach a steady state. A trap has none: its stops come and go with
    the few slow requests that cause them, and the trap exists to show them. So for a trap this is only a note.
    """
    first, middle, last = trial.thirds_iqm_us or [None] * 3
    if trial.spec.conditions.burst:
        return
    if first is None or middle is None or last is None:
        return
    if trial.latency is None or trial.latency.count < DRIFT_SAMPLES or abs(last - first) / 1000 <= DRIFT_MS:
        return
    low, high = DRIFT_MIDDLE
    moved = abs(last - first) / max(1, min(first, last))
    if moved <= DRIFT_NOTE or not low <= (middle - first) / (last - first) <= high:
        return
    text = f"typical latency went from {first / 1000:.0f} to {last / 1000:.0f} ms within the window"
    if moved > DRIFT and target.kind != "trap":
        advice = "the service does not keep up or is still warming up: lower the load or raise warmup_s"
        yield Reason("drift", "invalid", text, advice)
    else:
        yield Reason("drift", "note", text)
