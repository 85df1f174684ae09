"""Live services that are wrong on purpose: `waitbench check` must find each mistake, and nothing else."""

import json
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from waitbench.catalog.variants import load_variants
from waitbench.catalog.workloads import WORKLOADS
from waitbench.check.contract import check_contract
from waitbench.check.finding import Finding
from waitbench.check.overlap_waits import POOL_MS
from waitbench.check.service import check_service
from waitbench.launch.client import Service
from waitbench.launch.local import LocalStack
from waitbench.paths import ROOT, VARIANTS

pytestmark = pytest.mark.live


@dataclass(frozen=True)
class Wrong:
    """A variant with one mistake: another application, another server, or another budget than declared."""

    variant: str
    touches: tuple[str, ...]
    """The workloads whose code has the mistake. The check runs on these, and on `fast`, which never has it."""
    app: str | None = None
    server: str | None = None
    budget: dict[str, int] = field(default_factory=dict)


WAIT, WORK, BODIES = ("wait",), ("cpu", "cpu_native"), ("upload", "download")
ONE_BY_ONE = ("wait", "disk", "cpu")
EVERY = ("fast", "wait", "upstream", "db", "disk", "upload", "download", "cpu", "cpu_native")
MS = 400
MANY = {"in_flight": 100, "connections": 200}
FEW = {"in_flight": 100, "upstream_connections": 100}
WRONG = {
    "short-wait": Wrong("flask-threads", WAIT, "tests.wrong.short_wait:application"),
    "other-body": Wrong("django-gevent", WAIT, "tests.wrong.other_body:application"),
    "lenient-input": Wrong("fastapi-asyncio", (), "tests.wrong.lenient_input:application"),
    "unpatched-sleep": Wrong("django-gevent", WAIT, "tests.wrong.unpatched_sleep:application"),
    "unpatched-socket": Wrong("django-gevent", ("upstream",), "tests.wrong.unpatched_socket:application"),
    "blocked-loop": Wrong("fastapi-asyncio", WAIT, "tests.wrong.blocked_loop:application"),
    "calls-in-a-row": Wrong("fastapi-asyncio", ("upstream",), "tests.wrong.calls_in_a_row:application"),
    "inline-work": Wrong("fastapi-asyncio", ("disk", *WORK), "tests.wrong.inline_work:application"),
    "inline-greenlet": Wrong("django-gevent", ("disk", *WORK), "tests.wrong.inline_greenlet:application"),
    "no-sync": Wrong("flask-threads", ("disk",), "tests.wrong.no_sync:application"),
    "no-sync-reads-besides": Wrong("flask-threads", ("disk",), "tests.wrong.no_sync_and_reads_besides:application"),
    "whole-bodies": Wrong("flask-threads", BODIES, "tests.wrong.whole_bodies:application"),
    "closed-form": Wrong("django-gevent", WORK, "tests.wrong.closed_form:application"),
    "never-ending": Wrong("flask-threads", ("cpu",), "tests.wrong.never_ending:application"),
    "kept-results": Wrong("fastapi-asyncio", WORK, "tests.wrong.kept_results:application"),
    "small-pool": Wrong("flask-threads", ("db",), "tests.wrong.small_pool:application"),
    # Still enough for the calls that must overlap, so only reading back the budget finds it.
    "small-budget": Wrong("flask-threads", ("upstream",), budget=FEW),
    "not-one-at-a-time": Wrong("flask-sync", ONE_BY_ONE, server="gthread", budget=MANY),
    # The traps of variants.toml.
    "fastapi-blocking": Wrong("fastapi-blocking", EVERY),
    "gevent-unpatched": Wrong("gevent-unpatched", EVERY),
}


def _listing() -> dict[str, Any]:
    listing = tomllib.loads(VARIANTS.read_text())
    right = listing["variants"]
    listing["variants"] = {
        name: {
            **right[wrong.variant],
            "app": wrong.app or right[wrong.variant]["app"],
            "server": wrong.server or right[wrong.variant]["server"],
            "budget": {**right[wrong.variant]["budget"], **wrong.budget},
        }
        for name, wrong in WRONG.items()
    }
    return listing


