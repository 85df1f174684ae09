"""All rules of one trial, in the order in which their findings are shown."""

from collections.abc import Iterable

from waitbench.records.run import Target
from waitbench.records.trial import TrialRecord
from waitbench.validity import ceiling, contention, figures, generator, scenarios, service
from waitbench.validity.reason import Reason

MACHINE = frozenset({"contention", "dispatch-delay", "generator-lag"})
"""Rules that only the machine can break, in a bad moment: a service cannot, and a lower load would not help.

`generator-cpu` is not among them, because it depends on the load and would come back.
"""
ALONG_WITH_IT = frozenset({"drift"})
"""Other effects of a bad moment of the machine on a trial."""


def invalidating_codes(found: Iterable[Reason]) -> list[str]:
    """The codes of the rules that make a trial or a cell invalid; none if it is valid."""
    return list(dict.fromkeys(reason.code for reason in found if reason.weight == "invalid"))


def disturbed_by_machine(found: Iterable[Reason]) -> bool:
    """Whether a trial is invalid, and only because of the machine, so that it may be measured again.

    A trial with anything else that makes it invalid, such as errors, is never excused: the service may be the cause.
    """
    codes = set(invalidating_codes(found))
    return bool(codes & MACHINE) and codes <= MACHINE | ALONG_WITH_IT


def reasons(trial: TrialRecord, target: Target) -> list[Reason]:
    """All findings about one trial.

    A burst overloads the service on purpose, so the effects of the overload make no burst invalid.
    """
    return [
        *generator.disturbed(trial),
        *figures.errors(trial),
        *service.budget(target),
        *service.gil(target),
        *service.overlap(trial, target),
        *service.accounts(trial),
        *figures.little(trial),
        *figures.starved(trial, target),
        *figures.stalled(trial),
        *ceiling.reached(trial, target),
        *figures.arithmetic(trial),
        *figures.drift(trial, target),
        *generator.strained(trial),
        *generator.stolen(trial),
        *contention.contended(trial, target),
        *generator.arrivals(trial),
        *service.upstream(trial),
        *service.database(trial),
        *service.disk(trial),
        *scenarios.calm(trial),
        *scenarios.neighbours(trial),
    ]
