"""The list of variants: contenders, references, traps and instruments."""

import pytest

from waitbench.catalog.variants import labelled, load_variants, together
from waitbench.catalog.workloads import WORKLOADS

VARIANTS = load_variants()

SYNC = ("flask-sync", "django-sync")
GEVENT = ("django-gevent", "flask-gevent", "gevent-unpatched")
BARE_ASGI = ("bare-uvicorn", "bare-h11", "bare-gunicorn-asgi", "bare-granian-asgi")
BARE = ("bare-gthread", "bare-gevent", "bare-granian-wsgi", *BARE_ASGI)
UVICORN = (
    "fastapi-asyncio",
    "fastapi-h11",
    "django-asyncio",
    "quart-asyncio",
    "fastapi-blocking",
    "fastapi-threads",
    "fastapi-threads-40",
)
GUNICORN_ASGI = ("fastapi-gunicorn", "django-gunicorn", "quart-gunicorn")
GRANIAN_ASGI = ("fastapi-granian", "django-granian", "quart-granian")
GRANIAN = (*GRANIAN_ASGI, "flask-granian", "django-granian-threads")
COROUTINES = ("fastapi-asyncio", "fastapi-h11", "django-asyncio", "quart-asyncio", *GUNICORN_ASGI, *GRANIAN_ASGI)
LOOPS = (*COROUTINES, "fastapi-blocking")
REFERENCES = ("go", "node", "node-cluster")


def test_a_variant_is_a_contender_and_serves_everything_by_default() -> None:
    flask = VARIANTS["flask-threads"]
    assert (flask.kind, flask.profile, flask.workloads) == ("contender", "", None)
    assert all(flask.serves(name) for name in WORKLOADS)


@pytest.mark.parametrize("name", ["null", *BARE])
def test_an_instrument_serves_workloads_without_dependencies(name: str) -> None:
    assert VARIANTS[name].kind == "instrument"
    assert [workload for workload in WORKLOADS if VARIANTS[name].serves(workload)] == ["fast", "wait"]


def test_every_framework_is_listed_with_every_model_that_it_has() -> None:
    models = {(variant.framework, variant.model) for variant in VARIANTS.values() if variant.kind == "contender"}
    flask_and_django = {
        (name, model) for name in ("flask", "django") for model in ("sync", "threads", "gevent", "asyncio")
    }
    assert models == flask_and_django | {("fastapi", "threads"), ("fastapi", "asyncio"), ("quart", "asyncio")}


def test_only_traps_say_what_is_wrong_with_them() -> None:
    assert {name for name, variant in VARIANTS.items() if variant.trap} == {
        "fastapi-blocking",
        "fastapi-threads-40",
        "gevent-unpatched",
    }
    assert all((variant.kind == "trap") == bool(variant.trap) for variant in VARIANTS.values())
    assert {variant.profile for variant in VARIANTS.values() if variant.trap} == {"traps"}


def test_a_server_that_accepts_no_number_of_processes_is_known_by_its_command() -> None:
    assert {name for name, variant in VARIANTS.items() if not variant.scales} == {"go", "null"}


@pytest.mark.parametrize(("budget", "right"), [({}, 20), ({"in_flight": 1}, 1), ({"in_flight": 3, "workers": 2}, 6)])
def test_the_budget_limits_the_concurrent_calls(budget: dict[str, int], right: int) -> None:
    assert together(budget, 20) == right
    assert together({**budget, "in_flight": 1000}, 20) == 20


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_serves_existing_workloads_and_has_the_pools_that_they_need(name: str) -> None:
    variant = VARIANTS[name]
    assert set(variant.workloads or WORKLOADS) <= set(WORKLOADS)
    assert ("db_pool" in variant.budget) == variant.serves("db")
    assert ("upstream_connections" in variant.budget) == variant.serves("upstream")


