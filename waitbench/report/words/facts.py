"""The method, the environment and the caveats of a run, in the same lines for every format."""

from collections import Counter
from collections.abc import Iterator

from waitbench.analysis.cells import Cell
from waitbench.analysis.comparison import Comparison
from waitbench.analysis.knee.found import Knee, KneeSection
from waitbench.analysis.looks import level
from waitbench.catalog.percentiles import PERCENTILES, samples_needed
from waitbench.catalog.workload import Dependency
from waitbench.catalog.workloads import WORKLOADS, needed
from waitbench.records.run import RunRecord, Target
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import TrialRecord
from waitbench.records.words import counted
from waitbench.report.words.knees import knee_doubt
from waitbench.report.words.repeats import of_cells, repeats_words

Facts = list[tuple[str, list[tuple[str, str]]]]

SAID_EACH = ("neighbours", "trap")
"""Notes that every cell with them has a caveat for."""
SAID_ELSEWHERE = ("ceiling-bound",)
"""Notes that the table itself shows."""
MOST_NOTES = 3
"""The most caveats about notes of one rule. If there are more, one caveat counts them."""


def facts(comparison: Comparison) -> Facts:
    return [("How it was measured", _method(comparison)), ("Environment", _environment(comparison))]


def absences(comparison: Comparison) -> list[str]:
    """A line for each contender or reference that the plan names and that this run left out."""
    return [f"{name} was left out: {why}." for name, why in comparison.run.left_out.items()]


def shortfalls(comparison: Comparison) -> list[str]:
    """The caveats: contenders left out, damaged trials, reasons from rules, and percentiles without enough samples."""
    lines = absences(comparison) + [f"{each.why}." for each in comparison.damaged]
    for cell in comparison.cells:
        where = _place(cell)
        for reason in cell.reasons:
            if reason.weight == "invalid" or reason.code in SAID_EACH:
                advice = f" Advice: {reason.advice}." if reason.advice else ""
                lines.append(f"{where}: {reason.code}: {reason.text}.{advice}")
        if len(cell.trials) < cell.planned:
            lines.append(f"{where}: {len(cell.trials)} of {cell.planned} trials.")
    lines += [line for section in comparison.knees for knee in section.knees for line in _knee_caveats(section, knee)]
    return [*lines, *_replaced(comparison), *_notes(comparison), *_short_percentiles(comparison)]


def _replaced(comparison: Comparison) -> Iterator[str]:
    """A line for each block that was measured again: where it was, and the findings that were the reason."""
    for block in comparison.replaced_blocks:
        spec = block[0].trial.spec
        why = "; ".join(
            f"{each.target.title}: {reason.code}: {reason.text}" for each in block for reason in each.disturbances
        )
        place = f"{_workload_words(spec)}, {spec.point.load_words}, repeat {spec.repeat}"
        yield f"{place} was measured again, because the machine disturbed it ({why})."


def _notes(comparison: Comparison) -> Iterator[str]:
    """Notes of rules on trials that count: a line for each cell, or one for each rule that has many."""
    noted: dict[str, list[tuple[str, str]]] = {}
    for cell in comparison.cells:
        for reason in cell.reasons:
            if reason.weight == "note" and reason.code not in (*SAID_EACH, *SAID_ELSEWHERE):
                noted.setdefault(reason.code, []).append((_place(cell), reason.text))
    for code, found in noted.items():
        places = list(dict.fromkeys(place for place, _ in found))
        if len(found) <= MOST_NOTES:
            yield from (f"{place}: {code} (a note; the trial counts): {text}." for place, text in found)
        else:
            shown = "; ".join(places[:MOST_NOTES]) + ("; and others" if len(places) > MOST_NOTES else "")
            yield (
                f"{code}: {len(found)} notes in {len(places)} of {len(comparison.cells)} rows; the trials count "
                f"({shown}). The first: {found[0][1]}. All are in summary.csv."
            )


