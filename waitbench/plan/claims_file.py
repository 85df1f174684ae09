"""Reads claims from a file, and checks them against the variants and workloads that exist."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from waitbench.catalog.ceiling import ceiling_at
from waitbench.catalog.percentiles import PERCENTILES, samples_needed
from waitbench.catalog.variants import Variant
from waitbench.errors import UsageError
from waitbench.plan.claim import Claim, Claims, Place, Rule
from waitbench.plan.plan import Plan
from waitbench.plan.refusal import CLAIM_TABLES, refusal
from waitbench.plan.suggestion import nearest
from waitbench.plan.toml import read_toml


def load_claims(path: Path, variants: Mapping[str, Variant]) -> list[Claim]:
    """Read the claims of a file, and fill in every number of processes.

    Raises UsageError with the file, each wrong key, and what would be right.
    """
    raw = read_toml(path)
    try:
        claims = Claims.model_validate(raw).claims
    except ValidationError as error:
        raise refusal(f"{path}: these claims can't be tested:", error, CLAIM_TABLES) from None
    for number, claim in enumerate(claims):
        if wrong := _wrong(claim, variants):
            raise UsageError(f"{path}: claims[{number}].{wrong}")
    return [_filled(claim, variants) for claim in claims]


def require_samples(path: Path, plan: Plan, variants: Mapping[str, Variant]) -> None:
    """Raises UsageError if a rule compares a percentile that needs more requests than a trial can have."""
    if not plan.claims:
        return
    samples = {f"{name}_ms": samples_needed(percent) for name, percent in PERCENTILES.items()}
    for claim in plan.claims:
        for where, rule, side in claim.sides:
            place = claim.place(side)
            possible = _possible_requests(place, variants[place.variant], plan.measure_s)
            needed = samples.get(rule.figure, 0)
            if possible is not None and possible < needed:
                raise UsageError(
                    f"{path}: claims: {claim.id}: {where}: {rule.figure} needs {needed:,} requests in each trial, but "
                    f"{place.cell.name} can have at most {possible:,.0f}; give it more load, or its own measure_s"
                )


def _possible_requests(place: Place, variant: Variant, measure_s: float) -> float | None:
    """Return the theoretical maximum of measured requests in one trial; None if there is no limit."""
    allowed = ceiling_at(place.point, {**variant.budget, "workers": place.workers or 1})
    return allowed.rps * (place.cell.measure_s or measure_s) if allowed else None


def _wrong(claim: Claim, variants: Mapping[str, Variant]) -> str:
    """Return the first wrong key and what would be right; "" if there is none."""
    for number, cell in enumerate(claim.cells):
        for name in cell.variants:
            if name not in variants:
                return f"cells[{number}].variants: no variant named {name!r}; {nearest(name, variants)}"
            lacks = sorted(workload for workload in cell.asked if not variants[name].serves(workload))
            if lacks:
                serves = ", ".join(variants[name].workloads or ())
                return f"cells[{number}].variants: {name} does not serve {', '.join(lacks)}, only {serves}"
    for where, _, side in claim.sides:
        if side.workers and not claim.place(side).cell.workers:
            return f"{where}.workers: {side.cell} has no workers to choose from; give it workers, or leave it out here"
    return ""


def _filled(claim: Claim, variants: Mapping[str, Variant]) -> Claim:
    """Return the claim with the number of processes that a variant declares wherever its cell gives none."""

    def filled(rule: Rule) -> Rule:
        places = {name: claim.place(side) for name, side in rule.sides}
        workers = {name: p.workers or variants[p.variant].budget["workers"] for name, p in places.items()}
        sides = {name: side.model_copy(update={"workers": workers[name]}) for name, side in rule.sides}
        return rule.model_copy(update=sides)

    return claim.model_copy(update={"rules": [filled(rule) for rule in claim.rules]})
