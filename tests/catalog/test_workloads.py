"""Each workload's request, correct response, shortest time and theoretical maximum."""

import json
from collections.abc import Iterator
from hashlib import sha256

import pytest

from waitbench.catalog.ceiling import Ceiling, ceiling
from waitbench.catalog.parameters import Params
from waitbench.catalog.proofs import FullWait, FullWork, OverlappingWaits, OverlappingWork, RealDisk
from waitbench.catalog.variants import Budget
from waitbench.catalog.workload import Workload
from waitbench.catalog.workloads import WORKLOADS, needed, params_fault

NO_LIMIT: Budget = {"workers": 1, "db_pool": 50, "upstream_connections": 1000}
"""The budget of an asyncio service, which has no limit on the requests in flight."""


@pytest.mark.parametrize(
    ("workload", "params", "body"),
    [
        ("fast", {}, '{"workload":"fast"}'),
        ("wait", {"ms": 100}, '{"workload":"wait","ms":100}'),
        ("upstream", {"ms": 5}, '{"workload":"upstream","ms":5,"calls":[{"call":0,"ms":5}]}'),
        (
            "upstream",
            {"calls": 2, "ms": 5},
            '{"workload":"upstream","ms":5,"calls":[{"call":0,"ms":5},{"call":1,"ms":5}]}',
        ),
        # serial and inline do not change the response
        ("upstream", {"ms": 5, "serial": 1}, '{"workload":"upstream","ms":5,"calls":[{"call":0,"ms":5}]}'),
        # A[i,k] is 0 1 2, 1 2 3, 2 3 4 and B[k,j] is 0 0 0, 0 1 2, 0 2 4: columns of 3, 6, 9 by rows of 0, 3, 6
        ("cpu_native", {"n": 3}, '{"workload":"cpu_native","n":3,"sum":72}'),
        ("cpu_native", {"n": 1, "inline": 1}, '{"workload":"cpu_native","n":1,"sum":0}'),
    ],
)
def test_the_correct_response_is_these_bytes(workload: str, params: dict[str, int], body: str) -> None:
    assert WORKLOADS[workload].body(params) == body


def test_the_correct_response_of_the_database_is_the_ten_items_of_shelf_7() -> None:
    body = WORKLOADS["db"].body({"ms": 50})
    assert body.startswith('{"workload":"db","ms":50,"rows":[{"id":7,"name":"item 7","price_cents":259},{"id":1007,')
    rows = json.loads(body)["rows"]
    assert [row["id"] for row in rows] == [7, 1007, 2007, 3007, 4007, 5007, 6007, 7007, 8007, 9007]
    assert rows[-1] == {"id": 9007, "name": "item 9007", "price_cents": 3259}  # 9007 x 37 = 333,259


@pytest.mark.parametrize("ksteps", [1, 2, 7, 20])
def test_the_correct_result_of_cpu_is_that_of_taking_all_steps(ksteps: int) -> None:
    x = 1
    for _ in range(ksteps * 1000):
        x = (x * 1_103_515_245 + 12_345) % 2**31
    assert json.loads(WORKLOADS["cpu"].body({"ksteps": ksteps}))["result"] == x


@pytest.mark.parametrize("n", [2, 7, 35, 40])
def test_the_correct_result_of_native_work_is_the_sum_of_all_products(n: int) -> None:
    every = range(n)
    total = sum((i + k) % 7 * (k * j % 5) for i in every for j in every for k in every)
    assert json.loads(WORKLOADS["cpu_native"].body({"n": n}))["sum"] == total


@pytest.mark.parametrize("kib", [0, 1, 200])
def test_the_correct_response_to_a_body_is_its_length_and_its_digest(kib: int) -> None:
    content = bytes(i % 251 for i in range(kib * 1024))
    response = json.loads(WORKLOADS["upload"].body({"kib": kib}))
    assert response == {"workload": "upload", "bytes": len(content), "sha256": sha256(content).hexdigest()}
    if kib:
        assert json.loads(WORKLOADS["disk"].body({"kib": kib}))["sha256"] == response["sha256"]


