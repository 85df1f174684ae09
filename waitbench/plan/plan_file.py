"""Reads a plan from its file, and checks it."""

import os
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from waitbench.catalog.variants import Variant
from waitbench.catalog.workloads import params_words
from waitbench.errors import UsageError
from waitbench.plan.cell import Cell
from waitbench.plan.claim import Claim
from waitbench.plan.claims_file import load_claims, require_samples
from waitbench.plan.contender import contenders, require_forms
from waitbench.plan.plan import LOOPBACK, Plan
from waitbench.plan.refusal import PLAN_TABLES, refusal
from waitbench.plan.suggestion import nearest
from waitbench.plan.time_budget import require_time
from waitbench.plan.toml import read_toml
from waitbench.records.run import MOST_REPEATS

STEM_MAX = 100
TRIALS_MAX = 10_000
"""At three seconds each, a working day."""


def load_plan(path: Path, variants: dict[str, Variant], allow_remote: bool = False, in_compose: bool = False) -> Plan:
    """Read a plan, and check it against the known variants.

    `in_compose` allows external services with names of the containers' network.
    Raises UsageError with the file, each wrong key, and what would be right.
    """
    _check_file_name(path)
    raw = read_toml(path)
    claims = _claims(path, raw, variants)
    try:
        plan = Plan.model_validate(_with_claims(raw, claims) if claims else raw)
    except ValidationError as error:
        raise refusal(f"{path}: this plan can't be run:", error, PLAN_TABLES) from None
    _check_names(path, plan, variants)
    _check_cells(path, plan, variants)
    _check_size(path, plan)
    _check_loads(path, plan, [n for n, cell in enumerate(raw.get("cells", [])) if "variants" not in cell])
    _check_searches(path, plan)
    _check_targets(path, plan, allow_remote, in_compose)
    require_samples(path, plan, variants)
    _check_time(path, plan, variants)
    return plan


def _check_file_name(path: Path) -> None:
    """Check the name, because it is shown and becomes part of the run folder's name."""
    if len(path.stem) > STEM_MAX:
        raise UsageError(f"{path}: the file name has {len(path.stem)} letters; shorten it to at most {STEM_MAX}")
    if not path.stem.isprintable():
        raise UsageError(f"{path}: the file name has a character that cannot be printed; rename it")


def _check_size(path: Path, plan: Plan) -> None:
    found, trials = contenders(plan), 0
    for cell in plan.cells:
        in_block = sum(each.plays(cell) for each in found) * (2 if cell.workload == "mixed" else 1)
        trials += in_block * len(cell.loads) * (MOST_REPEATS if plan.sure_within else cell.repeats or plan.repeats)
    if plan.time_s:
        shortest_s = plan.warmup_s + min([plan.measure_s, *(cell.measure_s for cell in plan.cells if cell.measure_s)])
        trials = min(trials, int(plan.time_s / shortest_s))
    if trials > TRIALS_MAX:
        raise UsageError(
            f"{path}: cells: {trials:,} trials in all; a run has at most {TRIALS_MAX:,}. Ask for fewer cells, loads or "
            "repeats, or make several plans"
        )


def _check_time(path: Path, plan: Plan, variants: dict[str, Variant]) -> None:
    try:
        require_time(plan, variants)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def _claims(path: Path, raw: dict[str, Any], variants: dict[str, Variant]) -> list[Claim]:
    """Load the claims of the file that the plan names."""
    if "claims" not in raw:
        return []
    if not isinstance(raw["claims"], str):
        raise UsageError(f'{path}: claims: give the path of the claims file, such as "../claims.toml"')
    return load_claims(Path(os.path.normpath(path.parent / raw["claims"])), variants)