EQUAL: dict[str, int] = {
    "workers": 1,
    "in_flight": 1000,
    "connections": 2000,
    "backlog": 2048,
    "keep_alive_s": 75,
    "db_pool": 50,
    "upstream_connections": 1000,
    "upstream_threads": 1000,
    "work_threads": 40,
}
"""The budget that all variants share: a difference in it would be part of what is compared."""

EXCEPTIONS: list[tuple[tuple[str, ...], dict[str, int | None], str]] = [
    (SYNC, {"in_flight": 1}, "a worker that takes one request at a time"),
    (SYNC, {"connections": None}, "it holds the connection of that request and has no setting for another number"),
    (SYNC, {"keep_alive_s": 0}, "it closes each connection after the response, whatever the setting"),
    (SYNC, {"db_pool": 1, "work_threads": 1}, "one request uses one of each, so more would be idle"),
    (SYNC, {"upstream_connections": 20, "upstream_threads": 20}, "one request makes at most 20 remote calls"),
    (
        (*GEVENT, "bare-gevent"),
        {"connections": 1000},
        "a greenlet serves each connection, so one number limits both, and it is the 1000 requests in flight",
    ),
    (GEVENT, {"upstream_threads": None}, "remote calls are made in greenlets"),
    (
        (*UVICORN, "bare-uvicorn", "bare-h11"),
        {"connections": None},
        "uvicorn limits connections only by responding with 503 above a limit",
    ),
    ((*LOOPS, *BARE_ASGI), {"in_flight": None}, "a coroutine needs no resource of which there is a fixed number"),
    ((*COROUTINES, "flask-asyncio"), {"upstream_threads": None}, "remote calls are coroutines"),
    ((*GUNICORN_ASGI, "bare-gunicorn-asgi"), {"backlog": 100}, "this worker of gunicorn ignores the setting"),
    (
        (*GRANIAN, "bare-granian-wsgi", "bare-granian-asgi"),
        {"keep_alive_s": 60},
        "granian allows at most 60 s for the next request of a connection",
    ),
    (("fastapi-threads-40",), {"in_flight": 40}, "its purpose is to have anyio's default"),
    (REFERENCES, {"in_flight": None, "connections": None}, "neither Go nor Node limits these by itself"),
    (REFERENCES, {"upstream_threads": None}, "remote calls cooperate"),
    (("node-cluster",), {"workers": 2}, "its purpose is to have several processes"),
    (("null",), {"in_flight": None, "connections": None}, "it must never be the limit itself"),
    (
        ("null", *BARE),
        {"db_pool": None, "upstream_connections": None, "upstream_threads": None, "work_threads": None},
        "it serves only workloads without dependencies and without work",
    ),
]
"""The variants with another figure, or none, and the reason."""


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_has_the_common_budget_apart_from_the_listed_exceptions(name: str) -> None:
    own = {key: value for names, changes, _ in EXCEPTIONS if name in names for key, value in changes.items()}
    assert VARIANTS[name].budget == {key: value for key, value in (EQUAL | own).items() if value is not None}


def test_every_exception_differs_from_the_common_budget_is_listed_once_and_has_a_reason() -> None:
    listed = [(name, key) for names, changes, _ in EXCEPTIONS for name in names for key in changes]
    assert len(listed) == len(set(listed))
    assert {name for name, _ in listed} <= set(VARIANTS)
    assert all(why and EQUAL[key] != value for _, changes, why in EXCEPTIONS for key, value in changes.items())


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["a", "b"], {"a": "a", "b": "b"}),
        (["a", "b", "a", "a"], {"a": "a", "b": "b", "a-2": "a", "a-3": "a"}),
        (["a", "a", "a-2"], {"a": "a", "a-2": "a", "a-2-2": "a-2"}),
        (["a-2", "a", "a"], {"a-2": "a-2", "a": "a", "a-3": "a"}),
    ],
)
def test_every_contender_has_a_unique_label(names: list[str], labels: dict[str, str]) -> None:
    assert labelled(names) == labels
