"""Locust's own statistics, fed in batches: its web UI shows our measurements."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from locust.env import Environment
from locust.stats import calculate_response_time_percentile

from loadtests.manual_load import manual_choices
from loadtests.recorder import Recorder
from loadtests.ui_statistics import UiStatistics, buckets_ms
from loadtests.webui import _Finished, _row
from tests.made_up import runs
from waitbench.records import histogram
from waitbench.records.load_point import Mixed
from waitbench.records.spec import Exchange, TrialSpec

SPEC = runs.spec(body="hello")
MS = 1_000_000


def fed(*batches: list[tuple[int, str]]) -> Environment:
    """Return statistics after batches of (microseconds, failure or "")."""
    environment = Environment()
    feed, recorder = UiStatistics(environment, SPEC), Recorder(0)
    for batch in batches:
        for taken_us, failure in batch:
            if failure:
                recorder.failed(0, 0, taken_us * 1000, failure)
            else:
                recorder.good(0, 0, taken_us * 1000)
        feed.add(recorder.batch())
    return environment


def test_counts_errors_and_bytes_add_up_over_batches() -> None:
    stats = fed([(1000, ""), (2000, "reset")], [], [(3000, "")]).stats
    for entry in (stats.total, stats.get(SPEC.description, SPEC.variant)):
        assert (entry.num_requests, entry.num_failures) == (3, 1)
        assert (entry.min_response_time, entry.max_response_time) == (1.0, 3.0)
        assert entry.total_content_length == 2 * len("hello")
    [error] = stats.errors.values()
    assert (error.error, error.occurrences) == ("reset", 1)


def test_an_empty_batch_changes_nothing() -> None:
    assert fed([]).stats.num_requests == 0


def test_neighbours_have_a_row_of_their_own_and_are_in_the_total() -> None:
    mixed = Mixed(workload="download", params={}, share=0.1)
    neighbours = Exchange(path="/download?kib=1", body=None, receives=1024)
    planned = runs.spec(workload="fast", params={}, body="hello", scenario=mixed, neighbours=neighbours)
    environment = Environment()
    feed, fast, slow = UiStatistics(environment, planned), Recorder(0), Recorder(0)
    for _ in range(3):
        fast.good(0, 0, 1 * MS)
        slow.good(0, 0, 50 * MS)
    slow.failed(0, 0, 70 * MS, "wrong body")
    for _ in range(2):  # the second time, there is nothing new
        feed.add(fast.batch())
        feed.add_neighbours(slow)
    stats = environment.stats
    rows = {
        name: (row.num_requests, row.num_failures, row.total_content_length) for (name, _), row in stats.entries.items()
    }
    assert rows == {
        planned.description: (3, 0, 3 * len("hello")),
        f"{planned.description}, neighbours": (4, 1, 3 * 1024),
    }
    assert (stats.total.num_requests, stats.total.num_failures, stats.total.max_response_time) == (7, 1, 70.0)


def test_a_mixed_load_without_its_neighbours_has_one_row() -> None:
    environment = Environment()
    UiStatistics(environment, SPEC).add_neighbours(None)
    assert list(environment.stats.entries) == []


def choices(*specs: TrialSpec) -> list[str]:
    return list(manual_choices(runs.run_record(specs)))


def test_each_request_of_each_service_is_one_choice() -> None:
    wait = [runs.spec(variant, load=load) for variant in ("flask-threads", "django-gevent") for load in (5, 10)]
    assert choices(*wait) == ["django-gevent /wait?ms=100", "flask-threads /wait?ms=100"]


def test_a_choice_shows_the_size_and_the_pace_of_the_client() -> None:
    send: dict[str, Any] = {"method": "POST", "path": "/upload"}
    assert choices(
        runs.spec(**send, sends=64 * 1024, bytes_per_s=16 * 1024),
        runs.spec(**send, sends=64 * 1024),
        runs.spec(path="/download?kib=64", receives=64 * 1024, bytes_per_s=16 * 1024),
        runs.spec(path="/download?kib=64", receives=64 * 1024),
    ) == [
        "flask-threads /download?kib=64 at 16 KiB/s",
        "flask-threads /download?kib=64",
        "flask-threads /upload 64 KiB at 16 KiB/s",
        "flask-threads /upload 64 KiB",
    ]


@given(st.lists(st.integers(1, 60_000_000), min_size=20, max_size=300), st.sampled_from([50, 90, 99]))
def test_its_percentiles_equal_ours_to_three_digits(taken_us: list[int], percent: int) -> None:
    entry = fed([(taken, "") for taken in taken_us]).stats.total
    theirs = calculate_response_time_percentile(entry.response_times, entry.num_requests, percent / 100)
    # If the rank is a whole number, Locust takes the next higher value. Both are correct.
    either = (percent, min(percent + 100 / len(taken_us), 100))
    ours = [histogram.percentile_us(histogram.of(taken_us), at) / 1000 for at in either]
    assert any(theirs == pytest.approx(one, rel=0.012) for one in ours)


def test_buckets_keep_three_digits_and_lose_no_request() -> None:
    found = buckets_ms(np.array([1, 999, 1000, 12_345, 12_349, 1_234_567], dtype=np.int64))
    assert found == {0.001: 1, 0.999: 1, 1.0: 1, 12.3: 2, 1230.0: 1}


@pytest.mark.fault(
    "data",
    "a trial file is damaged while the web UI shows finished trials",
    "the tab shows the others; before, every request of the page failed with 500",
)
def test_the_tab_of_finished_trials_leaves_out_a_damaged_one(tmp_path: Path) -> None:
    specs = [runs.spec(repeat=repeat) for repeat in (1, 2, 3)]
    run = runs.run_record(specs)
    folder = runs.run_folder(tmp_path / "run", run, [runs.trial(spec) for spec in specs])
    (folder.trials / specs[0].file).write_text("{")
    finished = _Finished()
    for _ in range(2):
        assert [_row(trial)["name"] for trial in finished.new(folder, run)] == [spec.file for spec in specs[1:]]
