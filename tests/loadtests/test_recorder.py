"""The records of a trial."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.percentiles import lag_percentile_ms, percentile
from loadtests.recorder import Recorder, Window
from loadtests.share_runner import ticks_late_s
from waitbench.records import histogram
from waitbench.records.trial import Bin, Phase, Second

MS, S = 1_000_000, 1_000_000_000
BEGAN = 7 * S
"""When the trial began, on a clock that did not begin then."""
WINDOW = Window(BEGAN + 1 * S, BEGAN + 3 * S)


@pytest.mark.parametrize(
    ("late_s", "ticks"), [(-0.001, [0]), (0.0, [0]), (0.004, [0.004]), (0.025, [0.025, 0.015, 0.005])]
)
def test_ticks_that_were_due_during_a_stall_of_the_loop_are_late_too(late_s: float, ticks: list[float]) -> None:
    assert ticks_late_s(late_s) == pytest.approx(ticks)


def recorded(*requests: tuple[int, int] | tuple[int, int, str]) -> Recorder:
    """Return a recorder of requests: sent and ended, in milliseconds since the trial began, and an error class."""
    recorder = Recorder(BEGAN)
    for sent, ended, *failed in requests:
        if failed:
            recorder.failed(BEGAN + sent * MS, BEGAN + sent * MS, BEGAN + ended * MS, str(failed[0]))
        else:
            recorder.good(BEGAN + sent * MS, BEGAN + sent * MS, BEGAN + ended * MS)
    return recorder


class TestThirds:
    """The interquartile mean of each third of the window; thirds of 2 s are 667 ms."""

    @pytest.mark.parametrize(
        ("taken_ms", "mean_us"),
        [
            ([7], 7_000),
            ([1, 2, 3, 9000], 2_500),  # without one value at either end
            ([1, 2, 3, 4, 5, 6, 7, 8, 9000], 5_000),  # without two values at either end
            ([9, 1, 5], 5_000),  # 3 // 4 = 0
        ],
    )
    def test_a_quarter_of_the_values_at_either_end_does_not_count(self, taken_ms: list[int], mean_us: int) -> None:
        recorder = recorded(*((1100, 1100 + taken) for taken in taken_ms), (2999, 3000))
        assert recorder.thirds_iqm_us(WINDOW) == [mean_us, None, 1_000]

    def test_it_does_not_jump_between_two_processes_as_a_median_does(self) -> None:
        """Latencies are 100 and 200 ms. 51 of a hundred are short in the first third, and 49 in the last."""
        begins = [(1100, 51), (1800, 50), (2500, 49)]
        recorder = recorded(*((at, at + (100 if n < quick else 200)) for at, quick in begins for n in range(100)))
        assert recorder.thirds_iqm_us(WINDOW) == [148_000, 150_000, 152_000]


class TestPhases:
    """A request belongs to the phase in which it was sent."""

    def test_a_request_counts_where_it_was_sent_whenever_it_ended(self) -> None:
        recorder = recorded((900, 1100), (999, 3500), (1000, 1100), (2999, 3100))
        assert recorder.phases(WINDOW) == (Phase(good=2), Phase(good=2), 1)

    def test_errors_are_counted_by_class_in_their_phase(self) -> None:
        recorder = recorded(
            (0, 10, "refused"), (1500, 1510, "reset"), (1600, 1610), (1700, 1710, "timeout"), (1800, 1810, "reset")
        )
        warmup, measured, drained = recorder.phases(WINDOW)
        assert warmup == Phase(errors={"refused": 1})
        assert measured == Phase(good=1, errors={"reset": 2, "timeout": 1})
        assert (warmup.sent, measured.sent, measured.failed, drained) == (1, 4, 3, 0)

    def test_drained_requests_were_sent_in_the_window_and_ended_at_its_end_or_later(self) -> None:
        recorder = recorded((2000, 2999), (2000, 3000), (2900, 9000), (2950, 3050, "timeout"), (500, 3500))
        assert recorder.phases(WINDOW)[2] == 3

    def test_no_requests_give_an_empty_record(self) -> None:
        assert recorded().phases(WINDOW) == (Phase(), Phase(), 0)

    @given(st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 2000), st.sampled_from(["", "reset", "timeout"]))))
    def test_every_request_is_in_one_phase(self, requests: list[tuple[int, int, str]]) -> None:
        recorder = recorded(
            *[(sent, sent + took, kind) if kind else (sent, sent + took) for sent, took, kind in requests]
        )
        warmup, measured, drained = recorder.phases(WINDOW)
        assert warmup.sent + measured.sent == len(requests)
        assert 0 <= drained <= measured.sent


class TestLatency:
    """Latency is that of good responses and timeouts. Without these, slow services would look faster."""

    def test_timeouts_count_and_other_errors_do_not(self) -> None:
        found = recorded((1000, 1100), (1000, 2500, "timeout"), (1000, 1001, "reset"), (1000, 1002, "status 503"))
        taken = found.latency(WINDOW)
        assert taken is not None
        assert (taken.count, taken.sum_us, taken.min_us, taken.max_us) == (2, 1_600_000, 100_000, 1_500_000)

    def test_only_requests_sent_in_the_window_count_and_the_drain_is_not_cut_off(self) -> None:
        taken = recorded((500, 600), (2900, 9900)).latency(WINDOW)
        assert taken is not None
        assert (taken.count, taken.max_us) == (1, 7_000_000)

    def test_without_good_responses_and_timeouts_there_is_no_latency(self) -> None:
        assert recorded().latency(WINDOW) is None
        assert recorded((500, 600), (1500, 1501, "refused")).latency(WINDOW) is None

    def test_a_response_within_less_than_a_microsecond_counts_as_one(self) -> None:
        recorder = Recorder(BEGAN)
        recorder.good(WINDOW.begin_ns, WINDOW.begin_ns, WINDOW.begin_ns + 10)
        taken = recorder.latency(WINDOW)
        assert taken is not None
        assert (taken.min_us, taken.sum_us) == (1, 1)

    def test_the_histogram_agrees_with_the_sums(self) -> None:
        taken = recorded(*[(1000, 1000 + ms) for ms in range(1, 101)]).latency(WINDOW)
        assert taken is not None
        merged = histogram.merged([taken.histogram])
        assert merged.get_total_count() == taken.count == 100
        assert histogram.percentile_us(merged, 50) == pytest.approx(50_000, rel=0.001)
        assert histogram.percentile_us(merged, 100) == pytest.approx(taken.max_us, rel=0.001)


class TestOccupancy:
    """The average number of requests in flight over the window, exactly."""

    def test_a_user_that_always_waits_counts_as_one_request(self) -> None:
        assert recorded((0, 1500), (1500, 2700), (2700, 4000)).occupancy(WINDOW) == pytest.approx(1.0)

    def test_time_outside_the_window_does_not_count(self) -> None:
        assert recorded((0, 900), (2000, 2500), (2900, 3900)).occupancy(WINDOW) == pytest.approx((0.5 + 0.1) / 2)
        assert recorded().occupancy(WINDOW) == 0.0


class TestSpanning:
    """Requests that were in flight during the whole window."""

    def test_requests_sent_before_the_window_that_ended_after_it_count(self) -> None:
        assert recorded((999, 3000), (0, 9900, "timeout"), (500, 9000, "reset")).spanning(WINDOW) == 3

    def test_requests_that_began_or_ended_in_the_window_do_not_count(self) -> None:
        assert recorded((1000, 9000), (999, 2999), (0, 900), (1500, 1600)).spanning(WINDOW) == 0
        assert recorded().spanning(WINDOW) == 0


class TestLongestSilence:
    """The window is from 1,000 to 3,000 ms."""

    @pytest.mark.parametrize(
        ("requests", "silence_s"),
        [
            ([(1000, 1100), (1100, 1300), (1300, 3000)], 1.7),
            ([(500, 1400), (1400, 1500)], 0.4),  # from the window's beginning, not from the send
            ([(1000, 1100), (1100, 4000)], 1.9),  # to the window's end, not to the response
            ([(500, 9000)], 2.0),
            ([(1000, 1100), (2900, 2950)], 0.1),  # no request waited between the two
            ([(1000, 2900), (2000, 2100), (2100, 2200)], 1.1),  # the first one waited until the second ended
            ([(500, 900)], 0.0),
            ([], 0.0),
        ],
    )
    def test_it_is_the_longest_time_without_a_response_while_any_request_waits(
        self, requests: list[tuple[int, int]], silence_s: float
    ) -> None:
        assert recorded(*requests).longest_silence_s(WINDOW) == pytest.approx(silence_s)

    def test_a_failure_ends_a_silence_too(self) -> None:
        assert recorded((1000, 3000), (1000, 2000, "reset")).longest_silence_s(WINDOW) == pytest.approx(1.0)


class TestTimeline:
    """One entry for each second, by when requests ended."""

    def test_no_second_is_left_out(self) -> None:
        found = recorded((0, 500), (100, 900), (0, 3200)).timeline()
        assert found == [
            Second(second=0, good=2, errors=0, p50_us=500_000, p99_us=800_000),
            Second(second=1, good=0, errors=0, p50_us=None, p99_us=None),
            Second(second=2, good=0, errors=0, p50_us=None, p99_us=None),
            Second(second=3, good=1, errors=0, p50_us=3_200_000, p99_us=3_200_000),
        ]

    def test_a_second_of_errors_alone_has_no_latency(self) -> None:
        assert recorded((0, 1500, "timeout"), (0, 1600, "reset")).timeline() == [
            Second(second=0, good=0, errors=0, p50_us=None, p99_us=None),
            Second(second=1, good=0, errors=2, p50_us=None, p99_us=None),
        ]

    def test_no_requests_give_an_empty_record(self) -> None:
        assert recorded().timeline() == []

    def test_requests_that_ended_before_the_warm_up_are_in_no_second(self) -> None:
        found = recorded((-600, -1), (-1500, -1200, "reset"), (-700, 0), (100, 900)).timeline()
        assert found == [Second(second=0, good=2, errors=0, p50_us=700_000, p99_us=800_000)]
        assert recorded((-600, -1)).timeline() == []

    def test_requests_that_ended_before_the_warm_up_are_counted_by_kind(self) -> None:
        early = recorded((-600, -1), (-1500, -1200, "reset"), (-700, 0), (100, 900)).gathered()
        assert early == Phase(good=1, errors={"reset": 1})

    @given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000), st.booleans()), min_size=1))
    def test_every_request_is_in_one_second(self, requests: list[tuple[int, int, bool]]) -> None:
        found = recorded(*[(sent, sent + t) if good else (sent, sent + t, "reset") for sent, t, good in requests])
        seconds = found.timeline()
        assert [each.second for each in seconds] == list(range(len(seconds)))
        assert sum(each.good for each in seconds) == sum(good for *_, good in requests)
        assert sum(each.errors for each in seconds) == sum(not good for *_, good in requests)


class TestBins:
    """Bins of a quarter of a second, by when requests were due."""

    WINDOW = Window(BEGAN + 250 * MS, BEGAN + 1000 * MS)

    def found(self, *requests: tuple[int, int] | tuple[int, int, str], shed: tuple[int, ...] = ()) -> list[Bin]:
        recorder = recorded(*requests)
        for due in shed:
            recorder.shed(BEGAN + due * MS)
        return recorder.bins(self.WINDOW)

    def test_bins_go_from_the_beginning_of_the_warm_up_to_the_end_of_the_window(self) -> None:
        assert [each.begin_s for each in self.found()] == [0.0, 0.25, 0.5, 0.75]

    def test_a_bin_in_which_nothing_was_due_has_no_percentiles(self) -> None:
        nothing = Bin(begin_s=0.5, due=0, good=0, p50_us=None, p90_us=None, p99_us=None, answered=0)
        assert self.found((100, 200))[2] == nothing

    def test_a_request_is_due_in_one_bin_and_answered_in_the_bin_in_which_it_ended(self) -> None:
        found = self.found((0, 249), (249, 250), (250, 760), (999, 1200))
        assert [each.due for each in found] == [2, 1, 0, 1]
        assert [each.good for each in found] == [2, 1, 0, 1]
        assert [each.answered for each in found] == [1, 1, 0, 1]  # and one ended after the window
        assert [each.p50_us for each in found] == [1_000, 510_000, None, 201_000]

    def test_percentiles_are_by_percentile(self) -> None:
        """Latencies are 1 to 20 ms. The ranks are the 10th, the 18th, and ceil(19.8) = 20th."""
        first = self.found(*[(0, ms) for ms in range(20, 0, -1)])[0]
        assert (first.p50_us, first.p90_us, first.p99_us) == (10_000, 18_000, 20_000)

    def test_a_failed_request_counts_as_slower_than_all_others_however_soon_it_ended(self) -> None:
        """Eight requests take 1 to 8 ms, one fails at once, and one times out. The 9th and 10th are not known."""
        requests = [(0, ms) for ms in range(1, 9)]
        first = self.found(*requests, (0, 0, "refused"), (0, 900, "timeout"))[0]
        assert (first.due, first.good, first.answered) == (10, 8, 8)
        assert (first.p50_us, first.p90_us, first.p99_us) == (5_000, None, None)

    def test_a_shed_request_was_due_and_counts_as_slower_than_all_others(self) -> None:
        """Nine requests take 1 to 9 ms, and one is shed. The 9th is the p90, and the 10th is not known."""
        second = self.found(*[(250, 250 + ms) for ms in range(1, 10)], shed=(300,))[1]
        assert (second.due, second.good) == (10, 9)
        assert (second.p50_us, second.p90_us, second.p99_us) == (5_000, 9_000, None)

    def test_if_all_failed_or_were_shed_no_percentile_is_known(self) -> None:
        second = self.found((300, 301, "reset"), shed=(260,))[1]
        assert second == Bin(begin_s=0.25, due=2, good=0, p50_us=None, p90_us=None, p99_us=None, answered=0)

    def test_a_failure_is_not_counted_as_answered(self) -> None:
        assert [each.answered for each in self.found((0, 300, "status 503"), (0, 310))] == [0, 1, 0, 0]

    @given(st.lists(st.tuples(st.integers(0, 999), st.integers(0, 999), st.sampled_from(["", "", "reset", "shed"]))))
    def test_every_arrival_is_in_one_bin(self, arrivals: list[tuple[int, int, str]]) -> None:
        sent = [(due, due + took, *([kind] if kind else [])) for due, took, kind in arrivals if kind != "shed"]
        found = self.found(*sent, shed=tuple(due for due, _, kind in arrivals if kind == "shed"))  # type: ignore[arg-type]
        assert sum(each.due for each in found) == len(arrivals)
        assert sum(each.good for each in found) == sum(not kind for *_, kind in arrivals)
        assert sum(each.answered for each in found) == sum(not k and due + took < 1000 for due, took, k in arrivals)

    @pytest.mark.parametrize(("end_ns", "bins"), [(630 * MS, 2), (740 * MS, 2), (750 * MS - 2, 3), (760 * MS, 3)])
    def test_every_bin_is_whole(self, end_ns: int, bins: int) -> None:
        recorder = recorded((0, 10), (550, 560), (620, 625))
        found = recorder.bins(Window(BEGAN + 100 * MS, BEGAN + end_ns))
        assert [each.due for each in found] == [1, 0, 2][:bins]

    def test_added_parts_have_the_bins_of_the_whole(self) -> None:
        requests: list[tuple[int, int]] = [(n * 7, n * 7 + n % 13 + 1) for n in range(140)]
        total = Recorder()
        for part in (requests[::2], requests[1::2]):
            total.add_packed(recorded(*part).packed())
        assert total.bins(self.WINDOW) == recorded(*requests).bins(self.WINDOW)


class TestBatch:
    def test_a_batch_has_the_requests_since_the_last_one(self) -> None:
        recorder = recorded((0, 100), (0, 300), (0, 5, "reset"))
        first, second = recorder.batch(), recorder.batch()
        assert (list(first.good), first.failures, first.p99_ms) == ([True, True, False], ["reset"], 300.0)
        assert (len(second.taken_us), second.failures, second.p99_ms) == (0, [], None)
        recorder.good(BEGAN, BEGAN, BEGAN + 50 * MS)
        third = recorder.batch()
        assert (list(third.taken_us), third.p99_ms) == ([50_000], 50.0)


class TestNearestRank:
    @pytest.mark.parametrize(
        ("values", "percent", "right"),
        [
            # rank = ceil(count x percent / 100)
            ([15, 20, 35, 40, 50], 30, 20),  # ceil(1.5) = 2
            ([15, 20, 35, 40, 50], 40, 20),  # ceil(2) = 2
            ([15, 20, 35, 40, 50], 50, 35),  # ceil(2.5) = 3
            ([15, 20, 35, 40, 50], 99, 50),  # ceil(4.95) = 5
            (list(range(1, 101)), 99, 99),
            (list(range(1, 102)), 99, 100),  # ceil(99.99) = 100
            ([7], 50, 7),
            ([1, 2], 50, 1),
            ([1, 2], 0, 1),
            ([], 99, None),
        ],
    )
    def test_it_is_the_lowest_value_that_so_many_do_not_exceed(
        self, values: list[int], percent: int, right: int | None
    ) -> None:
        assert percentile(values, percent) == right

    @given(st.lists(st.integers(0, 100), min_size=1), st.integers(1, 100))
    def test_so_many_values_and_no_fewer_do_not_exceed_it(self, values: list[int], percent: int) -> None:
        found = percentile(sorted(values), percent)
        assert found is not None
        assert sum(value <= found for value in values) * 100 >= percent * len(values)
        assert sum(value < found for value in values) * 100 < percent * len(values)

    def test_lags_are_in_milliseconds(self) -> None:
        assert lag_percentile_ms([0.001, 0.003, 0.002], 50) == 2.0
        assert lag_percentile_ms([], 99) == 0.0


class TestHistogram:
    """Three significant digits, from a microsecond to ten minutes."""

    @given(st.lists(st.integers(1, 600_000_000), min_size=1, max_size=200), st.sampled_from([50, 90, 95, 99, 99.9]))
    def test_a_percentile_is_within_a_thousandth_of_the_exact_one(self, values: list[int], percent: float) -> None:
        exact = sorted(values)[math.ceil(round(len(values) * percent / 100, 6)) - 1]
        found = histogram.percentile_us(histogram.merged([histogram.encode(histogram.of(values))]), percent)
        assert found == pytest.approx(exact, rel=0.001, abs=1)

    @given(st.lists(st.lists(st.integers(1, 10_000_000), max_size=50), max_size=4))
    def test_merged_histograms_equal_one_of_all_values(self, parts: list[list[int]]) -> None:
        merged = histogram.merged(histogram.encode(histogram.of(part)) for part in parts)
        whole = histogram.of(value for part in parts for value in part)
        assert merged.get_total_count() == whole.get_total_count()
        for percent in (50, 99):
            assert histogram.percentile_us(merged, percent) == histogram.percentile_us(whole, percent)

    def test_values_beyond_the_range_are_kept_at_its_edge(self) -> None:
        merged = histogram.of([0, 10**12])
        assert merged.get_total_count() == 2
        assert histogram.percentile_us(merged, 1) == 1
        assert histogram.percentile_us(merged, 100) == pytest.approx(600_000_000, rel=0.001)


class TestArrivals:
    """An open loop: latency is from the intended start, and the generator's lateness is shown separately."""

    @staticmethod
    def late() -> Recorder:
        recorder = Recorder(BEGAN)
        for intended, sent, ended in ((500, 500, 600), (1500, 1503, 1603), (1600, 1610, 1710), (1700, 1700, 1800)):
            recorder.good(BEGAN + intended * MS, BEGAN + sent * MS, BEGAN + ended * MS)
        recorder.shed(BEGAN + 400 * MS)
        recorder.shed(BEGAN + 2000 * MS)
        return recorder

    def test_latency_begins_at_the_intended_start(self) -> None:
        found = self.late().latency(WINDOW)
        assert found is not None
        assert (found.count, found.min_us, found.max_us, found.sum_us) == (3, 100_000, 110_000, 313_000)

    def test_service_time_begins_at_the_send(self) -> None:
        found = self.late().arrivals(WINDOW).service_time
        assert found is not None
        assert (found.min_us, found.max_us) == (100_000, 100_000)

    def test_shed_arrivals_count_as_intended(self) -> None:
        found = self.late().arrivals(WINDOW)
        assert (found.intended, found.shed, found.shed_warmup) == (4, 1, 1)
        assert (found.delay_p50_us, found.delay_p99_us, found.delay_max_us) == (3_000, 10_000, 10_000)

    def test_without_arrivals_there_is_no_delay(self) -> None:
        found = Recorder(BEGAN).arrivals(WINDOW)
        assert (found.intended, found.shed, found.delay_p99_us, found.service_time) == (0, 0, None, None)
