"""The figures of claims as every format shows them."""

from waitbench.analysis.claims import Evidence, Ruling, Verdict
from waitbench.catalog.workloads import params_words
from waitbench.records.words import counted, load_words
from waitbench.report.figures import number

DIGITS = {"cpu_s_per_1k": 3}
"""Of a figure as it is shown; of others 1."""
RATIO_DIGITS = 3

FIGURE_WORDS = {
    "goodput_rps": "good answers/s",
    "p50_ms": "p50 ms",
    "p90_ms": "p90 ms",
    "p95_ms": "p95 ms",
    "p99_ms": "p99 ms",
    "cpu_s_per_1k": "CPU s for 1,000",
    "kib_per_request": "KiB a request",
}

JUDGED = {
    "supported": "every rule's ratio lies where the claim has it",
    "refuted": "a rule's ratio lies where the claim can't be right",
    "inconclusive": "this run can't tell",
    "untested": "a rule has nothing to be judged by",
}
"""What makes a verdict, in a few words."""

HOW = (
    "Each rule takes the ratio of one figure in two places, repeat by repeat. It is supported where the whole 95 % "
    "interval lies in the zone named first, refuted where all of it lies in the other, and else inconclusive. One "
    "refuted rule refutes its claim; to support it takes all of them. Memory has no interval: each cell tells what it "
    "took at least. A verdict holds for this machine, these versions and these loads."
)


def count_words(verdict: Verdict) -> str:
    """`2 of 3 rules refuted`: what makes the verdict."""
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
    asked = [cell.measured] if cell.workload == "mixed" else [cell.workload, *params_words(cell.params)]
    if place.alone:
        asked += ["alone"]
    elif cell.workload == "mixed":
        asked += [f"beside {(cell.share or 0) * 100:g} % of {cell.of}", *params_words(cell.params)]
    processes = [counted(place.workers or 1, "process", "processes")] if cell.workers else []
    cores = [counted(cell.service_cpus, "core", "cores")] if cell.service_cpus else []
    return ", ".join([side.title, *asked, load_words(place.load.model, place.load.size), *processes, *cores])


def plain(text: str) -> str:
    """On one line."""
    return " ".join(text.split())


def _shown(figure: str, side: Evidence) -> str:
    return number(side.value, DIGITS.get(figure, 1))
