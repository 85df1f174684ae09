"""Made-up runs that judge claims, with trials whose figures have given ratios."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.made_up import runs
from tests.made_up.scenarios import mixed_spec, mixed_trial
from waitbench.analysis.claims import Ruling, Verdict
from waitbench.analysis.comparison import Comparison, compare
from waitbench.catalog.variants import Variant, load_variants
from waitbench.catalog.workloads import WORKLOADS
from waitbench.paths import LOADTESTS
from waitbench.plan.claim import Claim, Place, Rule
from waitbench.plan.claims_file import load_claims
from waitbench.records.run import RunRecord, Target
from waitbench.records.spec import TrialSpec
from waitbench.records.trial import TrialRecord

FILE = LOADTESTS / "claims.toml"
WOBBLE = (1.0, 1.01, 0.99)
"""Factors of three repeats, so that every ratio has an interval of 2.5 % to either side."""
MOST_RPS = 200.0
"""The highest goodput, so that no made-up trial has many thousands of responses."""
MOST_S = 0.9
"""The highest latency of an open loop, in seconds; its rate does not set it."""
REQUESTS = {"p50_ms": 50, "p90_ms": 200, "p95_ms": 400, "p99_ms": 1100}

PARTS = ("sync", "threads", "gevent", "asyncio", "blocking", "unpatched")
NAMES = [f"{framework}-{part}" for framework in ("flask", "django", "fastapi") for part in PARTS]


def known() -> dict[str, Variant]:
    """All variants, and those that claims may name before they exist."""
    found = load_variants()
    like = found["fastapi-asyncio"]
    return {name: replace(like, name=name) for name in [*NAMES, "node", "node-cluster", "go"]} | found


CLAIMS = load_claims(FILE, known())
RULES = [(claim, number) for claim in CLAIMS for number in range(len(claim.rules))]


def claims_of(folder: Path, text: str) -> list[Claim]:
    """The claims of a file with this text."""
    file = folder / "claims.toml"
    file.write_text(text)
    return load_claims(file, known())


def target(place: Place) -> Target:
    """The target of a place; its name includes the number of processes and cores if they are not the default."""
    cpus, workers = place.cell.service_cpus or 0, place.workers or 1
    tags = [f"{workers}p" if workers > 1 else "", f"{cpus}c" if cpus else ""]
    name = "-".join(filter(None, [place.variant, *tags]))
    budget = {**runs.BUDGET, "workers": workers}
    return runs.target(name, variant=place.variant, budget=budget, budget_read=budget, cpus=cpus)


def spec(place: Place, repeat: int) -> TrialSpec:
    cell, point, name = place.cell, place.point, target(place).name
    common: dict[str, Any] = {"service_cpus": cell.service_cpus or 0, "uses_upstream": False}
    if cell.workload == "mixed":
        assert cell.of is not None
        assert cell.share is not None
        return mixed_spec(name, place.alone, repeat, cell.of, cell.params, cell.share, point.load, **common)
    tags = "".join(f"{key}{value}" for key, value in cell.params.items())
    file = f"{repeat:03d}-{name}-{cell.workload}{tags}-{point.tag}.json"
    if point.conditions.load_model == "open":
        common |= {"load_model": "open", "max_in_flight": cell.max_in_flight}
    return runs.spec(name, cell.workload, cell.params, point.load, repeat, file=file, **common)


def trials(rule: Rule, of: Place, over: Place, ratios: Sequence[float]) -> list[TrialRecord]:
    """One repeat for each ratio of the rule's figure."""
    made = []
    for repeat, ratio in enumerate(ratios, 1):
        base = min(_most(rule.figure, over), _most(rule.figure, of) / ratio)
        made += [_trial(spec(of, repeat), rule.figure, base * ratio), _trial(spec(over, repeat), rule.figure, base)]
    return made


def _most(figure: str, place: Place) -> float:
    """The highest figure that is possible: goodput is limited by the waits, latency by the requests that are needed."""
    if figure == "goodput_rps":
        wait_s = WORKLOADS[place.cell.measured].wait_s(place.cell.params)
        return 0.9 * min(MOST_RPS, place.point.load / wait_s if wait_s else math.inf)
    if figure in REQUESTS and place.point.conditions.load_model == "open":
        return MOST_S
    return place.point.load * 10 / REQUESTS[figure] if figure in REQUESTS else 1.0


def _trial(planned: TrialSpec, figure: str, value: float) -> TrialRecord:
    """A trial of ten seconds with this figure. Latencies are in seconds, memory in multiples of 40 MiB."""
    if planned.conditions.mixed:
        return mixed_trial(planned, [round(value * 10_000)] * 1100, [60_000] * 20)
    if figure == "goodput_rps":
        return runs.at_rate(planned, value)
    if planned.load_model == "open":
        return _open_trial(planned, figure, value)
    if figure in REQUESTS:
        return runs.trial(planned, taken_us=[round(value * 1e6)] * round(planned.load * 10 / value))
    changes: dict[str, Any] = {"cpu_s": value}
    if figure == "kib_per_request":
        changes = {"peak_rss_bytes": runs.REST_BYTES + round(value * 40 * 2**20)}
    return runs.trial(planned, taken_us=[round(planned.load * 10_000)] * 1000, **changes)


def _open_trial(planned: TrialSpec, figure: str, value: float) -> TrialRecord:
    taken_us = round(value * 1e6) if figure in REQUESTS else 110_000
    changes: dict[str, Any] = {} if figure in REQUESTS else {"cpu_s": value}
    return runs.open_trial(planned, taken_us=[taken_us] * round(planned.load * 10), **changes)


def judged(claim: Claim, made: Iterable[TrialRecord], **changes: Any) -> Verdict:
    """The verdict on a claim by a run with only these trials."""
    [verdict] = comparison([claim], list(made), **changes).claims
    return verdict


def run(claims: Sequence[Claim], made: Sequence[TrialRecord], **changes: Any) -> RunRecord:
    places = [claim.place(side) for claim in claims for _, _, side in claim.sides]
    names = {trial.spec.variant for trial in made}
    targets = {found.name: found for place in places if (found := target(place)).name in names}
    record = runs.run_record([trial.spec for trial in made], list(targets.values()), **changes)
    return runs.with_plan(record, claims=[claim.model_dump(mode="json") for claim in claims])


def comparison(claims: Sequence[Claim], made: Sequence[TrialRecord], **changes: Any) -> Comparison:
    return compare(run(claims, made, **changes), made)


def ruling(claim: Claim, number: int, made: Iterable[TrialRecord]) -> Ruling:
    return judged(claim, made).rulings[number]