def _toml(table: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the lines of nested tables of numbers and text, which JSON and TOML write the same way."""
    if path:
        yield f"[{'.'.join(path)}]"
    yield from (f"{key} = {json.dumps(value)}" for key, value in table.items() if not isinstance(value, dict))
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _toml(value, (*path, key))


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A variants.toml with all wrong variants."""
    file = tmp_path_factory.mktemp("wrong") / "variants.toml"
    file.write_text("\n".join(_toml(_listing())))
    return file


@pytest.fixture(scope="module")
def own_stack(listing: Path) -> Iterator[LocalStack]:
    with LocalStack(variants_file=listing, environment={"PYTHONPATH": str(ROOT)}) as stack:
        yield stack


@contextmanager
def running(stack: LocalStack, name: str) -> Iterator[Service]:
    """Run one service at a time, since together they need more database connections than there are."""
    stack.start([name])
    try:
        with Service(stack.base_urls[name]) as service:
            yield service
    finally:
        stack.processes[name].end(grace_s=0)


def found_wrong(stack: LocalStack, name: str) -> list[Finding]:
    """Return the bad findings of a check on the workloads that the mistake touches."""
    wrong = WRONG[name]
    with running(stack, name) as service:
        findings = check_service(service, load_variants()[wrong.variant], {"fast", *wrong.touches})
    return [finding for finding in findings if not finding.good]


def groups(found: list[Finding]) -> set[tuple[str, str]]:
    return {(finding.group, finding.what) for finding in found}


ONE_BY_ONE_SAYS = (
    r"8 concurrent calls took as long as ([89]|\d\d)\.\d calls one after the other; the service had 1 in flight"
)
SLOW_WAITS = f"20 slow calls of /wait?ms={MS} overlap"
SLOW_REMOTE = tuple(
    f"20 slow calls of {path} overlap" for path in (f"/upstream?ms={MS}", f"/upstream?ms={MS // 2}&calls=2&serial=1")
)
GATHERED = "the 3 remote calls of one /upstream?ms=200&calls=3 are concurrent"
SLOW_QUERIES = f"50 slow calls of /db?ms={POOL_MS} overlap"


@pytest.mark.fault("numbers", "a service cuts its wait short", "`waitbench check` fails: the response came too early")
def test_a_wait_that_is_cut_short_is_found_by_its_timing(own_stack: LocalStack) -> None:
    found = found_wrong(own_stack, "short-wait")
    assert {finding.group for finding in found} == {"timing"}
    assert {finding.what for finding in found} == {f"GET /wait?ms={ms} takes at least {ms} ms" for ms in (40, 160)}
    assert all("cut short" in finding.detail for finding in found)


@pytest.mark.fault(
    "numbers", "a service sends another body than the contract says", "`waitbench check` fails with both bodies"
)
def test_another_body_is_found_by_the_contract(own_stack: LocalStack) -> None:
    found = found_wrong(own_stack, "other-body")
    assert groups(found) == {("contract", f"GET /wait?ms={ms}") for ms in (100, 0)}
    assert all(f'"ms":"{ms}"' in finding.detail for finding, ms in zip(found, (100, 0), strict=True))


@pytest.mark.fault(
    "numbers",
    "a service accepts bad input",
    "`waitbench check` fails for each of 72 requests that it should refuse",
)
def test_accepted_bad_input_is_found_by_the_contract(own_stack: LocalStack) -> None:
    with running(own_stack, "lenient-input") as service:
        every = check_contract(service, load_variants()["fastapi-asyncio"], [WORKLOADS[name] for name in EVERY])
        found = [finding for finding in every if not finding.good]
    right = set()
    for path, others, name, value in (
        ("wait", "", "ms", "100"),
        ("upstream", "calls=3&", "ms", "100"),
        ("upstream", "ms=100&", "calls", "3"),
        ("db", "", "ms", "50"),
        ("disk", "", "kib", "200"),
        ("download", "", "kib", "200"),
        ("cpu", "", "ksteps", "20"),
        ("cpu_native", "", "n", "100"),
        ("upstream", "ms=100&calls=3&", "serial", "0"),
        ("disk", "kib=200&", "inline", "0"),
        ("cpu", "ksteps=20&", "inline", "0"),
        ("cpu_native", "n=100&", "inline", "0"),
    ):
        arabic = "".join(f"%D9%A{digit}" for digit in value)
        bad = (f"+{value}", f"%2B{value}", f"%20{value}", arabic, f"0_{value}", f"{value}&{name}={value}")
        right |= {("contract", f"GET /{path}?{others}{name}={each} is refused with 400") for each in bad}
    assert groups(found) == right


@pytest.mark.fault(
    "numbers",
    "a service makes the remote calls of one request one after the other",
    "`waitbench check` fails: they took as long as three of them",
)
def test_successive_remote_calls_are_found_by_the_duration_of_one_request(own_stack: LocalStack) -> None:
    (found,) = found_wrong(own_stack, "calls-in-a-row")
    assert (found.group, found.what) == ("overlap", GATHERED)
    assert re.match(
        r"the 3 remote calls of one request took as long as [3-9]\.\d calls one after the other", found.detail
    )


@pytest.mark.fault(
    "numbers",
    "gevent does not patch a sleep, so waits do not overlap",
    "`waitbench check` fails: the service held one request at once",
)
def test_a_sleep_that_gevent_does_not_patch_is_found_by_the_services_own_count(own_stack: LocalStack) -> None:
    (found,) = found_wrong(own_stack, "unpatched-sleep")
    assert (found.group, found.what) == ("overlap", SLOW_WAITS)
    assert "the service had 1 in flight" in found.detail


@pytest.mark.fault(
    "numbers",
    "gevent does not patch a socket, so remote calls do not overlap",
    "`waitbench check` fails: calls take as long as one after the other",
)
def test_a_socket_that_gevent_does_not_patch_is_found_by_the_duration_of_the_calls(own_stack: LocalStack) -> None:
    # The count alone would not show it: each request has begun before the first call stops the worker.
    found = found_wrong(own_stack, "unpatched-socket")
    assert groups(found) == {("overlap", calls) for calls in (*SLOW_REMOTE, GATHERED)}
    assert all("one after the other" in finding.detail for finding in found)


@pytest.mark.fault("numbers", "a handler blocks the event loop", "`waitbench check` fails: waits do not overlap")
def test_a_blocked_event_loop_is_found_by_overlap(own_stack: LocalStack) -> None:
    (found,) = found_wrong(own_stack, "blocked-loop")
    assert (found.group, found.what) == ("overlap", SLOW_WAITS)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            "inline-work",
            marks=pytest.mark.fault(
                "numbers",
                "asyncio work is done on the event loop",
                "`waitbench check` fails: work stops other requests",
            ),
        ),
        pytest.param(
            "inline-greenlet",
            marks=pytest.mark.fault(
                "numbers",
                "gevent work is done in greenlets, not in threads",
                "`waitbench check` fails: work stops other requests",
            ),
        ),
    ],
)
def test_work_done_where_requests_are_handled_is_found_by_overlap(own_stack: LocalStack, name: str) -> None:
    found = found_wrong(own_stack, name)
    works = "calls take 4 times the CPU time of one, and block no other request"
    assert groups(found) == {
        ("overlap", "20 slow disk calls are in flight at the same time"),
        ("overlap", f"4 concurrent cpu {works}"),
        ("overlap", f"4 concurrent cpu_native {works}"),
    }
    assert [finding.detail for finding in found if "the service had only 1 of" not in finding.detail] == []


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            "no-sync",
            marks=pytest.mark.fault(
                "numbers",
                "a service does not sync its file, so the disk is not measured",
                "`waitbench check` fails: the disk did not give the bytes",
            ),
        ),
        pytest.param(
            "no-sync-reads-besides",
            marks=pytest.mark.fault(
                "numbers",
                "a service does not sync its file, and reads another one to hide it",
                "`waitbench check` fails: the disk did not take the bytes",
            ),
        ),
    ],
)
def test_a_file_that_is_not_synced_is_found_by_the_bytes_of_the_disk(own_stack: LocalStack, name: str) -> None:
    (found,) = found_wrong(own_stack, name)
    assert (found.group, found.workload) == ("timing", "disk")
    assert "not synced" in found.detail


