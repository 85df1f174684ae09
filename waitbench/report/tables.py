"""summary.csv, a row a cell, and trials.csv, a row a trial."""

import csv
import io

from waitbench import latency
from waitbench.cells import PERCENTILES
from waitbench.comparison import Comparison
from waitbench.report.figures import knee_row, number, params, said, summary_row
from waitbench.results import Target, TrialRecord
from waitbench.statistics import samples_needed
from waitbench.validity import ceiling_of, goodput_rps, reasons

SUMMARY = (
    "variant", "workload", "params", "load_model", "load", "trials", "requests", "errors", "goodput_rps",
    "goodput_low", "goodput_high", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms", "mean_ms",
    "cpu_s_per_1k", "peak_rss_mib", "ceiling_rps", "valid", "reasons", "ceiling_limit", "trials_planned",
    "p50_low", "p50_high", "p99_low", "p99_high", "objective_p99_ms", "knee_low", "knee_high",
)  # fmt: skip


def summary_csv(comparison: Comparison) -> str:
    knees = [knee_row(section, knee) for section in comparison.knees for knee in section.knees]
    return _csv(list(SUMMARY), [summary_row(cell) for cell in comparison.cells] + knees)


def trials_csv(comparison: Comparison) -> str:
    rows = [_trial_row(trial, each.target) for each in comparison.searched for trial in each.trials]
    rows.sort(key=lambda row: (int(row["block"]), row["started_at"]))
    return _csv(list(rows[0]) if rows else ["block"], rows)


def _trial_row(trial: TrialRecord, target: Target) -> dict[str, str]:
    spec, found = trial.spec, reasons(trial, target)
    histogram = latency.merged([trial.latency.histogram] if trial.latency else [])
    count = trial.latency.count if trial.latency else 0
    ceiling = ceiling_of(trial, target)
    quantiles = {
        f"{name}_ms": number(
            latency.percentile_us(histogram, percent) / 1000 if count >= samples_needed(percent) else None, 3
        )
        for name, percent in PERCENTILES.items()
    }
    return {
        "block": str(spec.block),
        "repeat": str(spec.repeat),
        "variant": spec.variant,
        "workload": spec.workload,
        "params": params(spec.params),
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
        **quantiles,
        "max_ms": number(trial.latency.max_us / 1000 if trial.latency else None, 3),
        "mean_ms": number(trial.latency.sum_us / count / 1000 if trial.latency else None, 3),
        "ceiling_rps": number(ceiling.rps if ceiling else None, 1),
        "generator_cpu": number(trial.generator.cpu_share, 3),
        "generator_lag_p99_ms": number(trial.generator.lag_p99_ms, 3),
        "generator_lag_max_ms": number(trial.generator.lag_max_ms, 3),
        "service_answered": _answered(trial),
        "service_peak_in_flight": str(int(trial.usage.after["peak_in_flight"])) if trial.usage.after else "",
        "valid": "false" if any(r.weight == "invalid" for r in found) else "true",
        "reasons": said(found),
    }


def _arrivals(trial: TrialRecord) -> dict[str, str]:
    """Of an open loop; empty for a closed one."""
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
    return str(int(after["requests_answered"] - before["requests_answered"])) if before and after else ""


def _csv(columns: list[str], rows: list[dict[str, str]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
