"""The queueing model against closed formulas, hand-computed figures, and properties that every queue has."""

import math
import random

import pytest

from waitbench.analysis.sizing.queueing import (
    Load,
    drawn_from,
    erlang_b,
    fewest_slots,
    latencies_s,
    p99_s,
    slots_against_blocking,
)

MANY = 100_000


def exponential(rate: float, mean_s: float) -> Load:
    """Requests that need no CPU and hold their slot for an exponential time: M/M/k."""
    return Load(rate, 0.0, lambda rng: rng.expovariate(1 / mean_s), mean_s)


def constant(rate: float, wait_s: float, cpu_s: float = 0.0) -> Load:
    return Load(rate, cpu_s, lambda _: wait_s, wait_s)


def erlang_b_by_definition(slots: int, in_flight: float) -> float:
    terms = [in_flight**n / math.factorial(n) for n in range(slots + 1)]
    return terms[-1] / math.fsum(terms)


def erlang_c(slots: int, in_flight: float) -> float:
    """The share of arrivals that wait in M/M/k."""
    terms = [in_flight**n / math.factorial(n) for n in range(slots)]
    last = in_flight**slots / math.factorial(slots) * slots / (slots - in_flight)
    return last / (math.fsum(terms) + last)


def sojourn_beyond(t: float, slots: int, rate: float, mean_s: float) -> float:
    """The share of requests of M/M/k that take longer than t, waiting included (Gross and Harris)."""
    mu, offered = 1 / mean_s, rate * mean_s
    waits, spare = erlang_c(slots, offered), slots - 1 - offered
    if abs(spare) < 1e-9:
        return math.exp(-mu * t) * (1 + waits * mu * t)
    return math.exp(-mu * t) * (1 + waits * (1 - math.exp(-mu * t * spare)) / spare)


def solved(slots: int, rate: float, mean_s: float) -> float:
    """The p99 of M/M/k, by bisecting its closed formula."""
    low, high = 0.0, 1000 * mean_s
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if sojourn_beyond(middle, slots, rate, mean_s) > 0.01 else (low, middle)
    return high


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


class TestErlangB:
    def test_by_hand(self) -> None:
        """One slot: a / (1 + a). Two slots: (a^2 / 2) / (1 + a + a^2 / 2)."""
        assert erlang_b(0, 3.0) == 1
        assert erlang_b(1, 1.0) == pytest.approx(1 / 2)
        assert erlang_b(2, 1.0) == pytest.approx(0.5 / 2.5)
        assert erlang_b(2, 3.0) == pytest.approx(4.5 / 8.5)

    @pytest.mark.parametrize("slots", [1, 5, 40, 60])
    @pytest.mark.parametrize("in_flight", [0.5, 4.0, 36.2])
    def test_the_recursion_gives_the_definition(self, slots: int, in_flight: float) -> None:
        assert erlang_b(slots, in_flight) == pytest.approx(erlang_b_by_definition(slots, in_flight))

    @pytest.mark.parametrize("in_flight", [0.3, 5, 38, 400])
    def test_one_slot_fewer_would_block_too_many(self, in_flight: float) -> None:
        slots = slots_against_blocking(in_flight, 0.005)
        assert erlang_b(slots, in_flight) <= 0.005 < erlang_b(slots - 1, in_flight)


class TestSimulation:
    @pytest.mark.parametrize(("slots", "rate"), [(1, 5), (2, 15), (10, 85), (40, 370)])
    def test_the_p99_is_that_of_the_closed_formula_of_many_exponential_servers(self, slots: int, rate: float) -> None:
        found = sorted(latencies_s(exponential(rate, 0.1), slots, MANY))
        assert found[math.ceil(0.99 * len(found)) - 1] == pytest.approx(solved(slots, rate, 0.1), rel=0.06)

    def test_the_mean_is_that_of_the_closed_formula_of_many_exponential_servers(self) -> None:
        expected = 0.1 + erlang_c(10, 8.5) / (10 / 0.1 - 85)
        assert mean(latencies_s(exponential(85, 0.1), 10, MANY)) == pytest.approx(expected, rel=0.03)

    @pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
    def test_the_mean_wait_for_one_constant_server_is_that_of_pollaczek_and_khinchine(self, share: float) -> None:
        found = mean(latencies_s(constant(share / 0.1, 0.1), 1, MANY)) - 0.1
        assert found == pytest.approx(share * 0.1 / (2 * (1 - share)), rel=0.06)

    @pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
    def test_the_core_delays_requests_as_in_a_network_of_queues(self, share: float) -> None:
        """Two visits of a core and a wait without a limit have the product form: wait + cpu / (1 - share)."""
        found = mean(latencies_s(constant(share / 0.002, 0.05, cpu_s=0.002), math.inf, MANY))
        assert found - 0.05 == pytest.approx(0.002 / (1 - share), rel=0.06)

    def test_requests_in_flight_follow_littles_law(self) -> None:
        load = constant(300, 0.12, cpu_s=0.0004)
        assert load.in_flight == pytest.approx(300 * 0.1204)
        assert load.cpu_share == pytest.approx(0.12)

    def test_without_a_queue_a_request_takes_its_wait(self) -> None:
        assert {round(each, 9) for each in latencies_s(constant(10, 0.1), math.inf, 500)} == {0.1}

    @pytest.mark.parametrize("load", [constant(300, 0.12), constant(100, 0.0, cpu_s=0.01)])
    def test_more_than_the_slots_or_the_core_can_take_has_no_p99(self, load: Load) -> None:
        assert p99_s(load, 36) == math.inf

    def test_every_number_of_slots_gets_the_same_requests(self) -> None:
        load = exponential(85, 0.1)
        assert latencies_s(load, 20, 2000) == latencies_s(load, 20, 2000)
        few, many = (mean(latencies_s(load, slots, 5000)) for slots in (10, 12))
        assert many < few

    def test_waits_are_drawn_evenly_from_the_measured_ones(self) -> None:
        draw, rng = drawn_from([1.0, 2.0, 3.0, 4.0]), random.Random(3)
        found = [draw(rng) for _ in range(8000)]
        assert mean(found) == pytest.approx(2.5, rel=0.03)
        assert set(found) == {1.0, 2.0, 3.0, 4.0}


class TestFewestSlots:
    @pytest.mark.parametrize(("rate", "wait_s", "limit_s"), [(315, 0.12, 0.2), (30, 0.1, 0.25), (26, 0.02, 0.05)])
    def test_one_slot_fewer_misses_the_limit(self, rate: float, wait_s: float, limit_s: float) -> None:
        load = constant(rate, wait_s, cpu_s=0.0004)
        slots = fewest_slots(load, limit_s)
        assert slots is not None
        assert p99_s(load, slots) <= limit_s < p99_s(load, slots - 1)

    def test_by_hand_the_slots_are_a_few_more_than_the_requests_in_flight(self) -> None:
        """315/s x 0.12 s = 37.8 in flight. Below that the queue grows; a tenth more is enough for 200 ms."""
        assert 38 <= (fewest_slots(constant(315, 0.12), 0.2) or 0) <= 42

    def test_a_limit_below_the_wait_has_no_number_of_slots(self) -> None:
        assert fewest_slots(constant(100, 0.12), 0.1) is None
