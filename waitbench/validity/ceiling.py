"""What arithmetic allows: no more than that, and little to be learnt at it."""

from collections.abc import Iterator

from waitbench.check import EARLY_MS
from waitbench.results import Target, TrialRecord
from waitbench.validity.reason import Reason
from waitbench.workloads import WORKLOADS, Ceiling, ceiling

OVER_CEILING = 1.02
AT_CEILING = 0.95


def ceiling_of(trial: TrialRecord, target: Target) -> Ceiling | None:
    """Of what is measured: of a mixed load without the neighbours, of a burst whatever its rate at the time."""
    spec = trial.spec
    users = spec.users if spec.load_model == "closed" else None
    rate = spec.load * (1 - spec.beside.share if spec.beside else 1)
    offered = rate if spec.load_model == "open" and spec.scenario != "burst" else None
    return ceiling(WORKLOADS[spec.workload], spec.params, target.budget_read or target.budget, users, offered)


def goodput_rps(trial: TrialRecord) -> float:
    """Good answers to requests sent in the window, per second of it."""
    return trial.measured.good / trial.window_s


def reached(trial: TrialRecord, target: Target) -> Iterator[Reason]:
    allowed = ceiling_of(trial, target)
    if trial.spec.scenario == "burst":  # of which answers to a queue may come after the window
        yield from _cut_short(trial)
        return
    if allowed is None:
        return
    if allowed.limit == "rate" and trial.arrivals:
        # Random arrivals are not always as many as the rate says: what counts is how many were meant.
        if trial.measured.good > trial.arrivals.intended:
            yield Reason("over-ceiling", "invalid", "more answers than arrivals", "a bug in the recorder: report it")
        return
    share = goodput_rps(trial) / allowed.rps
    # A window may begin and end with a wave of users: one wait of the window is not the service's doing.
    edge = WORKLOADS[trial.spec.workload].wait_s(trial.spec.params) / trial.window_s
    if share > OVER_CEILING + edge:
        yield Reason(
            "over-ceiling",
            "invalid",
            f"{share:.0%} of what arithmetic allows: the wait was skipped",
            "run `waitbench check`",
        )
    elif cut := list(_cut_short(trial)):
        yield from cut
    elif share >= AT_CEILING:
        yield Reason(
            "ceiling-bound",
            "note",
            f"at {min(share, 1):.0%} of the ceiling set by {allowed.limit}: true, and ranks nothing",
        )


def _cut_short(trial: TrialRecord) -> Iterator[Reason]:
    if trial.latency and trial.spec.body is not None and trial.latency.min_us / 1e6 < _least_s(trial):
        yield Reason(
            "over-ceiling",
            "invalid",
            f"an answer came after {trial.latency.min_us / 1000:.1f} ms: its wait was cut short",
            "run `waitbench check`",
        )


def _least_s(trial: TrialRecord) -> float:
    return WORKLOADS[trial.spec.workload].wait_s(trial.spec.params) - EARLY_MS / 1000
