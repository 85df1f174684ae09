"""What arithmetic allows: no more than that, and little to be learnt at it."""

from collections.abc import Iterator

from waitbench.catalog.ceiling import Ceiling, ceiling
from waitbench.catalog.workloads import EARLY_MS, WORKLOADS
from waitbench.records.run import Target
from waitbench.records.spec import Exchange
from waitbench.records.trial import Latency, TrialRecord
from waitbench.validity.reason import Reason

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
    """More than arithmetic allows, an answer before its time, or all that arithmetic allows: the first of these."""
    allowed = ceiling_of(trial, target)
    # Of a burst, answers to a queue may come after the window, and its rate is no ceiling.
    bound = None if trial.spec.scenario == "burst" else allowed
    found = [*_over(trial, bound), *_cut_short(trial), *_at(trial, bound)]
    yield from found[:1]


def _over(trial: TrialRecord, allowed: Ceiling | None) -> Iterator[Reason]:
    if allowed is None:
        return
    if allowed.limit == "rate" and trial.arrivals:
        # Random arrivals are not always as many as the rate says: what counts is how many were meant.
        if trial.measured.good > trial.arrivals.intended:
            yield Reason("over-ceiling", "invalid", "more answers than arrivals", "a bug in the recorder: report it")
        return
    share = goodput_rps(trial) / allowed.rps
    # A window may begin and end with a wave of users: one wait of the window is not the service's doing.
    edge = trial.spec.least_s / trial.window_s
    if share > OVER_CEILING + edge:
        yield Reason(
            "over-ceiling",
            "invalid",
            f"{share:.0%} of what arithmetic allows: the wait was skipped",
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
            f"at {min(share, 1):.0%} of the ceiling set by {allowed.limit}, a true figure that ranks nobody",
        )


def _cut_short(trial: TrialRecord) -> Iterator[Reason]:
    """An answer that came before it could be right, of what is measured or of its neighbours."""
    asked: list[tuple[Exchange, Latency | None]] = [(trial.spec, trial.latency)]
    if trial.spec.beside and trial.beside:
        asked.append((trial.spec.beside, trial.beside.latency))
    for exchange, taken in asked:
        if trial.spec.instrumented and taken and taken.min_us / 1e6 < exchange.least_s - EARLY_MS / 1000:
            yield Reason(
                "over-ceiling",
                "invalid",
                f"an answer to {exchange.path} came after {taken.min_us / 1000:.1f} ms: its wait was cut short",
                "run `waitbench check`",
            )
