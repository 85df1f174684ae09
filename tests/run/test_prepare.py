"""Tests how a plan becomes a run folder that the generator can play."""

import os
from datetime import datetime
from pathlib import Path

import pytest

from waitbench.catalog.variants import load_variants
from waitbench.plan.plan import Plan
from waitbench.plan.selection import select
from waitbench.plan.trial_order import schedule
from waitbench.records.load_point import Mixed
from waitbench.records.run import RunRecord
from waitbench.records.spec import TrialSpec
from waitbench.run.prepare import new_folder, run_name, run_record, targets

VARIANTS = load_variants()
PLAN = Plan.model_validate(
    {
        "title": "t",
        "repeats": 2,
        "variants": ["flask-threads", "fastapi-asyncio"],
        "cells": [
            {"workload": "upstream", "params": {"ms": 5}, "users": [1]},
            {"workload": "wait", "params": {"ms": 5}, "users": [1, 30]},
        ],
        "external": [
            {"name": "mine", "base_url": "http://127.0.0.1:9", "paths": {"upstream": "/up/{calls}/{ms}?again={ms}"}}
        ],
    }
)
URLS = {"flask-threads": "http://127.0.0.1:1", "fastapi-asyncio": "http://127.0.0.1:2"}


@pytest.fixture
def run(tmp_path: Path) -> RunRecord:
    found = targets(PLAN, VARIANTS, URLS)
    return run_record(new_folder(tmp_path, "a-run"), PLAN, "mine", "local", 5, found, "http://127.0.0.1:3")


def test_a_run_is_named_for_its_time_and_plan() -> None:
    assert run_name("quick", datetime(2026, 1, 2, 3, 4, 5)) == "20260102-030405-quick"


def test_a_name_that_is_taken_gets_a_number_and_latest_points_to_the_newest(tmp_path: Path) -> None:
    names = [new_folder(tmp_path, "a-run").path.name for _ in range(3)]
    assert names == ["a-run", "a-run-2", "a-run-3"]
    assert os.readlink(tmp_path / "latest") == "a-run-3"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-run", "a-run-2", "a-run-3", "latest"]


def test_every_trial_has_a_file_of_its_own(run: RunRecord) -> None:
    assert len(run.trials) == 2 * (3 + 2 + 2)
    assert len({spec.file for spec in run.trials}) == len(run.trials)
    [first] = [s for s in run.trials if (s.variant, s.load, s.repeat) == ("flask-threads", 30, 1)]
    assert first.file == f"{first.block:03d}-flask-threads-wait-30u.json"


def test_a_variant_gets_requests_of_the_contract_with_a_known_response(run: RunRecord) -> None:
    for spec in run.trials:
        if spec.variant in URLS:
            assert spec.base_url == URLS[spec.variant]
            assert spec.path == f"/{spec.workload}?ms=5"
            assert spec.body
            assert spec.instrumented
            assert spec.uses_upstream == (spec.workload == "upstream")
            assert spec.uses_database == (spec.workload == "db")


def test_contenders_of_a_block_get_the_same_arrivals_and_other_blocks_get_others(run: RunRecord) -> None:
    seeds: dict[int, set[int]] = {}
    for spec in run.trials:
        seeds.setdefault(spec.block, set()).add(spec.arrivals_seed)
    assert all(len(seeds_of_one) == 1 for seeds_of_one in seeds.values())
    assert len(set.union(*seeds.values())) == len(seeds) > 1


def test_an_external_service_is_requested_at_its_own_path_with_defaults_filled_in(run: RunRecord) -> None:
    specs = [spec for spec in run.trials if spec.variant == "mine"]
    assert {(s.path, s.body, s.instrumented, s.uses_upstream) for s in specs} == {
        ("/up/1/5?again=5", None, False, False)
    }


def test_contenders_are_recorded_as_declared_before_they_are_read_back(run: RunRecord) -> None:
    assert list(run.targets) == ["flask-threads", "fastapi-asyncio", "mine"]
    flask, mine = run.targets["flask-threads"], run.targets["mine"]
    assert (flask.budget, flask.budget_read) == (VARIANTS["flask-threads"].budget, None)
    assert (mine.external, mine.budget) == (True, {})
    assert run.status == "running"