def _with_claims(raw: dict[str, Any], claims: list[Claim]) -> dict[str, Any]:
    """Add the cells of the claims after the plan's own cells, and the variants that these cells name.

    The plan's own variants run its own cells, if it names any.
    """
    own, needed = raw.get("cells", []), [cell.cell for claim in claims for cell in claim.cells]
    if not isinstance(own, list) or not isinstance(raw.get("variants", []), list):
        return {**raw, "claims": claims}  # the plan's own checks refuse it
    if "variants" in raw:
        own = [{"variants": raw["variants"], **cell} if isinstance(cell, dict) else cell for cell in own]
    names = dict.fromkeys([*raw.get("variants", []), *(name for cell in needed for name in cell.variants or [])])
    return {**raw, "claims": claims, "cells": own + needed, "variants": list(names)}


def _check_names(path: Path, plan: Plan, variants: dict[str, Variant]) -> None:
    for name in plan.variants:
        if name not in variants:
            raise UsageError(f"{path}: variants: no variant named {name!r}; {nearest(name, variants)}")
        if plan.variants.count(name) > 1:
            raise UsageError(
                f"{path}: variants: {name!r} is named twice; name it once, and raise repeats for more trials "
                f"(to compare it with itself, use --variant {name} --variant {name})"
            )
    names = [item.name for item in plan.external]
    for name in names:
        if name in variants or names.count(name) > 1:
            raise UsageError(f"{path}: external: the name {name!r} is taken; choose another")


def _check_cells(path: Path, plan: Plan, variants: dict[str, Variant]) -> None:
    """Check that the variants of each cell are among the plan's, and can have the form it asks for."""
    own = [*plan.variants, *(item.name for item in plan.external)]
    for number, cell in enumerate(plan.cells):
        for name in cell.variants or []:
            if name not in own:
                raise UsageError(
                    f"{path}: cells[{number}].variants: {name!r} is not among the plan's variants; add it to them, or "
                    f"name another; {nearest(name, own)}"
                )
    try:
        require_forms(enumerate(plan.cells), plan.variants, variants)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def _check_loads(path: Path, plan: Plan, shared: list[int]) -> None:
    """Check that no load is there twice in the cells of all contenders, whose numbers are in `shared`.

    A cell that names its contenders, as those of claims do, may repeat a load: such cells share their trials.
    """
    points = [(plan.cells[number], point) for number in shared for point in plan.cells[number].points]
    asked = [(_named(cell), tuple(sorted(cell.params.items())), point.load_words) for cell, point in points]
    times = Counter(asked)
    for (cell, point), asks in zip(points, asked, strict=True):
        if times[asks] > 1:
            given = ", ".join([_named(cell), *params_words(cell.params)])
            hint = " (bursts are distinguished by their highest rate)" if cell.workload == "burst" else ""
            raise UsageError(
                f"{path}: cells: {given} with {point.load_words} is there twice{hint}; keep one, and "
                "raise repeats for more trials"
            )


def _named(cell: Cell) -> str:
    """Return the workload of a cell and the keys that distinguish it, without parameters and loads."""
    more = [
        f"share = {cell.share:g}" if cell.share else "",
        f"on {cell.service_cpus} cores" if cell.service_cpus else "",
    ]
    return " ".join(filter(None, [cell.workload, cell.of, *more]))


def _check_searches(path: Path, plan: Plan) -> None:
    searches = [(cell.workload, sorted(cell.params.items()), cell.p99_ms) for cell in plan.searches]
    for search in searches:
        if searches.count(search) > 1:
            raise UsageError(
                f"{path}: cells: the knee of {search[0]} with p99_ms = {search[2]:g} is searched twice; keep one, and "
                "raise repeats for a more reliable knee"
            )


def _check_targets(path: Path, plan: Plan, allow_remote: bool, in_compose: bool) -> None:
    for item in plan.external:
        host = urlsplit(item.base_url).hostname or ""
        own = host in LOOPBACK or (in_compose and "." not in host)
        if not own and not allow_remote:
            raise UsageError(
                f"{path}: external {item.name!r}: {host} is not this machine. Load can harm other people's "
                "machines; if you may load this one, use --allow-remote"
            )
