"""The plans that sizing runs, and what stays known if it is interrupted."""

from collections.abc import Callable
from contextlib import nullcontext
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from waitbench.analysis.sizing.recommendation import Goal, Measured, Recommendation, Size
from waitbench.catalog.variants import load_variants
from waitbench.errors import Interrupted
from waitbench.plan.contender import contenders
from waitbench.plan.plan import Plan
from waitbench.plan.selection import select
from waitbench.run import size as sizing
from waitbench.run.size import (
    REPEATS,
    WINDOW_S,
    Sizer,
    calibration_plan,
    confirming_plan,
    cores_for_services,
    window_s_of,
)

VARIANTS = load_variants()
DEFAULTS = [VARIANTS[name] for name in ("flask-threads", "django-gevent", "fastapi-asyncio")]
GOAL = Goal(rate=300, wait_ms=120, p99_ms=250)
FIGURES = Measured(cpu_s=0.0004, latencies_s=(0.1204,) * 50, idle_mib=80, mib_per_request=0.5, rate=100)


def recommended(variant: str = "flask-threads", workers: int = 1, slots: int = 41, goal: Goal = GOAL) -> Recommendation:
    return Recommendation(goal, VARIANTS[variant], FIGURES, Size(workers, slots), 41, 196.0, None)


def labels(plan: Plan) -> list[str]:
    return [who.label for who in contenders(plan)]


class TestPlans:
    def test_each_variant_is_calibrated_as_declared_below_its_limits(self) -> None:
        plan = calibration_plan(GOAL, DEFAULTS)
        assert labels(plan) == ["flask-threads", "django-gevent", "fastapi-asyncio"]
        assert [(cell.workload, cell.rate) for cell in plan.cells] == [
            ("wait", [300.0]),
            ("wait", [300.0]),
            ("db", [208.3]),
        ]
        slow = calibration_plan(Goal(300, 1000, 3000), DEFAULTS)
        assert [cell.rate for cell in slow.cells] == [[300.0], [300.0], [25.0]]  # 0.5 x 50 connections / 1 s

    def test_the_recommended_and_a_smaller_configuration_are_measured_at_the_rate_in_blocks(self) -> None:
        plan = confirming_plan(GOAL, [recommended(), recommended("fastapi-asyncio")])
        assert labels(plan) == [
            "flask-threads-32in-flight",
            "flask-threads-41in-flight",
            "fastapi-asyncio-32db-pool",
            "fastapi-asyncio-41db-pool",
        ]
        assert {(point.load, point.conditions.load_model) for _, point in plan.load_points} == {(300, "open")}
        assert len(plan.blocks) == 2  # wait and db, each with both configurations
        assert plan.repeats == REPEATS
        assert select(plan, VARIANTS, [], []) == plan

    def test_several_processes_get_a_core_each_and_the_smaller_one_has_a_process_less(self) -> None:
        plan = confirming_plan(GOAL, [recommended(workers=3)])
        assert labels(plan) == ["flask-threads-2w-3cpu-41in-flight", "flask-threads-3w-3cpu-41in-flight"]

    def test_a_configuration_with_nothing_smaller_is_measured_alone(self) -> None:
        assert labels(confirming_plan(GOAL, [recommended(slots=1)])) == ["flask-threads-1in-flight"]

    @pytest.mark.parametrize(
        ("goal", "slots", "expected"),
        [
            (GOAL, 41, WINDOW_S[0]),
            (Goal(26, 120, 250), 5, round(1050 / 3 / 26, 1)),  # so many seconds for a p99
            (Goal(300, 3000, 3500), 4000, WINDOW_S[0]),  # three waits are less than the shortest window
            (Goal(300, 120, 1000), 41, WINDOW_S[1]),  # a growing queue takes 2 x 1 s / 0.13
        ],
    )
    def test_a_window_is_as_long_as_its_verdict_needs(self, goal: Goal, slots: int, expected: float) -> None:
        assert window_s_of(recommended(slots=slots, goal=goal)) == expected

    def test_one_variant_takes_about_two_minutes_at_most(self) -> None:
        for goal in (GOAL, Goal(25, 1, 10), Goal(300, 3000, 30_000)):
            each = recommended(goal=goal, slots=2000)
            plans = (calibration_plan(goal, DEFAULTS[:1]), confirming_plan(goal, [each]))
            seconds = [len(plan.load_points) * plan.repeats * (plan.warmup_s + plan.measure_s) for plan in plans]
            assert sum(seconds) <= 140


def test_a_machine_of_two_cores_has_one_for_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizing, "allowed_cores", lambda: [0, 1])
    assert cores_for_services() == 1
    monkeypatch.setattr(sizing, "allowed_cores", lambda: [0, 1, 2, 3])
    assert cores_for_services() == 3


class TestEnd:
    @pytest.fixture
    def sizer(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Recommendation], Sizer]:
        """A sizer whose calibration ends in the given recommendation, and whose next run is interrupted."""

        def made(found: Recommendation) -> Sizer:
            console = Console(file=StringIO())
            own = Sizer(found.goal, [found.variant], VARIANTS, tmp_path, 1, console)
            runs: list[object] = []

            class Calibrated:
                target = type("Target", (), {"variant": found.variant.name})

            def run(*_: object) -> list[Calibrated]:
                runs.append(None)
                if len(runs) == 2:
                    raise Interrupted("signal SIGINT")
                return [Calibrated()]

            monkeypatch.setattr(own, "_run", run)
            monkeypatch.setattr(sizing, "sweep_if_possible", lambda _: None)
            monkeypatch.setattr(sizing, "sole_run", lambda *_: nullcontext(lambda: None))
            monkeypatch.setattr(sizing, "measured", lambda _: FIGURES)
            monkeypatch.setattr(sizing, "recommend", lambda *_: found)
            monkeypatch.setattr(sizing, "cores_for_services", lambda: 1)
            return own

        return made

    def test_after_an_interruption_the_recommendation_stays(self, sizer: Callable[[Recommendation], Sizer]) -> None:
        own, shown = sizer(recommended()), list[sizing.Sizing]()
        with pytest.raises(Interrupted):
            own.size(shown.append)
        assert shown == own.found
        assert not own.found[0].confirmed

    def test_more_processes_than_cores_are_recommended_but_not_measured(
        self, sizer: Callable[[Recommendation], Sizer]
    ) -> None:
        own = sizer(recommended(workers=3))
        own.size(lambda _: None)
        assert own.found[0].why_not.startswith("not confirmed: it takes 3 cores")
        assert not own.found[0].confirmed
