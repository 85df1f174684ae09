"""Services made wrong on purpose, started for real: `waitbench check` must see each, and complain of nothing else."""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from waitbench.check import OVERLAP_CALLS, Finding, check_service
from waitbench.launch.local import LocalStack
from waitbench.paths import ROOT, VARIANTS
from waitbench.service import Service
from waitbench.variants import load_variants

pytestmark = pytest.mark.live


@dataclass(frozen=True)
class Wrong:
    """A variant with one thing wrong: another application, or another budget than the declared one."""

    variant: str
    app: str | None = None
    budget: dict[str, int] = field(default_factory=dict)


WRONG = {
    "short-wait": Wrong("flask-threads", "tests.wrong.short_wait:application"),
    "other-body": Wrong("django-gevent", "tests.wrong.other_body:application"),
    "lenient-input": Wrong("fastapi-asyncio", "tests.wrong.lenient_input:application"),
    "unpatched-sleep": Wrong("django-gevent", "tests.wrong.unpatched_sleep:application"),
    "unpatched-socket": Wrong("django-gevent", "tests.wrong.unpatched_socket:application"),
    "blocked-loop": Wrong("fastapi-asyncio", "tests.wrong.blocked_loop:application"),
    # Still enough for the calls that have to overlap, so that only the reading back can tell.
    "small-budget": Wrong("flask-threads", budget={"in_flight": 3 * OVERLAP_CALLS, "db_pool": OVERLAP_CALLS}),
}


def _listing() -> dict[str, Any]:
    listing = tomllib.loads(VARIANTS.read_text())
    right = listing["variants"]
    listing["variants"] = {
        name: {
            **right[wrong.variant],
            "app": wrong.app or right[wrong.variant]["app"],
            "budget": {**right[wrong.variant]["budget"], **wrong.budget},
        }
        for name, wrong in WRONG.items()
    }
    return listing


def _toml(table: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Tables of tables of numbers and text: JSON writes both as TOML does."""
    if path:
        yield f"[{'.'.join(path)}]"
    yield from (f"{key} = {json.dumps(value)}" for key, value in table.items() if not isinstance(value, dict))
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _toml(value, (*path, key))


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Finding]]]:
    """What the check has against each, by name. All share one PostgreSQL and one remote API, started once."""
    file = tmp_path_factory.mktemp("wrong") / "variants.toml"
    file.write_text("\n".join(_toml(_listing())))
    with LocalStack(variants_file=file, environment={"PYTHONPATH": str(ROOT)}) as stack:
        stack.start(WRONG)
        yield {name: _bad(stack.base_urls[name], wrong.variant) for name, wrong in WRONG.items()}


def _bad(base_url: str, declared: str) -> list[Finding]:
    with Service(base_url) as service:
        return [found for found in check_service(service, load_variants()[declared]) if not found.good]


def test_a_wait_cut_short_is_found_by_its_timing(findings: dict[str, list[Finding]]) -> None:
    found = findings["short-wait"]
    assert {finding.group for finding in found} == {"timing"}
    assert {finding.what for finding in found} == {f"GET /wait?ms={ms} takes its {ms} ms" for ms in (40, 160)}
    assert all("cut short" in finding.detail for finding in found)


def test_a_body_that_differs_is_found_by_the_contract(findings: dict[str, list[Finding]]) -> None:
    (found,) = findings["other-body"]
    assert (found.group, found.what) == ("contract", "GET /wait?ms=100")
    assert '"ms":"100"' in found.detail


def test_bad_input_that_is_taken_is_found_by_the_contract(findings: dict[str, list[Finding]]) -> None:
    found = findings["lenient-input"]
    assert {finding.group for finding in found} == {"contract"}
    paths = ("/wait", "/upstream", "/db")
    bad = ("ms=+5", "ms=5&ms=5", "ms=%205", "ms=%D9%A5", "ms=1_0")
    right = {f"GET {path}?{query} is refused with 400" for path in paths for query in bad}
    assert {finding.what for finding in found} == right


def test_a_sleep_that_gevent_does_not_patch_is_found_by_the_services_own_count(
    findings: dict[str, list[Finding]],
) -> None:
    (found,) = findings["unpatched-sleep"]
    assert (found.group, found.what) == ("overlap", f"{OVERLAP_CALLS} slow wait calls overlap")
    assert "the service held 1 at once" in found.detail


def test_a_socket_that_gevent_does_not_patch_is_found_by_how_long_the_calls_take(
    findings: dict[str, list[Finding]],
) -> None:
    # The count alone would not tell: each request has begun before the first call stops the worker.
    (found,) = findings["unpatched-socket"]
    assert (found.group, found.what) == ("overlap", f"{OVERLAP_CALLS} slow upstream calls overlap")
    assert "one after the other" in found.detail


def test_a_blocked_event_loop_is_found_by_overlap(findings: dict[str, list[Finding]]) -> None:
    (found,) = findings["blocked-loop"]
    assert (found.group, found.what) == ("overlap", f"{OVERLAP_CALLS} slow wait calls overlap")


def test_a_smaller_budget_than_declared_is_found_by_reading_it_back(findings: dict[str, list[Finding]]) -> None:
    found = findings["small-budget"]
    assert {finding.group for finding in found} == {"budget"}
    assert {(finding.what, finding.detail) for finding in found} == {
        ("in_flight is 1000", f"the running service has {3 * OVERLAP_CALLS}"),
        ("db_pool is 50", f"the running service has {OVERLAP_CALLS}"),
    }
