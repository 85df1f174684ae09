"""`waitbench list`: show what can be measured."""

import json
from typing import Any

import click

from waitbench.catalog.variants import load_variants
from waitbench.plan.bundled import find_plan, plan_names
from waitbench.records.text import for_terminal


@click.command("list")
@click.argument("what", type=click.Choice(["variants", "workloads", "plans"]))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(what: str, as_json: bool) -> None:
    """List what can be measured: variants, workloads or plans."""
    rows = _LISTINGS[what]()
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        click.echo(for_terminal(f"{row['name']:<18} {row['title']}{_mark(row)}"))


def _mark(row: dict[str, Any]) -> str:
    """Return a note on a variant that is not a contender; "" for a contender."""
    if row.get("kind", "contender") == "contender":
        return ""
    from waitbench.catalog.workloads import WORKLOADS

    what = f"a trap: {row['trap']}" if row["trap"] else _KINDS[row["kind"]]
    few = f"; serves {', '.join(row['workloads'])}" if len(row["workloads"]) < len(WORKLOADS) else ""
    return f" ({what}{few})"


_KINDS = {
    "reference": "a reference, not Python",
    "instrument": "an instrument, not a contender",
}


def _variants() -> list[dict[str, Any]]:
    from waitbench.catalog.workloads import WORKLOADS

    return [
        {
            "name": v.name,
            "title": v.title,
            "framework": v.framework,
            "model": v.model,
            "server": v.server,
            "budget": v.budget,
            "kind": v.kind,
            "trap": v.trap,
            "profile": v.profile,
            "workloads": [name for name in WORKLOADS if v.serves(name)],
        }
        for v in load_variants().values()
    ]


def _workloads() -> list[dict[str, Any]]:
    from waitbench.catalog.scenarios import SCENARIOS
    from waitbench.catalog.workloads import WORKLOADS

    return [
        {
            "name": w.name,
            "title": w.title,
            "shows": w.shows,
            "params": {n: [p.low, p.high] for n, p in w.parameters.items()},
        }
        for w in WORKLOADS.values()
    ] + [{"name": s.name, "title": s.title, "shows": s.shows, "params": {}} for s in SCENARIOS.values()]


def _plans() -> list[dict[str, Any]]:
    from waitbench.plan.plan_file import load_plan

    loaded = [(name, load_plan(find_plan(name), load_variants())) for name in plan_names()]
    return [{"name": name, **plan.model_dump(mode="json")} for name, plan in loaded]


_LISTINGS = {"variants": _variants, "workloads": _workloads, "plans": _plans}
