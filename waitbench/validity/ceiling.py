"""Rules about the theoretical maximum: goodput above it is impossible, and goodput at it ranks nothing."""

from collections.abc import Iterator

from waitbench.catalog.ceiling import Ceiling, ceiling_at
from waitbench.catalog.workloads import EARLY_MS
from waitbench.records.run import Target
from waitbench.records.spec import Exchange
from waitbench.records.trial import Latency, TrialRecord
from waitbench.validity.reason import Reason

OVER_CEILING = 1.02
AT_CEILING = 0.95


def ceiling_of(trial: TrialRecord, target: Target) -> Ceiling | None:
    """The theoretical maximum of the measured requests, by the budget that the service reported."""
    return ceiling_at(trial.spec.point, target.budget_read or target.budget)


def goodput_rps(trial: TrialRecord) -> float:
    """Good responses to the requests sent in the window, per second of the window."""
    return trial.measured.good / trial.window_s


def reached(trial: TrialRecord, target: Target) -> Iterator[Reason]:
    """The first of these: goodput above the maximum, a response that came too early, goodput at the maximum."""
    allowed = ceiling_of(trial, target)
    # In a burst, queued responses may come after the window, and the rate is no maximum.
    bound = None if trial.spec.conditions.burst else allowed
    found = [*_over(trial, bound), *_cut_short(trial), *_at(trial, bound)]
    yield from found[:1]


def _over(trial: TrialRecord, allowed: Ceiling | None) -> Iterator[Reason]:
    if allowed is None:
        return
    if allowed.limit == "rate" and trial.arrivals:
        # Random arrivals can be more or fewer than the rate says, so the intended number is the limit.
        if trial.measured.good > trial.arrivals.intended:
            text = f"{trial.measured.good} good responses, but only {trial.arrivals.intended} arrivals"
            yield Reason("over-ceiling", "invalid", text, "this is a bug in the recorder: please report it")
        return
    share = goodput_rps(trial) / allowed.rps
    # The window may begin and end with a wave of users, so one wait more per window is not caused by the service.
    edge = trial.spec.least_s / trial.window_s
    if share > OVER_CEILING + edge:
        yield Reason(
            "over-ceiling",
            "invalid",
            f"goodput is {share:.0%} of the theoretical maximum: the wait was skipped",
            "run `waitbench check`",
        )


def _at(trial: TrialRecord, allowed: Ceiling | None) -> Iterator[Reason]:
    if allowed is None or (allowed.limit == "rate" and trial.arrivals):
        return
    share = goodput_rps(trial) / allowed.rps
    if share >= AT_CEILING:
        yield Reason(
            "ceiling-bound",
            "note",
            f"at {min(share, 1):.0%} of the theoretical maximum set by {allowed.limit}: no basis for a ranking",
        )


def _cut_short(trial: TrialRecord) -> Iterator[Reason]:
    """A response, measured or a neighbour's, that came before its wait could have ended."""
    asked: list[tuple[Exchange, Latency | None]] = [(trial.spec, trial.latency)]
    if trial.spec.neighbours and trial.neighbours:
        asked.append((trial.spec.neighbours, trial.neighbours.latency))
    for exchange, taken in asked:
        if trial.spec.instrumented and taken and taken.min_us / 1e6 < exchange.least_s - EARLY_MS / 1000:
            yield Reason(
                "over-ceiling",
                "invalid",
                f"a response to {exchange.path} came after {taken.min_us / 1000:.1f} ms: its wait was cut short",
                "run `waitbench check`",
            )
