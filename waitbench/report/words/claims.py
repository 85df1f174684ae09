"""The verdicts on claims, in words."""

from waitbench.analysis.claims import Evidence, Verdict
from waitbench.catalog.workloads import neighbours_words, params_words
from waitbench.records.words import counted

JUDGED = {
    "supported": "all rules are supported",
    "refuted": "at least one rule is refuted",
    "inconclusive": "no rule is refuted, but at least one is inconclusive",
    "untested": "no rule is refuted, but at least one has no figures to compare",
}
"""The reason for each verdict, in a few words."""


HOW = (
    "Each rule compares one figure of two cells as a ratio, repeat by repeat. A rule is supported if the whole 95 % "
    "interval of the ratio is in its supported zone, and refuted if the whole interval is in its refuted zone. "
    "Otherwise it is inconclusive. One refuted rule refutes its claim; all rules have to be supported to support it. "
    "Memory has no interval, because a cell has one figure for it, a lower bound. "
    "A verdict is valid for this machine, these versions and these loads."
)


FIGURE_WORDS = {
    "goodput_rps": "good responses/s",
    "p50_ms": "p50 ms",
    "p90_ms": "p90 ms",
    "p95_ms": "p95 ms",
    "p99_ms": "p99 ms",
    "cpu_s_per_1k": "CPU s per 1,000",
    "kib_per_request": "KiB per request",
}


def claim_answer(verdict: Verdict) -> str:
    return f"{verdict.judgement}: {verdict.claim.says}"


def count_words(verdict: Verdict) -> str:
    """`2 of 3 rules refuted`, the rules that decide the verdict."""
    decisive = sum(ruling.judgement == verdict.judgement for ruling in verdict.rulings)
    return f"{decisive} of {counted(len(verdict.rulings), 'rule', 'rules')} {verdict.judgement}"


def place_words(side: Evidence) -> str:
    """`FastAPI on asyncio, wait, ms = 100, 100 users, 2 processes, 2 cores`."""
    place, cell = side.place, side.place.cell
    conditions = place.point.conditions
    asked = [conditions.workload, *params_words(conditions.params)]
    if place.alone:
        asked += ["alone"]
    elif conditions.mixed:
        asked += [f"with neighbours ({neighbours_words(conditions.mixed)})"]
    processes = [counted(place.workers or 1, "process", "processes")] if cell.workers else []
    cores = [counted(cell.service_cpus, "core", "cores")] if cell.service_cpus else []
    return ", ".join([side.title, *asked, place.point.load_words, *processes, *cores])
