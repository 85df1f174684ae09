"""Rounds that follow from trials that a running generator has just measured, with one process and with workers.

A busy machine makes trials invalid, and then there is nothing to decide. So no rule applies here: these tests are about
the rounds, and the services that are measured are not equal by far.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from tests.e2e import one_at_a_time
from tests.made_up.reported import uncharted
from tests.serving import serving
from waitbench.analysis.certainty import certainties
from waitbench.analysis.loading import load_comparison
from waitbench.launch.cores import Cores
from waitbench.plan.plan import Plan
from waitbench.run.execute import run
from waitbench.run.order import Order
from waitbench.run.stack import Stack

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

TRIAL_S, TIME_S = 0.6, 6.0
"""Three repeats of two contenders take 3.6 s. Two more blocks fit into the budget, and a third does not."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(one_at_a_time) as server:
        yield from server.numbers()


def plan(port: int) -> Plan:
    served = [
        {"name": name, "base_url": f"http://127.0.0.1:{port}", "paths": {"fast": f"/{name}"}}
        for name in ("slow", "other")
    ]
    return Plan.model_validate(
        {
            "title": "A budget", "spare": 0, "time_s": TIME_S, "sure_within": 0.005, "warmup_s": 0.1, "measure_s": 0.5,
            "variants": ["fastapi-asyncio"], "external": served,
            "cells": [{"workload": "fast", "users": [2], "variants": ["slow", "other"]}],
        }
    ).model_copy(update={"variants": []})  # fmt: skip


@contextmanager
def stacked(_: Order) -> Iterator[Stack]:
    yield Stack({}, None, Cores(), lambda: None)


@contextmanager
def alone(*_: object) -> Iterator[object]:
    """The machine is not measured here, so other runs do not matter."""
    yield lambda: None


@uncharted
@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_the_generator_plays_each_round_until_the_time_is_used_up(
    workers: int, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waitbench.run.execute.sole_run", alone)
    monkeypatch.setattr("waitbench.analysis.cells.reasons", lambda *_: [])
    monkeypatch.setattr("waitbench.analysis.cells.outliers", lambda _: [])
    out = io.StringIO()
    order = Order(plan(port), "budget", {}, "attached", 1, tmp_path, "a-run", ui=False, locust_workers=workers)
    outcome = run(order, Console(file=out, width=1000), stacked)
    record = outcome.folder.read_run()
    assert (record.status, record.searching, record.most_repeats) == ("complete", False, 5)
    assert [(spec.block, spec.repeat) for spec in record.trials] == [(n // 2 + 1, n // 2 + 1) for n in range(10)]
    assert len(outcome.folder.read_trials(record)) == 10
    comparison = load_comparison(outcome.folder)
    assert outcome.all_valid
    assert [(cell.planned, len(cell.trials)) for cell in comparison.cells] == [(5, 5)] * 2
    assert not certainties(comparison)[0].sure  # half a per cent is too narrow for half a second
    assert "then up to 5 repeats until each result is sure within 0.5 %; at most 0.1 min of load" in out.getvalue()
    assert " 6/6 " in out.getvalue()
    assert "10/10 " in out.getvalue()
    assert "The run used 6 s of its 6 s of load." in (outcome.folder.path / "report.md").read_text()