def test_a_variant_is_planned_only_for_workloads_it_serves_and_the_record_lists_them(tmp_path: Path) -> None:
    plan = PLAN.model_copy(update={"variants": ["flask-threads", "null"]})
    found = targets(plan, VARIANTS, {"flask-threads": "http://127.0.0.1:1", "null": "http://127.0.0.1:2"})
    run = run_record(new_folder(tmp_path, "a-run"), plan, "mine", "local", 5, found, None)
    assert {spec.workload for spec in run.trials if spec.variant == "null"} == {"wait"}
    assert {spec.workload for spec in run.trials if spec.variant == "flask-threads"} == {"wait", "upstream"}
    served = {name: target.workloads for name, target in run.targets.items()}
    assert served == {"flask-threads": None, "null": ["fast", "wait"], "mine": ["upstream"]}


def test_a_cell_with_another_budget_makes_a_service_of_its_own() -> None:
    wait = {"workload": "wait", "params": {"ms": 5}, "rate": [20]}
    small = {**wait, "budget": {"in_flight": 36}, "variants": ["flask-threads", "django-gevent"]}
    pool = {**wait, "budget": {"db_pool": 9}, "workers": [2], "variants": ["fastapi-asyncio"]}
    names = ["flask-threads", "django-gevent", "fastapi-asyncio"]
    plan = Plan.model_validate({"title": "t", "variants": names, "cells": [small, pool]})
    labels = ["flask-threads-36in-flight", "django-gevent-36in-flight", "fastapi-asyncio-2w-9db-pool"]
    found = targets(plan, VARIANTS, dict.fromkeys(labels, "http://127.0.0.1:1"))
    assert [target.title for target in found.values()] == [
        "Flask on threads (in_flight = 36)",
        "Django on gevent (in_flight = 36)",
        "FastAPI on asyncio (2 processes, db_pool = 9)",
    ]
    flask, django, fastapi = (target.budget for target in found.values())
    assert flask == VARIANTS["flask-threads"].budget | {"in_flight": 36}
    assert django == VARIANTS["django-gevent"].budget | {"in_flight": 36, "connections": 36}
    assert fastapi == VARIANTS["fastapi-asyncio"].budget | {"workers": 2, "db_pool": 9}
    assert [slot.contender for slot in schedule(plan, 1)].count("flask-threads-36in-flight") == plan.repeats


def test_a_form_of_a_variant_has_its_own_budget_and_title(tmp_path: Path) -> None:
    cpu = {"workload": "cpu", "params": {"ksteps": 1}, "users": [1], "service_cpus": 2}
    names = ["fastapi-asyncio", "node-cluster", "null"]
    two = {**cpu, "workers": [1, 2], "variants": ["fastapi-asyncio"]}
    plan = Plan.model_validate({"title": "t", "variants": names, "cells": [cpu, two]})
    urls = dict.fromkeys((f"{name}-2cpu" for name in (*names, "fastapi-asyncio-2w")), "http://127.0.0.1:1")
    found = targets(plan, VARIANTS, urls)
    shown = {name: (t.title, t.variant, t.kind, t.cpus, t.budget["workers"]) for name, t in found.items()}
    assert shown == {
        "fastapi-asyncio-2cpu": ("FastAPI on asyncio (1 process, 2 cores)", "fastapi-asyncio", "contender", 2, 1),
        "fastapi-asyncio-2w-2cpu": ("FastAPI on asyncio (2 processes, 2 cores)", "fastapi-asyncio", "contender", 2, 2),
        "node-cluster-2cpu": (
            "Fastify on Node's cluster (2 processes, 2 cores)", "node-cluster", "reference", 2, 2,
        ),
        "null-2cpu": ("Null service (1 process, 2 cores)", "null", "instrument", 2, 1),
    }  # fmt: skip
    run = run_record(new_folder(tmp_path, "a-run"), plan, "p", "local", 5, found, None, {"Go": "not there"})
    assert {(spec.variant, spec.conditions.service_cpus) for spec in run.trials} == {
        (name, 2) for name in found if name != "null-2cpu"
    }
    assert run.left_out == {"Go": "not there"}


