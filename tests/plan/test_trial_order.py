"""The order of a run's trials."""

from collections import Counter
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from waitbench.plan.contender import Contender, contenders
from waitbench.plan.plan import Plan
from waitbench.plan.trial_order import Slot, schedule

VARIANTS = ["flask-threads", "django-gevent", "fastapi-asyncio"]
PLAN = Plan.model_validate(
    {
        "title": "three contenders and an external service",
        "repeats": 3,
        "variants": VARIANTS,
        "cells": [
            {"workload": "wait", "params": {"ms": 100}, "users": [10, 100, 500]},
            {"workload": "wait", "params": {"ms": 50}, "users": [10]},
            {"workload": "db", "params": {"ms": 50}, "users": [20]},
        ],
        "external": [{"name": "mine", "base_url": "http://127.0.0.1:9", "paths": {"wait": "/w"}}],
    }
)
seeds = st.integers(0, 2**32 - 1)


def blocks(slots: list[Slot]) -> list[list[Slot]]:
    return [list(group) for _, group in groupby(slots, key=lambda slot: slot.block)]


@given(seeds)
def test_a_block_holds_every_contender_once_under_one_load(seed: int) -> None:
    for block in blocks(schedule(PLAN, seed)):
        assert len({(slot.cell.workload, str(slot.cell.params), slot.point, slot.repeat) for slot in block}) == 1
        serves_it = ["mine"] if block[0].cell.workload == "wait" else []
        assert sorted(slot.contender for slot in block) == sorted(VARIANTS + serves_it)


@given(seeds)
def test_a_repeat_holds_each_load_once(seed: int) -> None:
    found = Counter(
        (block[0].repeat, block[0].cell.workload, block[0].cell.params["ms"], block[0].point.load)
        for block in blocks(schedule(PLAN, seed))
    )
    loads = [("wait", 100, 10), ("wait", 100, 100), ("wait", 100, 500), ("wait", 50, 10), ("db", 50, 20)]
    assert found == {(repeat, *load): 1 for repeat in (1, 2, 3) for load in loads}


def test_blocks_are_numbered_from_one_and_repeats_follow_one_another() -> None:
    slots = schedule(PLAN, 1)
    assert [block[0].block for block in blocks(slots)] == list(range(1, 16))
    assert [slot.repeat for slot in slots] == sorted(slot.repeat for slot in slots)


def test_the_same_seed_gives_the_same_order_and_another_seed_another() -> None:
    assert schedule(PLAN, 1) == schedule(PLAN, 1)
    assert len({tuple((s.block, s.contender, s.point) for s in schedule(PLAN, seed)) for seed in range(20)}) == 20


def test_no_contender_is_always_first() -> None:
    first = Counter(block[0].contender for seed in range(20) for block in blocks(schedule(PLAN, seed)))
    assert set(first) == {*VARIANTS, "mine"}
    assert max(first.values()) < 2 * min(first[name] for name in VARIANTS)


def test_a_contender_gets_only_the_workloads_it_serves() -> None:
    slots = schedule(PLAN, 1, {"django-gevent": ["db"]})
    assert {slot.cell.workload for slot in slots if slot.contender == "django-gevent"} == {"db"}
    assert {slot.cell.workload for slot in slots if slot.contender == "flask-threads"} == {"wait", "db"}


def test_an_external_service_gets_only_the_workloads_it_serves() -> None:
    assert {slot.cell.workload for slot in schedule(PLAN, 1) if slot.contender == "mine"} == {"wait"}


SCENARIOS = Plan.model_validate(
    {
        "title": "a mixed load and a burst",
        "repeats": 2,
        "measure_s": 4.0,
        "variants": VARIANTS,
        "cells": [
            {"workload": "mixed", "of": "wait", "share": 0.1, "params": {"ms": 100}, "rate": [50.0, 100.0]},
            {
                "workload": "burst",
                "of": "wait",
                "params": {"ms": 100},
                "profile": [{"rate": rate, "seconds": 2.5} for rate in (20.0, 100.0, 20.0)],
            },
        ],
        "external": [
            {"name": "mine", "base_url": "http://127.0.0.1:9", "paths": {"wait": "/w"}},
            {"name": "both", "base_url": "http://127.0.0.1:9", "paths": {"wait": "/w", "fast": "/f"}},
        ],
    }
)


