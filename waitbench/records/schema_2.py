"""Files of schema version 2, turned into version 3.

Version 2 had no load point: each trial listed workload, parameters, scenario and load side by side, and the order of a
report's sections was read from the cells of the plan.
"""

import json
from typing import Any

Json = dict[str, Any]


def upgraded_run(raw: bytes) -> str:
    """Return run.json in version 3. Raises KeyError, TypeError, AttributeError or ValueError if it is damaged."""
    run: Json = json.loads(raw)
    run["targets"] = {name: _renamed(target, "twin_of", "same_as") for name, target in run["targets"].items()}
    run["trials"] = [_spec(spec) for spec in run["trials"]]
    run["sections"] = _sections(run["plan"]["cells"])
    return json.dumps({**run, "schema_version": 3})


def upgraded_trial(raw: bytes) -> str:
    """Return a trial file in version 3. Raises as `upgraded_run` does."""
    trial: Json = json.loads(raw)
    trial = _renamed(_renamed(trial, "beside", "neighbours"), "stolen_share", "steal_share")
    return json.dumps({**trial, "spec": _spec(trial["spec"]), "schema_version": 3})


def _renamed(found: Json, old: str, new: str) -> Json:
    return {(new if name == old else name): value for name, value in found.items()}


def _spec(old: Json) -> Json:
    slow = old.get("beside")
    conditions = {
        "workload": old["workload"],
        "params": old["params"],
        "load_model": old.get("load_model", "closed"),
        "service_cpus": old.get("cpus", 0),
        "scenario": _scenario(old.get("scenario", ""), slow or {}, old.get("profile"), old.get("objective_p99_ms")),
    }
    moved = {"workload", "params", "load_model", "cpus", "scenario", "beside", "profile", "objective_p99_ms", "load"}
    kept = {name: value for name, value in old.items() if name not in moved}
    return {**kept, "point": {"conditions": conditions, "load": old["load"]}, "neighbours": slow}


def _scenario(name: str, slow: Json, stages: list[Json] | None, objective_ms: float | None) -> Json:
    if name == "mixed":
        return {"kind": "mixed", "workload": slow["workload"], "params": slow["params"], "share": slow["share"]}
    if name == "burst":
        return {"kind": "burst", "stages": stages}
    if objective_ms is not None:
        return {"kind": "search", "objective_p99_ms": objective_ms}
    return {"kind": "plain"}


def _sections(cells: list[Json]) -> list[Json]:
    found: list[Json] = []
    for cell in cells:
        mixed = cell["workload"] == "mixed"
        name = cell["workload"] if cell["workload"] in ("mixed", "burst") else ""
        slow = {"workload": cell.get("of"), "params": cell["params"], "share": cell.get("share")}
        conditions = {
            "workload": "fast" if mixed else cell.get("of") or cell["workload"],
            "params": {} if mixed else cell["params"],
            "load_model": "closed" if cell.get("users") else "open",
            "service_cpus": cell.get("service_cpus") or 0,
            "scenario": _scenario(name, slow, cell.get("profile"), cell.get("p99_ms")),
        }
        rates = {name: cell.get(name) for name in ("from_rate", "to_rate") if cell.get("p99_ms") is not None}
        if all(section["conditions"] != conditions for section in found):
            found.append({"conditions": conditions, **rates})
    return found