class TestScenarios:
    """Tests trials with more than one workload, or with a load that changes."""

    @pytest.fixture
    def run(self, tmp_path: Path) -> RunRecord:
        steps = [{"rate": rate, "seconds": 2.0} for rate in (20.0, 50.0, 20.0)]
        upload = {"kib": 2, "kib_per_s": 4}
        served = {"fast": "/quick", "upload": "/up?k={kib}", "download": "/down/{kib}"}
        plan = Plan.model_validate(
            {
                "title": "t",
                "repeats": 2,
                "measure_s": 3.0,
                "variants": ["flask-threads"],
                "cells": [
                    {"workload": "mixed", "of": "upload", "share": 0.1, "params": upload, "rate": [50.0]},
                    {"workload": "mixed", "of": "upstream", "share": 0.2, "params": {"ms": 5}, "rate": [50.0]},
                    {
                        "workload": "burst",
                        "of": "download",
                        "params": {"kib": 3},
                        "profile": steps,
                        "max_in_flight": 77,
                    },
                ],
                "external": [{"name": "mine", "base_url": "http://127.0.0.1:9", "paths": served}],
            }
        )
        found = targets(plan, VARIANTS, URLS)
        return run_record(new_folder(tmp_path, "a-run"), plan, "mine", "local", 5, found, "http://127.0.0.1:3")

    @staticmethod
    def of(run: RunRecord, scenario: str, variant: str = "flask-threads", inner: str = "") -> list[TrialSpec]:
        return [
            spec
            for spec in run.trials
            if (spec.conditions.scenario_name, spec.variant) == (scenario, variant)
            and inner in ("", spec.conditions.asked.workload)
        ]

    def test_every_trial_has_a_file_of_its_own(self, run: RunRecord) -> None:
        assert len(run.trials) == 2 * (2 * 2 + 2 + 2)  # the external service serves one of the mixed loads
        assert len({spec.file for spec in run.trials}) == len(run.trials)
        both = {spec.alone: spec for spec in self.of(run, "mixed", inner="upload") if spec.repeat == 1}
        assert both[False].file == f"{both[False].block:03d}-flask-threads-mixed-50rps.json"
        assert both[True].file == f"{both[True].block:03d}-flask-threads-mixed-50rps-alone.json"
        assert self.of(run, "burst")[0].file.endswith("-flask-threads-burst-50rps.json")

    def test_a_mixed_load_measures_the_fast_path_and_knows_its_neighbours(self, run: RunRecord) -> None:
        for spec in self.of(run, "mixed", inner="upload"):
            assert (spec.workload, spec.params, spec.method, spec.path, spec.sends) == ("fast", {}, "GET", "/fast", 0)
            assert spec.body == '{"workload":"fast"}'
            assert spec.conditions.mixed == Mixed(workload="upload", params={"kib": 2, "kib_per_s": 4}, share=0.1)
            slow = spec.neighbours
            assert slow is not None
            assert (slow.method, slow.path, slow.sends, slow.receives) == ("POST", "/upload", 2048, None)
            assert (slow.bytes_per_s, slow.least_s) == (4096, 0.5)
            assert slow.body is not None
            assert '"bytes":2048' in slow.body
            assert (spec.load_model, spec.load, spec.measure_s, spec.stages) == ("open", 50, 3.0, ())

    def test_trials_with_and_without_neighbours_differ_in_nothing_else(self, run: RunRecord) -> None:
        """Both have the same arrivals, and one omits those of the neighbours. So both need the neighbours' share."""
        for repeat in (1, 2):
            one, two = (spec for spec in self.of(run, "mixed", inner="upload") if spec.repeat == repeat)
            assert {one.alone, two.alone} == {False, True}
            assert one.model_copy(update={"alone": two.alone, "file": two.file}) == two

    def test_a_burst_has_its_profile_and_lasts_as_long(self, run: RunRecord) -> None:
        for spec in self.of(run, "burst"):
            assert (spec.workload, spec.params, spec.path, spec.neighbours) == (
                "download",
                {"kib": 3},
                "/download?kib=3",
                None,
            )
            assert (spec.body, spec.receives, spec.bytes_per_s) == (None, 3072, 0)
            assert [(stage.rate, stage.seconds) for stage in spec.stages] == [(20, 2), (50, 2), (20, 2)]
            assert (spec.load_model, spec.load, spec.measure_s, spec.max_in_flight) == ("open", 50, 6.0, 77)

    def test_an_external_service_has_its_own_paths_and_unknown_responses(self, run: RunRecord) -> None:
        for spec in self.of(run, "mixed", "mine"):
            assert (spec.path, spec.body, spec.receives) == ("/quick", None, None)
            assert spec.neighbours is not None
            assert (spec.neighbours.method, spec.neighbours.path, spec.neighbours.body) == ("POST", "/up?k=2", None)
            assert (spec.neighbours.sends, spec.neighbours.bytes_per_s) == (2048, 4096)
        assert {spec.conditions.asked.workload for spec in self.of(run, "mixed", "mine")} == {"upload"}
        for spec in self.of(run, "burst", "mine"):
            assert (spec.path, spec.body, spec.receives) == ("/down/3", None, None)

    def test_the_remote_api_is_watched_where_the_neighbours_call_it(self, run: RunRecord) -> None:
        assert all(spec.uses_upstream for spec in self.of(run, "mixed", inner="upstream"))
        assert not any(spec.uses_upstream for spec in self.of(run, "mixed", inner="upload"))

    def test_the_description_of_a_trial_names_its_load(self, run: RunRecord) -> None:
        described = {spec.description for spec in run.trials if spec.variant == "flask-threads"}
        assert described == {
            "mixed upload kib=2 kib_per_s=4 50 requests/s",
            "mixed upload kib=2 kib_per_s=4 alone 50 requests/s",
            "mixed upstream ms=5 50 requests/s",
            "mixed upstream ms=5 alone 50 requests/s",
            "burst download kib=3 50 requests/s",
        }


