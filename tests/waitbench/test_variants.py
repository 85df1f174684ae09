"""The list of contenders, and the instruments beside them."""

import pytest

from waitbench.variants import labelled, load_variants, together
from waitbench.workloads import WORKLOADS

VARIANTS = load_variants()


def test_a_variant_of_which_nothing_is_said_is_a_contender_and_serves_everything() -> None:
    flask = VARIANTS["flask-threads"]
    assert (flask.kind, flask.profile, flask.workloads) == ("contender", "", None)
    assert all(flask.serves(name) for name in WORKLOADS)


def test_the_null_service_is_an_instrument_and_serves_what_needs_no_dependency() -> None:
    null = VARIANTS["null"]
    assert null.kind == "instrument"
    assert [name for name in WORKLOADS if null.serves(name)] == ["fast", "wait"]


def test_every_model_is_there_over_every_app_that_has_it() -> None:
    models = {(variant.framework, variant.model) for variant in VARIANTS.values() if variant.kind == "contender"}
    flask_and_django = {
        (name, model) for name in ("flask", "django") for model in ("sync", "threads", "gevent", "asyncio")
    }
    assert models == flask_and_django | {("fastapi", "threads"), ("fastapi", "asyncio")}


def test_a_trap_says_what_is_wrong_with_it_and_nothing_else_does() -> None:
    assert {name for name, variant in VARIANTS.items() if variant.trap} == {"fastapi-blocking", "gevent-unpatched"}
    assert all((variant.kind == "trap") == bool(variant.trap) for variant in VARIANTS.values())
    assert {variant.profile for variant in VARIANTS.values() if variant.trap} == {"traps"}


@pytest.mark.parametrize(("budget", "right"), [({}, 20), ({"in_flight": 1}, 1), ({"in_flight": 3, "workers": 2}, 6)])
def test_no_more_calls_are_together_than_the_budget_has_room_for(budget: dict[str, int], right: int) -> None:
    assert together(budget, 20) == right
    assert together({**budget, "in_flight": 1000}, 20) == 20


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_serves_workloads_that_there_are_and_has_the_pools_that_they_need(name: str) -> None:
    variant = VARIANTS[name]
    assert set(variant.workloads or WORKLOADS) <= set(WORKLOADS)
    assert ("db_pool" in variant.budget) == variant.serves("db")
    assert ("upstream_connections" in variant.budget) == variant.serves("upstream")


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["a", "b"], {"a": "a", "b": "b"}),
        (["a", "b", "a", "a"], {"a": "a", "b": "b", "a-2": "a", "a-3": "a"}),
        (["a", "a", "a-2"], {"a": "a", "a-2": "a", "a-2-2": "a-2"}),
        (["a-2", "a", "a"], {"a-2": "a-2", "a": "a", "a-3": "a"}),
    ],
)
def test_every_contender_has_a_label_of_its_own(names: list[str], labels: dict[str, str]) -> None:
    assert labelled(names) == labels