@given(seeds)
def test_a_block_of_a_mixed_load_holds_each_contender_with_its_neighbours_and_without(seed: int) -> None:
    for block in blocks(schedule(SCENARIOS, seed)):
        found = sorted((slot.contender, slot.alone) for slot in block)
        if block[0].cell.workload == "mixed":
            assert found == sorted((name, alone) for name in [*VARIANTS, "both"] for alone in (False, True))
        else:
            assert found == sorted((name, False) for name in [*VARIANTS, "both", "mine"])


def test_with_neighbours_or_without_is_not_always_first() -> None:
    first = Counter(
        block[0].alone
        for seed in range(20)
        for block in blocks(schedule(SCENARIOS, seed))
        if block[0].cell.workload == "mixed"
    )
    assert min(first.values()) > 20


def test_a_burst_is_measured_for_as_long_as_its_profile() -> None:
    found = {(slot.cell.workload, slot.measure_s) for slot in schedule(SCENARIOS, 1)}
    assert found == {("mixed", 4.0), ("burst", 7.5)}


FORMS = Plan.model_validate(
    {
        "title": "cells that name their variants, and the form of these",
        "repeats": 2,
        "measure_s": 2.0,
        "variants": ["flask-threads", "fastapi-asyncio"],
        "cells": [
            {"workload": "fast", "users": [4]},
            {"workload": "fast", "users": [4, 8], "variants": ["fastapi-asyncio"], "workers": [1, 4], "measure_s": 5.0},
            {"workload": "cpu", "params": {"ksteps": 1}, "users": [4], "workers": [1, 2], "service_cpus": 2},
        ],
        "external": [{"name": "mine", "base_url": "http://127.0.0.1:9", "paths": {"fast": "/f", "cpu": "/c"}}],
    }
)


def test_a_variant_is_a_contender_in_each_form_that_a_cell_asks_for() -> None:
    assert contenders(FORMS) == [
        Contender("flask-threads", "flask-threads"),
        Contender("flask-threads-2cpu", "flask-threads", cpus=2),
        Contender("flask-threads-2w-2cpu", "flask-threads", workers=2, cpus=2),
        Contender("fastapi-asyncio", "fastapi-asyncio"),
        Contender("fastapi-asyncio-4w", "fastapi-asyncio", workers=4),
        Contender("fastapi-asyncio-2cpu", "fastapi-asyncio", cpus=2),
        Contender("fastapi-asyncio-2w-2cpu", "fastapi-asyncio", workers=2, cpus=2),
        Contender("mine", "mine", external=True),
    ]


def test_a_cell_may_have_more_repeats_than_the_plan_and_others_go_on_without_it() -> None:
    fast, wait = ({"workload": "fast", "users": [1]}, {"workload": "wait", "params": {"ms": 1}, "users": [1]})
    base = {"title": "t", "repeats": 2, "variants": VARIANTS}
    plan = Plan.model_validate(
        {**base, "cells": [{**fast, "repeats": 4}, {**wait, "repeats": 1}, {**fast, "users": [2]}]}
    )
    found = {(s.cell.workload, s.point.load): set[int]() for s in schedule(plan, 1)}
    for slot in schedule(plan, 1):
        found[slot.cell.workload, slot.point.load].add(slot.repeat)
    assert found == {("fast", 1): {1, 2, 3, 4}, ("wait", 1): {1}, ("fast", 2): {1, 2}}
    shared = Plan.model_validate({**base, "cells": [fast, {**fast, "repeats": 3, "variants": VARIANTS[:1]}]})
    assert [slot.repeat for slot in schedule(shared, 1)] == [1] * 3 + [2] * 3 + [3] * 3


@given(seeds)
def test_cells_with_the_same_requests_share_a_block_and_each_contender_runs_it_once(seed: int) -> None:
    found = {}
    for block in blocks(schedule(FORMS, seed)):
        [key] = {(slot.cell.workload, slot.point.load, slot.repeat, slot.measure_s) for slot in block}
        found[key] = sorted(slot.contender for slot in block)
    one = {
        ("fast", 4, 5.0): ["fastapi-asyncio", "fastapi-asyncio-4w", "flask-threads", "mine"],
        ("fast", 8, 5.0): ["fastapi-asyncio", "fastapi-asyncio-4w"],
        ("cpu", 4, 2.0): [
            "fastapi-asyncio-2cpu", "fastapi-asyncio-2w-2cpu", "flask-threads-2cpu", "flask-threads-2w-2cpu",
        ],
    }  # fmt: skip
    assert found == {(name, size, repeat, s): names for (name, size, s), names in one.items() for repeat in (1, 2)}