@pytest.mark.fault(
    "numbers",
    "a service holds whole bodies in memory",
    "`waitbench check` fails: slow uploads and downloads take more than 64 MiB",
)
def test_bodies_held_whole_are_found_by_their_memory(own_stack: LocalStack) -> None:
    found = found_wrong(own_stack, "whole-bodies")
    assert groups(found) == {
        ("budget", f"20 slow {name} calls take no more than 64 MiB") for name in ("upload", "download")
    }
    assert all("holds whole bodies" in finding.detail for finding in found)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            "closed-form",
            marks=pytest.mark.fault(
                "numbers",
                "a service computes a result by a formula, without the work",
                "`waitbench check` fails: too little CPU time",
            ),
        ),
        pytest.param(
            "kept-results",
            marks=pytest.mark.fault(
                "numbers",
                "a service keeps results, and does the work once",
                "`waitbench check` fails: too little CPU time",
            ),
        ),
    ],
)
def test_correct_results_without_the_work_are_found_by_their_cpu_time(own_stack: LocalStack, name: str) -> None:
    found = found_wrong(own_stack, name)
    assert [(finding.group, finding.workload) for finding in found] == [("timing", "cpu"), ("timing", "cpu_native")]
    assert all("the work was cut short, or its result was cached" in finding.detail for finding in found)
    if name == "kept-results":  # the very first call did the work, and its time is shown
        for finding in found:
            at_best, at_first = map(float, re.findall(r"(?:^|at first )([\d.]+) ms", finding.detail))
            assert at_first > 3 * at_best, finding.detail