def test_an_upload_is_a_post_and_only_the_client_knows_its_pace() -> None:
    asked = WORKLOADS["upload"].exchange({"kib": 2, "kib_per_s": 64})
    assert (asked.method, asked.path, asked.sends, asked.receives) == ("POST", "/upload", 2048, None)
    assert asked.bytes_per_s == 65_536
    assert asked.body == WORKLOADS["upload"].body({"kib": 2})


def test_a_download_requests_a_number_of_bytes_and_receives_them() -> None:
    asked = WORKLOADS["download"].exchange({"kib": 2, "kib_per_s": 64})
    assert (asked.method, asked.path, asked.sends, asked.receives) == ("GET", "/download?kib=2", 0, 2048)
    assert (asked.body, asked.bytes_per_s) == (None, 65_536)


@pytest.mark.parametrize(
    ("workload", "params", "wait_s"),
    [
        ("wait", {"ms": 100}, 0.1),
        ("upstream", {"ms": 100, "calls": 3}, 0.1),
        ("upstream", {"ms": 100, "calls": 3, "serial": 1}, 0.3),
        ("upload", {"kib": 128, "kib_per_s": 64}, 2.0),
        ("download", {"kib": 128, "kib_per_s": 64}, 2.0),
        ("download", {"kib": 128}, 0.0),
        ("disk", {"kib": 128}, 0.0),
        ("cpu", {"ksteps": 10}, 0.0),
    ],
)
def test_the_shortest_time_follows_from_the_waits_or_the_pace(
    workload: str, params: dict[str, int], wait_s: float
) -> None:
    assert WORKLOADS[workload].wait_s(params) == pytest.approx(wait_s)


@pytest.mark.parametrize(
    ("workload", "params", "path"),
    [
        ("fast", {}, "/fast"),
        ("wait", {"ms": 100}, "/wait?ms=100"),
        ("upstream", {"ms": 100, "calls": 3}, "/upstream?ms=100&calls=3"),
        ("upstream", {"ms": 100}, "/upstream?ms=100"),
        ("db", {"ms": 0}, "/db?ms=0"),
        ("upload", {"kib": 2}, "/upload"),
        ("cpu", {"ksteps": 5, "inline": 1}, "/cpu?ksteps=5&inline=1"),
    ],
)
def test_a_request_has_this_path(workload: str, params: dict[str, int], path: str) -> None:
    assert WORKLOADS[workload].path(params) == path


@pytest.mark.parametrize(
    ("workload", "params", "budget", "users", "right"),
    [
        # 10 users / 0.1 s
        ("wait", {"ms": 100}, NO_LIMIT, 10, Ceiling(100, "users")),
        # 500 users / 0.1 s would be 5,000, but 2 processes x 16 threads / 0.1 s are fewer
        ("wait", {"ms": 100}, {"workers": 2, "in_flight": 16}, 500, Ceiling(320, "in_flight")),
        # 32 threads are more than 10 users
        ("wait", {"ms": 100}, {"workers": 2, "in_flight": 16}, 10, Ceiling(100, "users")),
        # 100 users / 0.05 s would be 2,000, but 50 connections / 0.05 s are fewer
        ("db", {"ms": 50}, NO_LIMIT, 100, Ceiling(1000, "db_pool")),
        # each of 3 processes has a pool: 150 connections are more than 100 users
        ("db", {"ms": 50}, {"workers": 3, "db_pool": 50}, 100, Ceiling(2000, "users")),
        # a pool does not limit a workload that does not use it
        ("wait", {"ms": 50}, {"workers": 1, "db_pool": 5}, 100, Ceiling(2000, "users")),
        # 1,000 connections, 5 per request, so 200 requests / 0.1 s
        ("upstream", {"ms": 100, "calls": 5}, NO_LIMIT, 900, Ceiling(2000, "upstream_connections")),
        # the same for the threads of the remote calls: 30 / 3 / 0.1 s
        (
            "upstream",
            {"ms": 100, "calls": 3},
            {"workers": 1, "upstream_connections": 1000, "upstream_threads": 30},
            900,
            Ceiling(100, "upstream_threads"),
        ),
        # one after the other: each request has one connection for 0.3 s, so 1,000 / 0.3 s, and 600 users are fewer
        ("upstream", {"ms": 100, "calls": 3, "serial": 1}, NO_LIMIT, 600, Ceiling(2000, "users")),
        # 128 KiB at 64 KiB/s take 2 s: 40 threads / 2 s
        ("upload", {"kib": 128, "kib_per_s": 64}, {"workers": 1, "in_flight": 40}, 100, Ceiling(20, "in_flight")),
        # the default of calls is 1: 1,000 / 0.1 s, and 900 users / 0.1 s are fewer
        ("upstream", {"ms": 100}, NO_LIMIT, 900, Ceiling(9000, "users")),
    ],
)
def test_a_ceiling_is_the_scarcest_resource_over_the_wait(
    workload: str, params: dict[str, int], budget: Budget, users: int, right: Ceiling
) -> None:
    found = ceiling(WORKLOADS[workload], params, budget, users, None)
    assert found is not None
    assert found.rps == pytest.approx(right.rps)
    assert found.limit == right.limit


