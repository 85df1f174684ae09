"""The table of each kind of section: the cells of a workload, a mixed load, a burst, and a search for the knee."""

from collections.abc import Mapping

from waitbench.analysis.cells import Cell
from waitbench.analysis.knee.found import Knee, KneeSection
from waitbench.analysis.points import Point, Section
from waitbench.analysis.scenarios.bursts import Burst, BurstSection
from waitbench.analysis.scenarios.mixed import MixedPoint, MixedSection, Pair
from waitbench.report.figures import interval, span
from waitbench.report.table import Column, Entry, Row, Table, entries
from waitbench.report.tables.summary import burst_row, knee_row, mixed_row, summary_row
from waitbench.report.words.knees import knee_interval, knee_word
from waitbench.report.words.scenarios import burst_word, mixed_word
from waitbench.report.words.sections import load_title, standing_word

CONTENDER = Column("", "contender", "name")


def cells_table(section: Section) -> Table:
    columns = (
        CONTENDER,
        Column("load", load_title(section.points)),
        Column("goodput_rps", "good responses/s"),
        Column("", "95 % interval"),
        Column("p50_ms", "p50 ms"),
        Column("p90_ms", "p90 ms"),
        Column("p99_ms", "p99 ms"),
        Column("", "p99 interval"),
        Column("p999_ms", "p99.9 ms"),
        Column("cpu_s_per_1k", "CPU s per 1,000"),
        Column("kib_per_request", "KiB per request"),
        Column("peak_rss_mib", "peak MiB"),
        Column("ceiling_rps", "theor. max/s"),
        Column("", "vs. best", "word"),
    )
    groups = tuple(tuple(_cell(point, cell) for cell in point.cells) for point in section.points)
    return Table(columns, groups, {"section": section.key})


def _cell(point: Point, cell: Cell) -> Row:
    row = summary_row(cell)
    shown = entries(
        cell.target.title,
        row["load"],
        Entry(row["goodput_rps"], bold=cell is point.best and not point.ceiling_bound),
        interval(cell.goodput, 1),
        *(row[name] for name in ("p50_ms", "p90_ms", "p99_ms")),
        interval(cell.percentile_interval("p99"), 1),
        *(row[name] for name in ("p999_ms", "cpu_s_per_1k", "kib_per_request", "peak_rss_mib", "ceiling_rps")),
        standing_word(point, cell),
    )
    return Row(shown, _about(row), cell.valid)


def mixed_table(section: MixedSection) -> Table:
    by = section.top.percentile
    columns = (
        CONTENDER,
        Column("load", "requests/s offered"),
        Column("alone-p50_ms", "p50 ms alone"),
        Column("beside-p50_ms", "p50 ms with neighbours"),
        Column("alone-p99_ms", "p99 ms alone"),
        Column("beside-p99_ms", "p99 ms with neighbours"),
        Column("", f"{by} interval alone"),
        Column("", f"{by} interval with neighbours"),
        Column("beside-neighbours_goodput_rps", "neighbours good/s"),
        Column("beside-neighbours_p99_ms", "neighbours p99 ms"),
        Column("", "result", "word"),
    )
    groups = tuple(tuple(_pair(point, pair, by) for pair in point.pairs) for point in section.points)
    return Table(columns, groups, {"section": section.key})


def _pair(point: MixedPoint, pair: Pair, by: str) -> Row:
    alone, beside = (mixed_row(point, pair, cell) if cell else {} for cell in (pair.alone, pair.beside))
    shown = entries(
        pair.first.target.title,
        f"{point.load:g}",
        *(row.get(f"{name}_ms", "") for name in ("p50", "p99") for row in (alone, beside)),
        *(span(row.get(f"{by}_low", ""), row.get(f"{by}_high", "")) for row in (alone, beside)),
        beside.get("neighbours_goodput_rps", ""),
        beside.get("neighbours_p99_ms", ""),
        mixed_word(point, pair),
    )
    return Row(shown, {"variant": pair.variant, "load": f"{point.load:g}"}, pair.valid)


def burst_table(section: BurstSection) -> Table:
    columns = (
        CONTENDER,
        Column("calm_goodput_rps", "good/s in calm"),
        Column("overload_goodput_rps", "good/s in overload"),
        Column("after_goodput_rps", "good/s after"),
        Column("calm_p99_ms", "p99 ms in calm"),
        Column("recovery_s", "recovery s"),
        Column("", "95 % interval"),
        Column("resolution_s", "resolution s"),
        Column("errors", "failed"),
        Column("shed", "shed"),
        Column("", "result", "word"),
    )
    return Table(columns, (tuple(_burst(section, burst) for burst in section.bursts),), {"section": section.key})


def _burst(section: BurstSection, burst: Burst) -> Row:
    row = burst_row(burst)
    shown = entries(
        burst.cell.target.title,
        *(row[f"{part}_goodput_rps"] for part in ("calm", "overload", "after")),
        row["calm_p99_ms"],
        row["recovery_s"],
        span(row["recovery_low"], row["recovery_high"]),
        *(row[name] for name in ("resolution_s", "errors", "shed")),
        burst_word(section, burst),
    )
    return Row(shown, _about(row), burst.cell.valid)


def knee_table(section: KneeSection) -> Table:
    columns = (
        CONTENDER,
        Column("", "knee, requests/s"),
        Column("p50_ms", "p50 ms at knee"),
        Column("p99_ms", "p99 ms at knee"),
        Column("cpu_s_per_1k", "CPU s per 1,000 at knee"),
        Column("kib_per_request", "KiB per request at knee"),
        Column("peak_rss_mib", "peak MiB at knee"),
        Column("trials", "trials"),
        Column("", "vs. best", "word"),
    )
    return Table(columns, (tuple(_knee(section, knee) for knee in section.knees),), {"section": section.key})


def _knee(section: KneeSection, knee: Knee) -> Row:
    row = knee_row(section, knee)
    shown = entries(
        knee.target.title,
        Entry(knee_interval(knee), bold=True),
        *(row.get(name, "") for name in ("p50_ms", "p99_ms", "cpu_s_per_1k", "kib_per_request", "peak_rss_mib")),
        row["trials"],
        knee_word(section, knee),
    )
    return Row(shown, _about(row), row["valid"] == "true")


def _about(row: Mapping[str, str]) -> dict[str, str]:
    return {"variant": row["variant"], "load": row["load"]}