@pytest.mark.fault(
    "hangs",
    "`waitbench check` meets a service that leaves work unanswered",
    "it is reported as wrong after half a minute",
)
def test_work_that_never_ends_next_to_other_work_is_found_and_not_waited_for(
    own_stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waitbench.check.overlap_work.PATIENCE_S", 5.0)
    (found,) = found_wrong(own_stack, "never-ending")
    assert found.group == "overlap"
    assert found.detail.endswith(
        "/cpu?ksteps=4000 gave no complete response: only 1 of 4 concurrent calls got a response within 5 s"
    )


@pytest.mark.fault(
    "numbers",
    "a database pool is smaller than the service says",
    "`waitbench check` fails: queries take a second round",
)
def test_a_pool_that_reports_more_than_it_has_is_found_by_a_second_round(own_stack: LocalStack) -> None:
    (found,) = found_wrong(own_stack, "small-pool")
    assert (found.group, found.what) == ("overlap", SLOW_QUERIES)
    assert "one after the other" in found.detail


@pytest.mark.fault(
    "numbers",
    "a service that is declared to take one request at a time takes many",
    "`waitbench check` fails: calls overlap",
)
def test_calls_that_overlap_although_the_budget_allows_one_are_found(own_stack: LocalStack) -> None:
    found = found_wrong(own_stack, "not-one-at-a-time")
    overlap = {finding.what: finding.detail for finding in found if finding.group == "overlap"}
    assert set(overlap) == {
        f"3 slow calls of /wait?ms={MS} run 1 at a time",
        "20 slow disk calls are in flight at the same time",
        "4 concurrent cpu calls take 4 times the CPU time of one, and run 1 at a time",
    }
    assert "with 1 at a time they take as long as 3" in overlap[f"3 slow calls of /wait?ms={MS} run 1 at a time"]
    assert {finding.what for finding in found if finding.group == "budget"} == {
        *("in_flight is 1", "connections is None"),
        "the worker handles one request at a time",
    }


@pytest.mark.fault(
    "numbers", "a service blocks in async def", "`waitbench check` fails in every overlap, and in nothing else"
)
def test_the_trap_of_blocking_in_async_def_is_found_only_by_overlap(own_stack: LocalStack) -> None:
    found = found_wrong(own_stack, "fastapi-blocking")
    works = "calls take 4 times the CPU time of one, and block no other request"
    disk = "20 slow disk calls are in flight at the same time"
    # Its own threads make the calls of one request, so these are concurrent.
    slow = (
        SLOW_WAITS,
        *SLOW_REMOTE,
        SLOW_QUERIES,
        disk,
        f"4 concurrent cpu {works}",
        f"4 concurrent cpu_native {works}",
    )
    assert groups(found) == {("overlap", each) for each in slow}
    (waits,) = (finding.detail for finding in found if finding.what == SLOW_WAITS)
    assert re.match(ONE_BY_ONE_SAYS, waits)
    assert all(f"(a trap: {load_variants()['fastapi-blocking'].trap})" in finding.detail for finding in found)


@pytest.mark.fault("numbers", "gevent patches nothing", "`waitbench check` fails: nothing overlaps, and gevent says so")
def test_the_trap_of_an_unpatched_gevent_is_found_by_overlap_and_by_gevents_own_report(own_stack: LocalStack) -> None:
    """Its work is not done in greenlets, and gunicorn serves slow clients, so neither of these is stopped."""
    found = found_wrong(own_stack, "gevent-unpatched")
    assert groups(found) == {
        *(("overlap", each) for each in (SLOW_WAITS, *SLOW_REMOTE, GATHERED, SLOW_QUERIES)),
        ("budget", "gevent has patched the standard library"),
    }
    waits, patched = found[0].detail, found[-1].detail
    assert re.match(ONE_BY_ONE_SAYS, waits)
    assert patched.startswith("not patched: ['select', 'socket', 'threading', 'time'] (a trap: ")


@pytest.mark.fault(
    "numbers", "a service runs with a smaller budget than declared", "`waitbench check` fails with both figures"
)
def test_a_smaller_budget_than_declared_is_found_by_reading_it_back(own_stack: LocalStack) -> None:
    found = found_wrong(own_stack, "small-budget")
    assert {finding.group for finding in found} == {"budget"}
    assert {(finding.what, finding.detail) for finding in found} == {
        (f"{name} is 1000", "the running service has 100") for name in ("in_flight", "upstream_connections")
    }
