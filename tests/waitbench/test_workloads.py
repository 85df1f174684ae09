"""What each workload asks, what the right answer is, and what arithmetic allows."""

import json

import pytest

from waitbench.variants import Budget
from waitbench.workloads import WORKLOADS, Ceiling, ceiling

NO_LIMIT: Budget = {"workers": 1, "db_pool": 50, "upstream_connections": 1000}
"""As of an asyncio service: nothing bounds the requests in flight."""


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
    ],
)
def test_the_right_answer_is_these_bytes(workload: str, params: dict[str, int], body: str) -> None:
    assert WORKLOADS[workload].body(params) == body


def test_the_right_answer_of_the_database_is_the_ten_items_of_shelf_7() -> None:
    body = WORKLOADS["db"].body({"ms": 50})
    assert body.startswith('{"workload":"db","ms":50,"rows":[{"id":7,"name":"item 7","price_cents":259},{"id":1007,')
    rows = json.loads(body)["rows"]
    assert [row["id"] for row in rows] == [7, 1007, 2007, 3007, 4007, 5007, 6007, 7007, 8007, 9007]
    assert rows[-1] == {"id": 9007, "name": "item 9007", "price_cents": 3259}  # 9007 x 37 = 333,259


@pytest.mark.parametrize(
    ("workload", "params", "path"),
    [
        ("fast", {}, "/fast"),
        ("wait", {"ms": 100}, "/wait?ms=100"),
        ("upstream", {"ms": 100, "calls": 3}, "/upstream?ms=100&calls=3"),
        ("upstream", {"ms": 100}, "/upstream?ms=100"),
        ("db", {"ms": 0}, "/db?ms=0"),
    ],
)
def test_a_request_is_this_path(workload: str, params: dict[str, int], path: str) -> None:
    assert WORKLOADS[workload].path(params) == path


@pytest.mark.parametrize(
    ("workload", "params", "budget", "users", "right"),
    [
        # 10 users / 0.1 s
        ("wait", {"ms": 100}, NO_LIMIT, 10, Ceiling(100, "users")),
        # 500 users / 0.1 s would be 5,000; 2 processes x 16 threads / 0.1 s
        ("wait", {"ms": 100}, {"workers": 2, "in_flight": 16}, 500, Ceiling(320, "in_flight")),
        # 32 threads are more than 10 users
        ("wait", {"ms": 100}, {"workers": 2, "in_flight": 16}, 10, Ceiling(100, "users")),
        # 100 users / 0.05 s would be 2,000; 50 connections / 0.05 s
        ("db", {"ms": 50}, NO_LIMIT, 100, Ceiling(1000, "db_pool")),
        # each of 3 processes has a pool: 150 connections are more than 100 users
        ("db", {"ms": 50}, {"workers": 3, "db_pool": 50}, 100, Ceiling(2000, "users")),
        # a pool does not bound a wait without it
        ("wait", {"ms": 50}, {"workers": 1, "db_pool": 5}, 100, Ceiling(2000, "users")),
        # 1,000 connections, 5 for each request, so 200 requests / 0.1 s
        ("upstream", {"ms": 100, "calls": 5}, NO_LIMIT, 900, Ceiling(2000, "upstream_connections")),
        # the same for the threads that call: 30 / 3 / 0.1 s
        (
            "upstream",
            {"ms": 100, "calls": 3},
            {"workers": 1, "upstream_connections": 1000, "upstream_threads": 30},
            900,
            Ceiling(100, "upstream_threads"),
        ),
        # calls is 1 where not said: 1,000 / 0.1 s, and 900 users / 0.1 s are fewer
        ("upstream", {"ms": 100}, NO_LIMIT, 900, Ceiling(9000, "users")),
    ],
)
def test_a_ceiling_is_the_scarcest_over_the_wait(
    workload: str, params: dict[str, int], budget: Budget, users: int, right: Ceiling
) -> None:
    found = ceiling(WORKLOADS[workload], params, budget, users, None)
    assert found is not None
    assert found.rps == pytest.approx(right.rps)
    assert found.limit == right.limit


def test_a_rate_offered_is_a_ceiling_too() -> None:
    assert ceiling(WORKLOADS["wait"], {"ms": 100}, NO_LIMIT, None, 200.0) == Ceiling(200, "rate")
    assert ceiling(WORKLOADS["db"], {"ms": 50}, NO_LIMIT, None, 5000.0) == Ceiling(1000, "db_pool")


@pytest.mark.parametrize(("workload", "params"), [("fast", {}), ("wait", {"ms": 0})])
def test_what_does_not_wait_has_no_ceiling(workload: str, params: dict[str, int]) -> None:
    assert ceiling(WORKLOADS[workload], params, {"workers": 1, "in_flight": 10}, 100, None) is None


def test_a_service_whose_budget_is_not_known_is_bounded_by_the_users_alone() -> None:
    assert ceiling(WORKLOADS["db"], {"ms": 50}, {}, 100, None) == Ceiling(2000, "users")
