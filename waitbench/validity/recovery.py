"""Recovery from a burst (a calm, an overload, a calm again), measured in short bins of the trial.

A bin holds the requests that were due in it, whenever they ended. So a request that waits in a queue counts at the time
when it was due, and a service with a queue has not recovered. Times are in seconds from the start of the warm-up, like
those of the bins.
"""

import math
from dataclasses import dataclass
from statistics import median

from waitbench.records.spec import TrialSpec
from waitbench.records.trial import Bin, TrialRecord

WELL_TIMES, WELL_MS = 2.0, 20.0
"""A bin is well if its p90 is at most this multiple of the calm's p90, or at most this many ms above it.

Timers and neighbours cause differences of this size.
"""
WELL_FOR_S = 1.0
"""Bins have to be well for this long, so that one lucky bin amid a queue is no recovery."""
CALM_SHARE = 0.9
"""The share of the calm's bins that have to be well: without a normal state, recovery cannot be seen."""
ROUNDING_S = 1e-6


@dataclass(frozen=True)
class Span:
    begin_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        return self.end_s - self.begin_s


def calm_span(spec: TrialSpec) -> Span:
    """The span of the first stage."""
    return _spans(spec)[0]


def overload_span(spec: TrialSpec) -> Span:
    """From the first stage at the highest rate to the end of the last."""
    highest = max(stage.rate for stage in spec.stages)
    at = [span for stage, span in zip(spec.stages, _spans(spec), strict=True) if stage.rate == highest]
    return Span(at[0].begin_s, at[-1].end_s)


def after_span(spec: TrialSpec) -> Span:
    """The rest of the trial, in which the service can recover."""
    return Span(overload_span(spec).end_s, _spans(spec)[-1].end_s)


def within(trial: TrialRecord, span: Span) -> list[Bin]:
    """The bins that lie completely inside a span."""
    begin_s, end_s = span.begin_s - ROUNDING_S, span.end_s + ROUNDING_S
    return [each for each in trial.bins if begin_s <= each.begin_s and each.begin_s + trial.bin_s <= end_s]


def answered_rps(trial: TrialRecord, span: Span) -> float | None:
    """Good responses that ended in a span, per second, whenever they were due; None if it has no whole bin."""
    bins = within(trial, span)
    return sum(each.answered for each in bins) / (len(bins) * trial.bin_s) if bins else None


def calm_error_share(trial: TrialRecord) -> float:
    """The share of the requests due in the calm that failed or were shed."""
    calm = within(trial, calm_span(trial.spec))
    due = sum(each.due for each in calm)
    return sum(each.due - each.good for each in calm) / due if due else 0.0


def calm_p90_us(trial: TrialRecord) -> float | None:
    """The median of the p90 of the calm's bins; None if it is not known."""
    return _median([each.p90_us for each in within(trial, calm_span(trial.spec)) if each.due])


def calm_p99_us(trial: TrialRecord) -> float | None:
    """The median of the p99 of the calm's bins. A bin is too small a sample for a p99, so it is near the maximum."""
    return _median([each.p99_us for each in within(trial, calm_span(trial.spec)) if each.due])


def limit_us(calm_p90: float) -> float:
    """The longest p90 of a bin that is well, for the calm's p90; both in microseconds."""
    return max(WELL_TIMES * calm_p90, calm_p90 + WELL_MS * 1000)


def is_well(each: Bin, limit: float) -> bool:
    """Whether a bin's p90 is within the limit in microseconds. A bin in which nothing was due is well."""
    return each.due == 0 or (each.p90_us is not None and each.p90_us <= limit)


def calm_well_share(trial: TrialRecord) -> float:
    """The share of the calm's bins that are well by the calm's own limit."""
    calm, p90 = within(trial, calm_span(trial.spec)), calm_p90_us(trial)
    return sum(is_well(each, limit_us(p90)) for each in calm) / len(calm) if calm and p90 is not None else 0.0


def recovery_s(trial: TrialRecord) -> float | None:
    """Seconds from the end of the overload to the first bin that starts a whole second of bins that are well.

    0 if the first bin does; None if no bin does or if the calm gives no limit.
    """
    p90, span = calm_p90_us(trial), after_span(trial.spec)
    if p90 is None:
        return None
    bins = within(trial, span)
    well = [is_well(each, limit_us(p90)) for each in bins]
    whole = math.ceil(WELL_FOR_S / trial.bin_s - ROUNDING_S)
    first = next((n for n in range(len(bins) - whole + 1) if all(well[n : n + whole])), None)
    if first is None:
        return None
    return bins[first].begin_s - span.begin_s if first else 0.0


def _spans(spec: TrialSpec) -> list[Span]:
    """The span of each stage; the profile begins with the measured window."""
    spans, begin_s = [], spec.warmup_s
    for stage in spec.stages:
        spans.append(Span(begin_s, begin_s + stage.seconds))
        begin_s += stage.seconds
    return spans


def _median(values: list[int | None]) -> float | None:
    """The median, where None counts as longer than all other values; None if the median is not finite."""
    found = median([math.inf if value is None else value for value in values]) if values else math.inf
    return found if math.isfinite(found) else None