class TestTwins:
    """Tests contenders that are compared with themselves (A/A)."""

    @pytest.fixture
    def run(self, tmp_path: Path) -> RunRecord:
        chosen = ["flask-threads", "mine", "flask-threads", "fastapi-asyncio", "mine"]
        plan = select(PLAN, VARIANTS, chosen, [])
        urls = URLS | {"flask-threads-2": "http://127.0.0.1:7"}
        found = targets(plan, VARIANTS, urls)
        return run_record(new_folder(tmp_path, "a-run"), plan, "mine", "local", 5, found, None)

    def test_each_has_a_name_a_title_and_an_address_of_its_own(self, run: RunRecord) -> None:
        shown = {name: (target.title, target.base_url, target.same_as) for name, target in run.targets.items()}
        flask = VARIANTS["flask-threads"].title
        assert shown == {
            "flask-threads": (f"{flask} (no. 1)", "http://127.0.0.1:1", "flask-threads"),
            "flask-threads-2": (f"{flask} (no. 2)", "http://127.0.0.1:7", "flask-threads"),
            "fastapi-asyncio": (VARIANTS["fastapi-asyncio"].title, "http://127.0.0.1:2", ""),
            "mine": ("mine", "http://127.0.0.1:9", "mine"),
            "mine-2": ("mine-2", "http://127.0.0.1:9", "mine"),
        }

    def test_each_has_files_of_its_own_and_is_in_every_block_of_the_other(self, run: RunRecord) -> None:
        assert len({spec.file for spec in run.trials}) == len(run.trials)
        blocks: dict[int, list[str]] = {}
        for spec in run.trials:
            blocks.setdefault(spec.block, []).append(spec.variant)
        assert all(("flask-threads" in names) == ("flask-threads-2" in names) for names in blocks.values())
        assert all(("mine" in names) == ("mine-2" in names) for names in blocks.values())

    def test_each_is_requested_at_its_own_address(self, run: RunRecord) -> None:
        assert {s.base_url for s in run.trials if s.variant == "flask-threads-2"} == {"http://127.0.0.1:7"}
        assert {s.path for s in run.trials if s.variant == "mine-2"} == {"/up/1/5?again=5"}


def test_the_environment_has_what_a_reader_needs_to_repeat_a_run(run: RunRecord) -> None:
    found = run.environment
    assert {"cpu", "cores", "kernel", "python", "git_commit", "packages"} <= set(found)
    assert {"locust", "gevent", "hdrhistogram"} <= set(found["packages"])
