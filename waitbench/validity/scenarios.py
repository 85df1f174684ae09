"""Rules about scenarios: whether a burst has a usable calm, and whether a mixed load has its neighbours."""

from collections.abc import Iterator

from waitbench.records.trial import Phase, TrialRecord
from waitbench.validity import recovery
from waitbench.validity.figures import ERROR_SHARE, classes
from waitbench.validity.reason import Reason


def calm(trial: TrialRecord) -> Iterator[Reason]:
    """A burst needs a calm that defines the normal state to recover to."""
    if not trial.spec.conditions.burst:
        return
    calm = recovery.within(trial, recovery.calm_span(trial.spec))
    failed, well = recovery.calm_error_share(trial), recovery.calm_well_share(trial)
    text = ""
    if not any(each.due for each in calm):
        text = "no request was due in the calm before the overload"
    elif failed > ERROR_SHARE:
        text = f"{failed:.2%} of the requests in the calm failed or were shed"
    elif well < recovery.CALM_SHARE:
        text = f"only {well:.0%} of the calm's bins meet the limit of a recovered service"
    if text:
        advice = "the service must handle the calm easily: lower the calm's rate or make the calm longer"
        yield Reason("calm", "invalid", text, advice)


def neighbours(trial: TrialRecord) -> Iterator[Reason]:
    """The neighbours of a mixed load are not measured, but they have to be sent."""
    if not trial.spec.conditions.mixed or trial.spec.alone:
        return
    measured = trial.neighbours.measured if trial.neighbours else Phase()
    if measured.sent == 0:
        advice = "raise measure_s or share"
        yield Reason("neighbours", "invalid", "no neighbour was sent in the window", advice)
    elif measured.failed / measured.sent > ERROR_SHARE:
        text = f"{measured.failed / measured.sent:.2%} of {measured.sent} neighbours failed: {classes(measured)}"
        yield Reason("neighbours", "note", text)