def test_the_offered_rate_is_a_ceiling_too() -> None:
    assert ceiling(WORKLOADS["wait"], {"ms": 100}, NO_LIMIT, None, 200.0) == Ceiling(200, "rate")
    assert ceiling(WORKLOADS["db"], {"ms": 50}, NO_LIMIT, None, 5000.0) == Ceiling(1000, "db_pool")


@pytest.mark.parametrize(("workload", "params"), [("fast", {}), ("wait", {"ms": 0})])
def test_a_workload_without_a_wait_has_no_ceiling(workload: str, params: dict[str, int]) -> None:
    assert ceiling(WORKLOADS[workload], params, {"workers": 1, "in_flight": 10}, 100, None) is None


def test_a_service_with_an_unknown_budget_is_limited_only_by_the_users() -> None:
    assert ceiling(WORKLOADS["db"], {"ms": 50}, {}, 100, None) == Ceiling(2000, "users")


def _requests_of_proofs(workload: Workload) -> Iterator[Params]:
    """The parameters of every request that the workload's proofs make."""
    for proof in (*workload.proofs, workload.overlap):
        match proof:
            case FullWait(calls):
                yield from calls
            case FullWork(efforts):
                yield from (params for effort in efforts for params in (effort.lesser, effort.greater))
            case OverlappingWaits(ways, _, inside):
                yield from (*ways, *([inside] if inside else []))
            case RealDisk(params) | OverlappingWork(params):
                yield params


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_requests_of_a_proof_are_within_the_bounds(name: str) -> None:
    assert {params_fault(name, params) for params in _requests_of_proofs(WORKLOADS[name])} <= {""}


@pytest.mark.parametrize("name", [name for name, workload in WORKLOADS.items() if "ms" in workload.parameters])
def test_every_workload_that_waits_proves_that_no_wait_is_cut_short_and_that_waits_overlap(name: str) -> None:
    workload = WORKLOADS[name]
    waits = [
        workload.wait_s(params) for proof in workload.proofs if isinstance(proof, FullWait) for params in proof.calls
    ]
    assert max(waits) > 0.03
    assert isinstance(workload.overlap, OverlappingWaits)


def test_only_the_database_and_the_remote_api_are_started_for_some_workloads() -> None:
    assert needed(["fast", "wait", "disk", "upload", "download", "cpu", "cpu_native"]) == set()
    assert (needed(["db"]), needed(["upstream"])) == ({"database"}, {"remote API"})


def test_a_disk_workload_says_how_many_bytes_it_needs_from_a_disk() -> None:
    assert WORKLOADS["disk"].disk_bytes({"kib": 3}) == 3072
    assert WORKLOADS["upload"].disk_bytes({"kib": 3}) == 0
