"""trials.csv: a row for each trial."""

from waitbench.analysis.cells import kib_per_request
from waitbench.analysis.comparison import Comparison
from waitbench.catalog.percentiles import PERCENTILES, samples_needed
from waitbench.records import histogram
from waitbench.records.run import Target
from waitbench.records.trial import TrialRecord
from waitbench.report.figures import number, number_as_given
from waitbench.report.table import Table, of_records
from waitbench.report.tables.summary import asked, said
from waitbench.validity import recovery
from waitbench.validity.ceiling import ceiling_of, goodput_rps
from waitbench.validity.contention import service_share
from waitbench.validity.rules import invalidating_codes, reasons


def trials(comparison: Comparison) -> Table:
    rows = [_trial_row(trial, each.target) for each in comparison.searched for trial in each.trials]
    rows += [_trial_row(each.trial, each.target, each.by) for each in comparison.replaced]
    rows.sort(key=lambda row: (int(row["block"]), row["started_at"]))
    return of_records(list(rows[0]) if rows else ["block"], rows)


def _trial_row(trial: TrialRecord, target: Target, replaced_by: int | None = None) -> dict[str, str]:
    spec, found = trial.spec, reasons(trial, target)
    return {
        "block": str(spec.block),
        "repeat": str(spec.repeat),
        "variant": spec.variant,
        **asked(spec),
        "load_model": spec.load_model,
        "load": f"{spec.load:g}",
        "started_at": trial.started_at.isoformat(),
        "window_s": number(trial.window_s, 3),
        "requests_warmup": str(trial.warmup.sent),
        "requests": str(trial.measured.sent),
        "requests_drained": str(trial.drained),
        **_arrivals(trial),
        "connections": str(trial.connects.made) if trial.connects else "",
        "connect_p99_ms": number(_ms(trial.connects.p99_us) if trial.connects else None, 3),
        "errors": str(trial.measured.failed),
        "errors_by_class": ";".join(f"{kind}={n}" for kind, n in trial.measured.errors.items()),
        "goodput_rps": number(goodput_rps(trial), 3),
        **_latencies(trial),
        "ceiling_rps": number(ceiling.rps if (ceiling := ceiling_of(trial, target)) else None, 1),
        "generator_cpu": number(trial.generator.cpu_share, 3),
        "generator_lag_p99_ms": number(trial.generator.lag_p99_ms, 3),
        "generator_lag_max_ms": number(trial.generator.lag_max_ms, 3),
        "service_answered": _answered(trial),
        "service_peak_in_flight": str(int(trial.usage.after.peak_in_flight)) if trial.usage.after else "",
        "valid": "false" if invalidating_codes(found) else "true",
        "reasons": said(found),
        **_neighbours(trial),
        **_burst(trial),
        "kib_per_request": number(kib_per_request(trial), 3),
        "stolen_share": number(trial.steal_share, 3),
        "service_foreign_share": number(service_share(trial, target), 3),
        "foreign_share": number(trial.generator.foreign_share, 3),
        "longest_silence_s": number(trial.longest_silence_s, 3),
        "replaced_by": str(replaced_by or ""),
    }


def _latencies(trial: TrialRecord) -> dict[str, str]:
    """Percentiles, maximum and mean; a percentile is empty if the trial has too few values for it."""
    latency = trial.latency
    merged = histogram.merged([latency.histogram] if latency else [])
    count = latency.count if latency else 0
    percentiles_ms = {
        name: histogram.percentile_us(merged, percent) / 1000 if count >= samples_needed(percent) else None
        for name, percent in PERCENTILES.items()
    }
    return {
        **{f"{name}_ms": number(ms, 3) for name, ms in percentiles_ms.items()},
        "max_ms": number(latency.max_us / 1000 if latency else None, 3),
        "mean_ms": number(latency.sum_us / count / 1000 if latency else None, 3),
    }


def _neighbours(trial: TrialRecord) -> dict[str, str]:
    """The columns of a mixed load; empty for any other trial."""
    slow = trial.neighbours
    us = None
    if slow and slow.latency and slow.latency.count >= samples_needed(PERCENTILES["p99"]):
        us = histogram.percentile_of_us(slow.latency.histogram, PERCENTILES["p99"])
    neighbours = "alone" if trial.spec.alone else "beside"
    return {
        "neighbours": neighbours if trial.spec.conditions.mixed else "",
        "neighbours_requests": str(slow.measured.sent) if slow else "",
        "neighbours_errors": str(slow.measured.failed) if slow else "",
        "neighbours_goodput_rps": number(slow.measured.good / trial.window_s if slow else None, 3),
        "neighbours_p99_ms": number(_ms(us), 3),
    }


def _burst(trial: TrialRecord) -> dict[str, str]:
    spans = {"calm": recovery.calm_span, "overload": recovery.overload_span, "after": recovery.after_span}
    burst = trial.spec.conditions.burst
    return {
        **{
            f"{name}_goodput_rps": number(recovery.answered_rps(trial, span(trial.spec)) if burst else None, 3)
            for name, span in spans.items()
        },
        "recovery_s": number(recovery.recovery_s(trial) if burst else None, 3),
        "resolution_s": number_as_given(trial.bin_s) if burst else "",
    }


def _arrivals(trial: TrialRecord) -> dict[str, str]:
    """The columns of an open loop; empty for a closed one."""
    found = trial.arrivals
    return {
        "intended": str(found.intended) if found else "",
        "shed": str(found.shed) if found else "",
        "dispatch_delay_p99_ms": number(_ms(found.delay_p99_us) if found else None, 3),
    }


def _ms(us: int | None) -> float | None:
    return None if us is None else us / 1000


def _answered(trial: TrialRecord) -> str:
    before, after = trial.usage.before, trial.usage.after
    return str(int(after.requests_answered - before.requests_answered)) if before and after else ""
