"""The CSV files: summary.csv has a row for each cell, trials.csv for each trial, claims.csv for each rule, and
factors.csv for each effect."""

import csv
import io

from waitbench.analysis.cells import kib_per_request
from waitbench.analysis.comparison import Comparison
from waitbench.catalog.percentiles import PERCENTILES, samples_needed
from waitbench.records import histogram
from waitbench.records.run import Target
from waitbench.records.text import for_csv
from waitbench.records.trial import TrialRecord
from waitbench.report.claim_figures import ruling_rows
from waitbench.report.factor_words import factor_rows
from waitbench.report.figures import asked, burst_row, knee_row, mixed_row, number, number_as_given, said, summary_row
from waitbench.validity import recovery
from waitbench.validity.ceiling import ceiling_of, goodput_rps
from waitbench.validity.contention import service_share
from waitbench.validity.rules import invalidating_codes, reasons

SUMMARY = (
    "variant", "workload", "params", "load_model", "load", "trials", "requests", "errors", "goodput_rps",
    "goodput_low", "goodput_high", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms", "mean_ms",
    "cpu_s_per_1k", "peak_rss_mib", "ceiling_rps", "valid", "reasons", "ceiling_limit", "trials_planned",
    "p50_low", "p50_high", "p99_low", "p99_high", "objective_p99_ms", "knee_low", "knee_high",
    "neighbours", "neighbours_goodput_rps", "neighbours_p99_ms", "calm_goodput_rps", "overload_goodput_rps",
    "after_goodput_rps", "recovery_s", "recovery_low", "recovery_high", "resolution_s", "kib_per_request",
    "calm_p99_ms", "shed", "beside_over_alone", "beside_over_alone_low", "beside_over_alone_high", "compared_by",
)  # fmt: skip


def summary_csv(comparison: Comparison) -> str:
    rows = [summary_row(cell) for section in comparison.sections for point in section.points for cell in point.cells]
    for mixed in comparison.mixed:
        rows += [mixed_row(point, pair, cell) for point in mixed.points for pair in point.pairs for cell in pair.cells]
    rows += [burst_row(burst) for section in comparison.bursts for burst in section.bursts]
    rows += [knee_row(section, knee) for section in comparison.knees for knee in section.knees]
    return _csv(list(SUMMARY), rows)


FACTORS_CSV = (
    "workload", "params", "load_model", "load", "measure", "repeats", "contenders", "factor", "level", "reference",
    "ratio", "ratio_low", "ratio_high", "says", "share", "within",
)  # fmt: skip


def factors_csv(comparison: Comparison) -> str:
    """The text of factors.csv: all measures of all load points that have a matrix.

    A measure has a row for each effect, each share, the contender that departs most, and each simple effect.
    """
    rows = [
        {**asked(spec), "load_model": spec.load_model, "load": f"{spec.load:g}", **row}
        for found in comparison.factors
        for measured in found.measures
        for spec in [found.cells[0].spec]
        for row in factor_rows(found, measured)
    ]
    return _csv(list(FACTORS_CSV), rows)


def trials_csv(comparison: Comparison) -> str:
    rows = [_trial_row(trial, each.target) for each in comparison.searched for trial in each.trials]
    rows.sort(key=lambda row: (int(row["block"]), row["started_at"]))
    return _csv(list(rows[0]) if rows else ["block"], rows)


def claims_csv(comparison: Comparison) -> str:
    rows = [row for verdict in comparison.claims for row in ruling_rows(verdict)]
    return _csv(list(rows[0]), rows)


def _trial_row(trial: TrialRecord, target: Target) -> dict[str, str]:
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


def _csv(columns: list[str], rows: list[dict[str, str]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: for_csv(text) for name, text in row.items()} for row in rows)
    return out.getvalue()
