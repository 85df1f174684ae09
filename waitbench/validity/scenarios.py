"""Rules of scenarios: whether a burst has a calm, and a mixed load its neighbours."""

from collections.abc import Iterator

from waitbench.records.trial import Phase, TrialRecord
from waitbench.validity import recovery
from waitbench.validity.figures import ERROR_SHARE, classes
from waitbench.validity.reason import Reason


def calm(trial: TrialRecord) -> Iterator[Reason]:
    """Whether a burst has a calm to recover to."""
    if trial.spec.scenario != "burst":
        return
    calm = recovery.within(trial, recovery.calm_span(trial.spec))
    failed, well = recovery.calm_error_share(trial), recovery.calm_well_share(trial)
    said = ""
    if not any(each.due for each in calm):
        said = "nothing was due in the calm before the overload"
    elif failed > ERROR_SHARE:
        said = f"{failed:.2%} of the requests in the calm failed or were shed"
    elif well < recovery.CALM_SHARE:
        said = f"only {well:.0%} of the calm is as quick as a recovered service would have to be"
    if said:
        advice = "the calm has to be one that the service takes with ease: lower its rate, or make it longer"
        yield Reason("calm", "invalid", said, advice)


def neighbours(trial: TrialRecord) -> Iterator[Reason]:
    """They are not what is measured, but they have to be there."""
    if trial.spec.beside is None or trial.spec.alone:
        return
    measured = trial.beside.measured if trial.beside else Phase()
    if measured.sent == 0:
        advice = "measure for longer, or raise share"
        yield Reason("neighbours", "invalid", "no neighbour was sent in the window", advice)
    elif measured.failed / measured.sent > ERROR_SHARE:
        said = f"{measured.failed / measured.sent:.2%} of {measured.sent} neighbours failed: {classes(measured)}"
        yield Reason("neighbours", "note", said)