def _place(cell: Cell) -> str:
    """`Flask on threads, wait, 500 users`."""
    return f"{cell.target.title}, {_workload_words(cell.spec)}, {cell.spec.point.load_words}"


def _workload_words(spec: TrialSpec) -> str:
    """`wait`, or `mixed cpu alone`."""
    conditions = spec.conditions
    return " ".join(filter(None, [conditions.scenario_name, conditions.asked.workload, "alone" if spec.alone else ""]))


def _knee_caveats(section: KneeSection, knee: Knee) -> list[str]:
    """The caveats of a search: an unknown bound, and the trials that were repeated because they were invalid."""
    where = f"{knee.target.title}, {section.title}"
    lines = [f"{where}: {doubt}."] if (doubt := knee_doubt(knee)) else []
    if knee.void:
        codes = Counter(code for each in knee.void for code in each.why_void)
        counts = ", ".join(f"{code} {count}" for code, count in sorted(codes.items()))
        lines.append(f"{where}: {len(knee.void)} of {len(knee.trials)} trials are invalid ({counts}).")
    return lines


def _short_percentiles(comparison: Comparison) -> list[str]:
    lines = []
    for name in PERCENTILES:
        short = [cell for cell in comparison.cells if cell.samples_short(name)]
        if short:
            most = max(cell.samples_short(name) for cell in short)
            rows = f"{len(short)} of {len(comparison.cells)} rows"
            title = name.replace("p999", "p99.9")
            lines.append(
                f"{title} is empty in {rows}: it needs {samples_needed(PERCENTILES[name]):,} requests, and up to "
                f"{most:,} are missing. More repeats or a longer measure_s in the plan give them."
            )
    return lines


def _method(comparison: Comparison) -> list[tuple[str, str]]:
    run, plan = comparison.run, comparison.run.plan
    trials = [trial for each in comparison.searched for trial in each.trials]
    worst_lag = max((t.generator.lag_p99_ms for t in trials), default=0.0)
    delays = [t.arrivals.delay_p99_us / 1000 for t in trials if t.arrivals and t.arrivals.delay_p99_us is not None]
    late = f"; requests sent at most {max(delays):.1f} ms late (p99)" if delays else ""
    most_cpu = max((t.generator.cpu_share for t in trials), default=0.0)
    sent = sum(t.sent for t in trials)
    measured = of_cells(plan, "measure_s")
    return [
        ("plan", f"{run.plan_name}, {repeats_words(comparison)} repeats, seed {run.seed}, engine {run.engine}"),
        ("trial", f"{plan.warmup_s:g} s of warm-up, {measured} s measured, then a wait for all responses"),
        ("order", "shuffled blocks, repeated; a block has each contender once under one load" + _search(comparison)),
        *_measured_again(comparison),
        *_scenarios(comparison),
        ("load", _load(comparison)),
        ("latency", "from the send (closed loop) or the intended start (open loop) to the last byte"),
        ("memory", "KiB per request is the extra memory per in-flight request, a lower bound"),
        ("requests", f"{sent:,} in total; the services' own counts agree unless a caveat says otherwise"),
        ("generator", f"at most {most_cpu:.0%} of a core; p99 lag at most {worst_lag:.1f} ms{late}"),
        *_steal_time(trials),
        ("intervals", _intervals(run)),
        ("started", f"{run.started_at:%Y-%m-%d %H:%M} UTC"),
    ]  # fmt: skip


def _intervals(run: RunRecord) -> str:
    text = "95 %, Student's t over trials (on logarithms for p99 and ratios); ratios paired by block"
    if run.most_repeats is None:
        return text
    return f"{text}; each look has {level(run.most_repeats):.2%}, so that up to {run.most_repeats} repeats have 95 %"


