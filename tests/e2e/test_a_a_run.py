"""A variant compared with itself (A/A): two of its processes run, and are not ranked."""

import pytest

from tests.e2e.bench import FASTAPI, WAIT, Bench, Ended, plan

pytestmark = [
    pytest.mark.slow,  # only this runs a variant against itself
    pytest.mark.live,
]


def processes_of(ended: Ended) -> dict[str, int]:
    return {name: target.info["pid"] for name, target in ended.record().targets.items()}


def test_a_variant_named_twice_runs_twice_and_its_noise_floor_is_reported(bench: Bench) -> None:
    ended = bench.run(plan(WAIT).replace("repeats = 1", "repeats = 2"), "--variant", FASTAPI, "--variant", FASTAPI)
    assert ended.code in (0, 3), ended.err
    pids = processes_of(ended)
    assert list(pids) == [FASTAPI, f"{FASTAPI}-2"]
    assert len(set(pids.values())) == 2
    trials = ended.trials()
    assert sorted(trial.spec.variant for trial in trials) == sorted(2 * list(pids))
    assert all(trial.measured.sent > 0 for trial in trials)
    # Each process counts its own requests. If they were one service, each would count those of both.
    for trial in trials:
        assert trial.usage.before is not None
        assert trial.usage.after is not None
        assert trial.usage.after.requests_answered - trial.usage.before.requests_answered == trial.sent
    shown = " ".join(ended.err.split())
    floor = "the noise floor of FastAPI on asyncio (compared with itself, A/A): ratio of good responses/s "
    assert floor in shown
    assert " at 5 users" in shown
    assert "FastAPI on asyncio (no. 2)" in ended.page()
    assert bench.left_behind() == []
