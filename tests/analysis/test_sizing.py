"""The arithmetic of sizing, by hand, and how its measurement is judged."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from tests.made_up import runs
from waitbench.analysis.cells import Cell
from waitbench.analysis.sizing.calibrated import measured
from waitbench.analysis.sizing.confirmation import Confirmation, confirmations, is_confirmed
from waitbench.analysis.sizing.lines import arithmetic_lines, as_json, confirmation_lines, too_large
from waitbench.analysis.sizing.queueing import erlang_b
from waitbench.analysis.sizing.recommendation import Goal, Measured, Recommendation, Size, recommend
from waitbench.catalog.variants import load_variants
from waitbench.errors import WaitbenchError
from waitbench.records.trial import TrialRecord

VARIANTS = load_variants()
GOAL = Goal(rate=300, wait_ms=120, p99_ms=250)
SMALL = Measured(cpu_s=0.0004, latencies_s=(0.1204,) * 50, idle_mib=80, mib_per_request=0.5, rate=100)


@cache
def sized(variant: str = "flask-threads", goal: Goal = GOAL, **changes: Any) -> Recommendation:
    """A recommendation, cached because each simulates a second of arithmetic."""
    figures = replace(SMALL, **changes)
    return recommend(goal, VARIANTS[variant], figures, memory_max_mib=4096)


class TestArithmetic:
    def test_littles_law_and_utilisation_by_hand(self) -> None:
        found = sized()
        assert found.in_flight == pytest.approx(300 * 0.1204)
        assert found.cpu_share == pytest.approx(300 * 0.0004)
        assert (found.size.workers, found.key) == (1, "in_flight")
        assert 38 <= found.size.slots <= 43
        assert found.predicted_ms <= 200

    def test_memory_is_that_of_idle_processes_and_of_requests_and_a_fifth_more(self) -> None:
        found = sized()
        assert found.memory_mib == pytest.approx(1.2 * (80 + found.size.slots * 0.5))

    def test_one_size_smaller_is_a_fifth_fewer_threads(self) -> None:
        found = sized()
        assert found.smaller == Size(1, math.floor(found.size.slots * 0.8))
        assert found.smaller.slots < found.in_flight  # so its queue grows without end

    def test_the_limits_are_rates_and_the_first_is_the_lowest(self) -> None:
        found = sized()
        limits = {limit.name: limit.rate for limit in found.limits}
        assert limits == pytest.approx({
            "threads": found.size.slots / 0.1204,
            "pool (for queries)": found.pool / 0.12,
            "CPU": 1 / 0.0004,
            "connections": 2000 / 0.1204,
            "memory": (4096 - 80) / 0.5 / 0.1204,
        })  # fmt: skip
        assert found.limits[0].name == "threads"
        assert found.full_after_s == pytest.approx((2000 + 2048) / (600 - limits["threads"]))

    def test_where_an_idle_connection_takes_a_place_erlang_b_gives_the_number(self) -> None:
        """5 % more load is 315/s x 0.1204 s = 37.9 in flight; health checks need one place more."""
        found = sized("django-gevent")
        places = found.size.slots - 1
        assert erlang_b(places, 315 * 0.1204) <= 0.002 < erlang_b(places - 1, 315 * 0.1204)
        assert found.limits[0].name == "pool (for queries)"
        assert erlang_b(found.smaller.slots, 300 * 0.1204) > 0.01 if found.smaller else False

    def test_a_variant_without_a_limit_in_flight_is_sized_by_its_pool(self) -> None:
        found = sized("fastapi-asyncio")
        assert (found.key, found.pool) == ("db_pool", found.size.slots)
        assert found.most_in_flight > found.in_flight
        assert found.limits[0].name == "pool"

    def test_a_core_that_would_be_too_busy_takes_more_processes(self) -> None:
        """3,150/s x 0.8 ms = 2.52 cores; each may be used to 90 %, so it takes three."""
        found = sized(goal=Goal(3000, 20, 250), cpu_s=0.0008, latencies_s=(0.0208,) * 50)
        assert found.size.workers == 3
        assert found.smaller == Size(2, found.size.slots)
        assert "takes 3 cores, one for each process, and this machine has 1 core" in too_large(found, 1)

    def test_more_slots_than_a_process_is_declared_to_hold_take_more_processes(self) -> None:
        found = sized(goal=Goal(2000, 1000, 3000), cpu_s=0.0001, latencies_s=(1.0,) * 50)
        assert found.size.workers == 3
        assert found.size.slots <= VARIANTS["flask-threads"].budget["in_flight"]

    def test_an_objective_without_room_for_the_margin_is_refused_with_the_p99_of_the_calibration(self) -> None:
        with pytest.raises(WaitbenchError, match=r"p99 is 120 ms at only 100 requests/s, .* Raise --p99-ms"):
            sized(goal=Goal(300, 120, 130))

    def test_a_rate_beyond_all_processes_is_refused_with_the_cores_that_it_takes(self) -> None:
        with pytest.raises(WaitbenchError, match=r"takes more than 32 processes: 234 cores .* Lower --rate"):
            sized(goal=Goal(20_000, 5, 250), cpu_s=0.01, latencies_s=(0.015,) * 50)

    def test_a_server_that_cannot_start_more_processes_is_refused_if_one_is_not_enough(self) -> None:
        with pytest.raises(WaitbenchError, match=r"takes more than one process, and its server cannot start more"):
            sized("go", goal=Goal(3000, 20, 250), cpu_s=0.0008, latencies_s=(0.0208,) * 50)


def open_trials(variant: str, slots: int, p99_ms: Sequence[float], **changes: Any) -> Cell:
    """A cell of one trial for each p99: 2,000 responses after 121 ms, but one in fifty after the p99."""
    budget = VARIANTS[variant].resized({"in_flight": slots})
    name = f"{variant}-{slots}in-flight"
    target = runs.target(name, variant=variant, budget=budget, budget_read=budget)
    trials: list[TrialRecord] = []
    for number, ms in enumerate(p99_ms, 1):
        planned = runs.spec(name, params={"ms": 120}, load=200, repeat=number, load_model="open", max_in_flight=2000)
        taken = [121_000] * 1960 + [round(ms * 1000)] * 40
        trials.append(runs.open_trial(planned, taken_us=taken, **changes))
    return Cell.of(target, trials, len(trials))


class TestConfirmation:
    RECOMMENDED = sized()

    def confirmed(self, own: Cell, smaller: Cell) -> tuple[bool, list[Confirmation]]:
        found = confirmations(self.RECOMMENDED, [smaller, own])
        return is_confirmed(self.RECOMMENDED, found), found

    def cells(self, own: Sequence[float], less: Sequence[float]) -> tuple[Cell, Cell]:
        assert self.RECOMMENDED.smaller
        slots, few = self.RECOMMENDED.size.slots, self.RECOMMENDED.smaller.slots
        return open_trials("flask-threads", slots, own), open_trials("flask-threads", few, less)

    def test_it_is_confirmed_if_it_meets_the_objective_and_a_smaller_one_does_not(self) -> None:
        good, found = self.confirmed(*self.cells([160, 165, 170], [900, 950, 990]))
        assert good
        assert [each.outcome for each in found] == ["meets", "misses"]
        text = "\n".join(confirmation_lines(self.RECOMMENDED, found))
        assert "p99 165 ms (95 % CI 153 to 178) at 300/s, 100 MiB, meets it; 3 valid trials" in text
        assert "confirmed: it meets the objective, and one size smaller does not" in text

    @pytest.mark.parametrize(
        ("own", "less", "says"),
        [
            ([160, 165, 170], [160, 165, 170], "not confirmed as the smallest"),
            ([400, 450, 420], [900, 950, 990], "it misses the objective"),
            ([160, 450, 170], [900, 950, 990], "the trials disagree"),
        ],
    )
    def test_anything_else_is_not_confirmed_and_says_what_to_do(
        self, own: Sequence[float], less: Sequence[float], says: str
    ) -> None:
        good, found = self.confirmed(*self.cells(own, less))
        assert not good
        assert says in confirmation_lines(self.RECOMMENDED, found)[-1]

    def test_trials_that_do_not_count_are_named_and_left_out(self) -> None:
        own, less = self.cells([160, 165, 170], [900, 950, 990])
        late = own.trials[1].model_copy(update={"generator": runs.GENERATOR.model_copy(update={"cpu_share": 0.99})})
        own = Cell.of(own.target, [own.trials[0], late, own.trials[2]], 3)
        good, found = self.confirmed(own, less)
        assert good
        assert "2 valid trials; not counted: generator-cpu" in confirmation_lines(self.RECOMMENDED, found)[0]
        assert len(found[0].counted.trials) == 2

    def test_one_valid_trial_confirms_nothing(self) -> None:
        own, less = self.cells([160], [900, 950, 990])
        good, found = self.confirmed(own, less)
        assert not good
        assert found[0].outcome == "invalid"
        assert "too few valid trials" in confirmation_lines(self.RECOMMENDED, found)[-1]

    def test_without_a_measurement_nothing_is_confirmed(self) -> None:
        assert not is_confirmed(self.RECOMMENDED, [])
        assert "it was not measured" in confirmation_lines(self.RECOMMENDED, [])[-1]

    def test_programs_get_the_same_figures(self) -> None:
        _, found = self.confirmed(*self.cells([160, 165, 170], [900, 950, 990]))
        shown = as_json(self.RECOMMENDED, found)
        assert shown["recommended"]["in_flight"] == self.RECOMMENDED.size.slots
        assert shown["confirmed"] is True
        assert [each["outcome"] for each in shown["measured"]] == ["meets", "misses"]
        assert shown["measured"][0]["p99_ms"] == pytest.approx(165, rel=0.01)
        assert shown["measured"][1]["predicted_p99_ms"] is None  # its queue grows without end
        assert shown["limits"][0]["name"] == "threads"

    def test_people_get_the_arithmetic(self) -> None:
        text = "\n".join(arithmetic_lines(self.RECOMMENDED))
        assert "300/s x 120.4 ms = 36.1 (Little's law)" in text
        assert "300/s x 0.40 ms = 12 % of a core, in 1 process" in text
        assert f"80 MiB idle + {self.RECOMMENDED.size.slots} requests x 512 KiB, and 20 % more" in text
        assert f"threads at {self.RECOMMENDED.limits[0].rate:,.0f}/s, then" in text


class TestCalibration:
    def cell(self, **changes: Any) -> Cell:
        planned = runs.spec(params={"ms": 100}, load=100, load_model="open", max_in_flight=2000)
        taken = [101_000] * 900 + [140_000] * 100
        return Cell.of(runs.target(), [runs.open_trial(planned, taken_us=taken, cpu_s=0.5, **changes)], 1)

    def test_it_gives_cpu_latency_and_memory_of_a_request(self) -> None:
        """0.5 s of CPU for 1,000 requests; 40 MiB more than idle with 10 in flight."""
        found = measured(self.cell())
        assert found.cpu_s == pytest.approx(0.0005)
        assert found.hold_s == pytest.approx(0.9 * 0.101 + 0.1 * 0.140, rel=0.002)
        assert (found.idle_mib, found.mib_per_request, found.caveats) == (60, 4, ())

    def test_if_other_programs_disturbed_it_only_the_faster_half_counts_and_a_caveat_says_so(self) -> None:
        found = measured(self.cell(generator=runs.GENERATOR.model_copy(update={"foreign_share": 0.4})))
        assert found.hold_s == pytest.approx(0.101, rel=0.002)
        assert found.caveats == ("calibration: other processes took 40% of a core on the generator's cores",)

    def test_figures_of_a_service_that_is_not_as_declared_are_refused(self) -> None:
        cell = self.cell(errors={"status 503": 100})
        with pytest.raises(WaitbenchError, match=r"the calibration does not count: .* failed"):
            measured(cell)

    def test_a_service_that_reports_no_cpu_time_is_refused(self) -> None:
        with pytest.raises(WaitbenchError, match="no figure for CPU or memory"):
            measured(self.cell(usage=runs.usage(1000, cpu_s=0.0)))
