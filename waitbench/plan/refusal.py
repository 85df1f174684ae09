"""Refusals of plan files and claims files: each wrong key, and what would be right."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from waitbench.errors import UsageError
from waitbench.plan.cell import Cell, Step
from waitbench.plan.claim import Claim, ClaimCell, Claims, Rule, Side
from waitbench.plan.plan import External, Plan
from waitbench.plan.suggestion import nearest
from waitbench.plan.zone import Refuted, Supported
from waitbench.records.fault import shown

Tables = Mapping[str, Iterable[str]]
"""The keys of each table of a file, by the table's name; "" for the keys outside tables."""
PLAN_TABLES: Tables = {
    "": Plan.model_fields,
    "cells": Cell.model_fields,
    "profile": Step.model_fields,
    "external": External.model_fields,
}
CLAIM_TABLES: Tables = {
    "": Claims.model_fields,
    "claims": Claim.model_fields,
    "cells": ClaimCell.model_fields,
    "rules": Rule.model_fields,
    "of": Side.model_fields,
    "over": Side.model_fields,
    "supported": Supported.model_fields,
    "refuted": Refuted.model_fields,
}
LINES_MAX = 20
"""The highest number of lines in one refusal: with more, the first would scroll out of sight."""
_BOUNDS = {"ge": "at least", "le": "at most", "gt": "more than", "lt": "less than"}


def place(location: tuple[int | str, ...]) -> str:
    """Return a pydantic location as text, such as `cells[1].users[0]`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "plan"


def refusal(heading: str, error: ValidationError, tables: Tables) -> UsageError:
    """Return an error with a line for each wrong key: its value, and what would be right."""
    items = error.errors(include_url=False)
    lines = [f"  {place(item['loc'])}: {advice(item, tables)}" for item in items[:LINES_MAX]]
    more = [f"  and {len(items) - LINES_MAX:,} more"] if len(items) > LINES_MAX else []
    return UsageError("\n".join([heading, *lines, *more]))


def advice(item: Any, tables: Tables) -> str:
    kind, given = item["type"], item["input"]
    if kind == "extra_forbidden":
        return f"unknown key; {nearest(str(item['loc'][-1]), _keys(item['loc'][:-1], tables))}"
    if kind == "missing":
        return "this key is needed"
    if kind == "value_error":
        return str(item["ctx"]["error"])
    if kind == "model_type":
        return f"give a table with keys of {', '.join(_keys(item['loc'], tables))}, not {shown(given)}"
    limits = item.get("ctx", {})
    if "min_length" in limits:
        return "empty; give at least one" if not given else f"too few; give at least {limits['min_length']}"
    if "max_length" in limits:
        found = f"too long: {len(given):,} letters" if isinstance(given, str) else f"too many: {len(given):,}"
        return f"{found}; give at most {limits['max_length']:,}"
    if bound := next((f"{word} {limits[key]}" for key, word in _BOUNDS.items() if key in limits), None):
        return f"{shown(given)} is out of range; give {bound}"
    return f"{item['msg'].lower()}, not {shown(given)}"


def _keys(location: tuple[int | str, ...], tables: Tables) -> Iterable[str]:
    """Return the keys that the table at a location may have."""
    table = next((part for part in reversed(location) if isinstance(part, str)), "")
    return tables.get(table, tables[""])