def _steal_time(trials: list[TrialRecord]) -> list[tuple[str, str]]:
    most = max((t.steal_share or 0.0 for t in trials), default=0.0)
    return [("CPU steal time", f"at most {most:.0%} of this machine's CPU time in a trial")] if most > 0 else []


def _measured_again(comparison: Comparison) -> list[tuple[str, str]]:
    if not comparison.replaced_blocks:
        return []
    blocks = counted(len(comparison.replaced_blocks), "block", "blocks")
    return [("measured again", f"{blocks} that the machine disturbed; the disturbed ones are in no figure")]


def _search(comparison: Comparison) -> str:
    if not comparison.knees:
        return ""
    return (
        "; a search runs blocks with the next rate of each contender, in trials long enough for a p99 (at most 30 s); "
        "it doubles the rate until it is too high, then halves the remaining range, then repeats both bounds"
    )


def _scenarios(comparison: Comparison) -> list[tuple[str, str]]:
    """How mixed loads and bursts were measured, if there are any."""
    mixed = (
        "a block has each contender twice, with its slow neighbours and alone, with the same arrivals on the fast "
        "path; the figures are those of the fast path"
    )
    bursts = (
        "a trial is as long as its profile; a service has recovered at the start of the first whole second in which "
        "nine in ten of the requests due in each part complete within twice the p90 of the calm, or within 20 ms more "
        "than it"
    )
    return [
        *([("mixed loads", mixed)] if comparison.mixed else []),
        *([("bursts", bursts)] if comparison.bursts else []),
    ]


def _load(comparison: Comparison) -> str:
    models = {spec.load_model for spec in comparison.run.trials}
    closed = "closed loop: a user sends its next request when the last one ends"
    opened = "open loop: seeded arrivals at a given rate, independent of responses and the same for all of a block"
    texts = [text for model, text in (("closed", closed), ("open", opened)) if model in models]
    return "; ".join([*texts, "new connections for each trial"])


def _environment(comparison: Comparison) -> list[tuple[str, str]]:
    found = comparison.run.environment
    packages = found.get("packages", {})
    harness = ", ".join(
        f"{name} {packages[name]}" for name in ("locust", "gevent", "httptools", "hdrhistogram") if name in packages
    )
    rows = [
        (
            "processor",
            f"{found.get('cpu')}, {found.get('cores')} cores" + (", virtual" if found.get("virtualised") else ""),
        ),
        ("memory", f"{found.get('memory_mib')} MiB"),
        ("kernel", f"{found.get('system')} {found.get('kernel')}"),
        ("governor", found.get("governor") or "not reported by this machine"),
        ("Python", f"{found.get('python')} (harness)"),
        ("harness", f"waitbench {comparison.run.waitbench}, {harness}"),
        ("commit", found.get("git_commit") or "unknown"),
    ]
    if found.get("container"):
        rows.append(("container", ", ".join(f"{k} {v}" for k, v in found["container"].items())))
    return rows + [(target.name, _service(target)) for target in comparison.variants]


def _service(target: Target) -> str:
    if target.external:
        return f"external, at {target.base_url}"
    versions = target.info.get("versions", {})
    if "python" not in target.info and target.kind == "reference":
        return ", ".join(f"{name} {version}" for name, version in versions.items())
    server = [name for name in _SERVERS if name in target.server]
    calls = needed(name for name in WORKLOADS if target.serves(name))
    clients = [package for dependency, package in _CLIENTS.items() if dependency in calls]
    named = [f"{name} {versions[name]}" for name in (target.framework, *server, *clients) if name in versions]
    free = "" if target.info.get("gil", True) else " without the GIL"
    return f"Python {target.info.get('python', '?')}{free}, {', '.join(named)}"


_SERVERS = ("gunicorn", "gevent", "granian", "uvicorn", "uvloop", "httptools", "h11")
"""Packages that a server's title names."""
_CLIENTS: dict[Dependency, str] = {"database": "psycopg", "remote API": "httpx2"}
"""The package that calls each dependency."""
