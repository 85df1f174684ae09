"""The figures of claims as every format shows them."""

from waitbench.analysis.claims import Evidence, Ruling, Verdict
from waitbench.catalog.workloads import neighbours_words, params_words
from waitbench.records.words import counted
from waitbench.report.figures import number

DIGITS = {"cpu_s_per_1k": 3}
"""The decimals of a figure; any other figure has 1."""
RATIO_DIGITS = 3

FIGURE_WORDS = {
    "goodput_rps": "good responses/s",
    "p50_ms": "p50 ms",
    "p90_ms": "p90 ms",
    "p95_ms": "p95 ms",
    "p99_ms": "p99 ms",
    "cpu_s_per_1k": "CPU s per 1,000",
    "kib_per_request": "KiB per request",
}

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


def count_words(verdict: Verdict) -> str:
    """`2 of 3 rules refuted`, the rules that decide the verdict."""
    decisive = sum(ruling.judgement == verdict.judgement for ruling in verdict.rulings)
    return f"{decisive} of {counted(len(verdict.rulings), 'rule', 'rules')} {verdict.judgement}"


def ruling_row(verdict: Verdict, number_of: int, ruling: Ruling) -> dict[str, str]:
    """A rule as a row of claims.csv."""
    rule, ratio = ruling.rule, ruling.ratio
    return {
        "claim": verdict.claim.id,
        "claim_verdict": verdict.judgement,
        "rule": str(number_of),
        "says": plain(rule.says),
        "figure": rule.figure,
        "of": place_words(ruling.of),
        "of_figure": _shown(rule.figure, ruling.of),
        "over": place_words(ruling.over),
        "over_figure": _shown(rule.figure, ruling.over),
        "ratio": number(ratio.mean if ratio else None, RATIO_DIGITS),
        "ratio_low": number(ratio.low if ratio else None, RATIO_DIGITS),
        "ratio_high": number(ratio.high if ratio else None, RATIO_DIGITS),
        "supported": rule.supported.words,
        "refuted": rule.refuted.words,
        "verdict": ruling.judgement,
        "why": ruling.why,
    }


def ruling_rows(verdict: Verdict) -> list[dict[str, str]]:
    return [ruling_row(verdict, number_of, ruling) for number_of, ruling in enumerate(verdict.rulings, 1)]


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


def plain(text: str) -> str:
    """The text on one line."""
    return " ".join(text.split())


def _shown(figure: str, side: Evidence) -> str:
    return number(side.value, DIGITS.get(figure, 1))
