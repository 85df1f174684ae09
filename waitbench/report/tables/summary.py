"""summary.csv: a row for each cell. The tables of all formats show these figures, so they agree to the digit."""

from waitbench.analysis.cells import Cell
from waitbench.analysis.comparison import Comparison
from waitbench.analysis.knee.found import Knee, KneeSection
from waitbench.analysis.scenarios.bursts import Burst
from waitbench.analysis.scenarios.mixed import MixedPoint, Pair
from waitbench.records.spec import TrialSpec
from waitbench.report.figures import bounds, number, number_as_given, params
from waitbench.report.table import Table, of_records
from waitbench.report.words.knees import knee_doubt
from waitbench.validity.reason import Reason

COLUMNS = (
    "variant", "workload", "params", "load_model", "load", "trials", "requests", "errors", "goodput_rps",
    "goodput_low", "goodput_high", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms", "mean_ms",
    "cpu_s_per_1k", "peak_rss_mib", "ceiling_rps", "valid", "reasons", "ceiling_limit", "trials_planned",
    "p50_low", "p50_high", "p99_low", "p99_high", "objective_p99_ms", "knee_low", "knee_high",
    "neighbours", "neighbours_goodput_rps", "neighbours_p99_ms", "calm_goodput_rps", "overload_goodput_rps",
    "after_goodput_rps", "recovery_s", "recovery_low", "recovery_high", "resolution_s", "kib_per_request",
    "calm_p99_ms", "shed", "beside_over_alone", "beside_over_alone_low", "beside_over_alone_high", "compared_by",
)  # fmt: skip


def summary(comparison: Comparison) -> Table:
    rows = [summary_row(cell) for section in comparison.sections for point in section.points for cell in point.cells]
    for mixed in comparison.mixed:
        rows += [mixed_row(point, pair, cell) for point in mixed.points for pair in point.pairs for cell in pair.cells]
    rows += [burst_row(burst) for section in comparison.bursts for burst in section.bursts]
    rows += [knee_row(section, knee) for section in comparison.knees for knee in section.knees]
    return of_records(COLUMNS, rows)


def summary_row(cell: Cell) -> dict[str, str]:
    """A cell as a row of summary.csv. The columns that programs rely on come first."""
    ceiling = cell.ceiling
    return {
        "variant": cell.variant,
        **asked(cell.spec),
        "load_model": cell.spec.load_model,
        "load": f"{cell.load:g}",
        "trials": str(len(cell.trials)),
        "requests": str(cell.requests),
        "errors": str(cell.errors),
        "goodput_rps": number(cell.goodput.mean, 1),
        "goodput_low": number(cell.goodput.low, 1),
        "goodput_high": number(cell.goodput.high, 1),
        **{f"{name}_ms": number(cell.percentile_ms(name), 1) for name in ("p50", "p90", "p95", "p99", "p999")},
        "max_ms": number(cell.max_ms, 1),
        "mean_ms": number(cell.mean_ms, 1),
        "cpu_s_per_1k": number(cell.cpu_s_per_1k, 3),
        "peak_rss_mib": number(cell.peak_rss_mib, 1),
        "ceiling_rps": number(ceiling.rps if ceiling else None, 1),
        "valid": "true" if cell.valid else "false",
        "reasons": said(cell.reasons),
        "ceiling_limit": ceiling.limit if ceiling else "",
        "trials_planned": str(cell.planned),
        **_percentile_bounds(cell),
        "kib_per_request": number(cell.kib_per_request, 1),
    }


def mixed_row(point: MixedPoint, pair: Pair, cell: Cell) -> dict[str, str]:
    """A contender with its neighbours or alone, as a row of summary.csv. Its figures are those of the fast path."""
    row = summary_row(cell) | {"neighbours": "alone" if cell.spec.alone else "beside"}
    if cell.spec.alone:
        return row
    goodput, ratio = pair.neighbours_goodput, point.ratio(pair)
    return row | {
        "neighbours_goodput_rps": number(goodput.mean if goodput else None, 1),
        "neighbours_p99_ms": number(pair.neighbours_p99_ms, 1),
        **bounds("beside_over_alone", ratio, 3),
        "compared_by": point.percentile if ratio else "",
    }


def burst_row(burst: Burst) -> dict[str, str]:
    """A contender in a burst, as a row of summary.csv."""
    return summary_row(burst.cell) | {
        "calm_goodput_rps": number(burst.calm_rps, 1),
        "overload_goodput_rps": number(burst.overload_rps, 1),
        "after_goodput_rps": number(burst.after_rps, 1),
        **bounds("recovery", burst.recovery, 2, mean="recovery_s"),
        "resolution_s": number_as_given(burst.resolution_s),
        "calm_p99_ms": number(burst.calm_p99_ms, 1),
        "shed": str(burst.cell.shed),
    }


def knee_row(section: KneeSection, knee: Knee) -> dict[str, str]:
    """The knee of one contender, as a row of summary.csv. Its figures are those at the lower bound."""
    cell = knee.at_low
    row = summary_row(cell) if cell else {"variant": knee.variant, "workload": section.workload.name}
    return row | {
        "params": params(section.params),
        "load_model": "knee",
        "load": number_as_given(knee.low),
        "trials": str(len(knee.trials)),
        "valid": "true" if cell else "false",
        "reasons": f"knee: {knee_doubt(knee)}" if knee_doubt(knee) else "",
        "trials_planned": str(len(knee.trials)),
        "objective_p99_ms": number_as_given(section.objective_ms),
        "knee_low": number_as_given(knee.low),
        "knee_high": number_as_given(knee.high),
    }


def asked(spec: TrialSpec) -> dict[str, str]:
    """The columns `workload` and `params` of a trial. A scenario names its inner workload before the parameters."""
    conditions = spec.conditions
    of = {"of": conditions.asked.workload} if conditions.scenario_name else {}
    share = {"share": f"{conditions.mixed.share:g}"} if conditions.mixed else {}
    workload = conditions.scenario_name or conditions.workload
    return {"workload": workload, "params": params({**of, **share, **conditions.asked.params})}


def said(reasons: list[Reason]) -> str:
    return "; ".join(f"{reason.code}: {reason.text}" for reason in reasons)


def _percentile_bounds(cell: Cell) -> dict[str, str]:
    found = {name: cell.percentile_interval(name) for name in ("p50", "p99")}
    return {
        f"{name}_{bound}": number(getattr(value, bound) if value else None, 1)
        for name, value in found.items()
        for bound in ("low", "high")
    }
