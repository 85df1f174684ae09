"""Whole runs against servers whose truth is programmed: the reports must agree with what was done.

Percentiles are within 1 % or 1 ms, whichever is more, and counts are exact. The truth of an open loop begins at the
scheduled starts, and ends when the server recorded its response. The truth of a closed loop is between the server's own
reading and writing.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean

import pytest

from tests import processes
from tests.known_answers.account import Account, Phases, nearness
from tests.known_answers.programmed import ACCEPT_EVERY_S
from tests.known_answers.whole import Cell, Key, codes, play, play_in_quiet
from waitbench.catalog.percentiles import PERCENTILES, samples_needed
from waitbench.launch.client import wait_until
from waitbench.records import histogram
from waitbench.records.folder import RunFolder
from waitbench.records.trial import Latency, Phase, TrialRecord

pytestmark = [pytest.mark.live, pytest.mark.alone]

NOISE = {
    "generator-lag", "generator-cpu", "littles-law", "dispatch-delay", "lateness", "rate", "ceiling-bound", "drift",
    "stolen", "contention", "database-limit", "outlier", "stall",
}  # fmt: skip
"""Reasons that a busy machine, or a stall in the window, may add to a run against a correct server."""

TOP = 'title = "Known answers"\nwarmup_s = 0.3\nvariants = ["fastapi-asyncio"]\n'
SLOW = """repeats = 2
spare = 0
measure_s = 1.5
[[cells]]
workload = "wait"
params = { ms = 1 }
rate = [400]
[[cells]]
workload = "fast"
users = [8]
[[cells]]
workload = "db"
params = { ms = 1 }
rate = [50]
[[cells]]
workload = "upstream"
params = { ms = 1 }
users = [1]
"""
BOTH = {"open": "wait", "closed": "fast"}
SLOW_TRUTHS = {
    "constant": BOTH,
    "bimodal": BOTH,
    "heavy-tailed": BOTH,
    "stalling": {"open": "wait"},
    "late-to-accept": {"open": "db"},
    "endless": {"closed": "upstream"},
}
FAULTY = """repeats = 1
spare = 0
measure_s = 1.0
timeout_s = 1.0
[[cells]]
workload = "wait"
params = { ms = 1 }
rate = [200]
arrivals = "uniform"
[[cells]]
workload = "fast"
users = [8]
"""
FAULTY_TRUTHS = dict.fromkeys(("failing", "resetting", "short", "overlong", "dripping"), BOTH)
PHASES: tuple[Phases, ...] = ("warmup", "measured")
STILL_S = 0.4
STILL = """repeats = 1
spare = 0
measure_s = 2.0
[[cells]]
workload = "wait"
params = { ms = 1 }
rate = [200]
"""

SLOW_KEYS = [(name, model) for name, paths in SLOW_TRUTHS.items() for model in paths]
FAULTY_KEYS = [(name, model) for name, paths in FAULTY_TRUTHS.items() for model in paths]
COMPLETED = [key for key in SLOW_KEYS + FAULTY_KEYS if key[0] != "endless"]
ALONE = [key for key in SLOW_KEYS if key[0] in ("constant", "bimodal", "heavy-tailed")]
"""Truths in which no request has to wait for another."""


def named(keys: Sequence[Key]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("key", keys, ids=lambda key: "-".join(key))


@pytest.fixture(scope="module")
def cells() -> dict[Key, Cell]:
    """Run two plans at a time, since each takes a tenth of a core. The first takes as long as the other two."""

    def played(*runs: tuple[str, dict[str, dict[str, str]]]) -> dict[Key, Cell]:
        return {key: cell for plan, truths in runs for key, cell in play_in_quiet(TOP + plan, truths).items()}

    first = {name: SLOW_TRUTHS[name] for name in ("constant", "bimodal", "heavy-tailed")}
    second = {name: paths for name, paths in SLOW_TRUTHS.items() if name not in first}
    with ThreadPoolExecutor() as both:
        one = both.submit(played, (SLOW, first))
        other = both.submit(played, (SLOW, second), (FAULTY, FAULTY_TRUTHS))
        return one.result() | other.result()


@pytest.fixture
def cell(key: Key, cells: dict[Key, Cell]) -> Cell:
    return cells[key]


Bound = Callable[[Account], list[float]]
"""Returns latencies in order, in microseconds."""


def wrong(cell: Cell, least: Bound, most: Bound) -> list[str]:
    """Return percentiles of the trial files and of both tables that are not near enough to the truth."""
    found: list[str] = []
    for account, row in zip(cell.accounts, cell.rows, strict=True):
        assert account.trial.latency is not None
        found += wrong_in_histogram(account.trial.latency, least(account), most(account), account.uncertain)
        found += wrong_in_row(row, least(account), most(account), account.uncertain)
    lowest, highest = (sorted(taken for each in cell.accounts for taken in bound(each)) for bound in (least, most))
    return found + wrong_in_row(cell.summary, lowest, highest, sum(account.uncertain for account in cell.accounts))


def wrong_in_histogram(
    reported: Latency, least_us: Sequence[float], most_us: Sequence[float], uncertain: int = 0
) -> list[str]:
    merged = histogram.merged([reported.histogram])
    found = [
        nearness(histogram.percentile_us(merged, percent), least_us, most_us, percent, uncertain)
        for percent in PERCENTILES.values()
        if len(least_us) >= samples_needed(percent)  # as in the report: other percentiles are chance, here too
    ]
    return [problem for problem in found if problem]


def wrong_in_row(row: dict[str, str], least_us: Sequence[float], most_us: Sequence[float], uncertain: int) -> list[str]:
    found = []
    for name, percent in PERCENTILES.items():
        reported = row[f"{name}_ms"]
        if reported:
            found.append(nearness(float(reported) * 1000, least_us, most_us, percent, uncertain))
        if bool(reported) != (len(least_us) >= samples_needed(percent)) and not uncertain:
            found.append(f"{name} is reported as {reported!r}, from {len(least_us)} responses")
    return [problem for problem in found if problem]


@named(COMPLETED)
def test_percentiles_agree_with_the_servers_record(cell: Cell) -> None:
    assert wrong(cell, Account.taken_us, Account.at_most_us) == []


@named(ALONE)
def test_percentiles_agree_with_the_programmed_delays(cell: Cell) -> None:
    def most_us(account: Account) -> list[float]:
        late_us = account.late_us
        return [taken + late_us for taken in account.programmed_us()] if account.open else account.at_most_us()

    assert wrong(cell, Account.programmed_us, most_us) == []


@named([key for key in ALONE + FAULTY_KEYS if key[1] == "open"])
def test_means_and_service_times_agree_with_the_servers_record(cell: Cell) -> None:
    for account, row in zip(cell.accounts, cell.rows, strict=True):
        least, most, arrivals = account.taken_us(), account.at_most_us(), account.trial.arrivals
        mean_us = float(row["mean_ms"]) * 1000
        assert min(0.99 * mean(least), mean(least) - 1_000) <= mean_us <= max(1.01 * mean(most), mean(most) + 1_000)
        assert arrivals is not None
        assert arrivals.service_time is not None
        # A request was sent before the server read it, and not before its intended start.
        assert wrong_in_histogram(arrivals.service_time, account.served_us(), most) == []


@named(SLOW_KEYS + FAULTY_KEYS)
class TestCounts:
    def test_the_generator_counts_every_request_that_the_server_read(self, cell: Cell) -> None:
        assert cell.asked == sum(account.trial.sent for account in cell.accounts) > 0

    def test_good_responses_and_errors_by_class_are_exact_in_warm_up_and_window(self, cell: Cell) -> None:
        for account in cell.accounts:
            trial = account.trial
            assert account.kinds() == sum((counted(trial, phase) for phase in PHASES), Counter())
            for phase in PHASES:
                found, truth = counted(trial, phase), account.kinds(phase)
                off = {kind: abs(found[kind] - truth[kind]) for kind in found | truth}
                assert sum(off.values()) <= account.uncertain, (found, truth)

    def test_requests_that_ended_after_the_window_are_counted(self, cell: Cell) -> None:
        for account in cell.accounts:
            (surely, maybe), unknown = account.drained(), account.uncertain if account.open else 0
            assert surely - unknown <= account.trial.drained <= maybe + unknown

    def test_an_open_loop_sent_its_whole_schedule(self, cell: Cell) -> None:
        for account in cell.accounts:
            if account.open:
                arrivals, window = account.trial.arrivals, account.window_ns
                assert arrivals is not None
                assert account.trial.measured.sent == arrivals.intended
                assert arrivals.intended == sum(start >= window[0] for start in account.starts_ns)
                assert account.trial.sent == len(account.starts_ns)
                assert (arrivals.shed, arrivals.shed_warmup) == (0, 0)

    def test_good_responses_and_timeouts_have_a_latency_and_other_errors_have_none(self, cell: Cell) -> None:
        for account in cell.accounts:
            trial = account.trial
            with_latency = trial.latency.count if trial.latency else 0
            assert with_latency == trial.measured.good + trial.measured.errors.get("timeout", 0)

    def test_the_number_of_connections_equals_the_servers(self, cell: Cell) -> None:
        for account in cell.accounts:
            assert made(account.trial) == len({done.connection for done in account.done})

    def test_the_timeline_has_every_request(self, cell: Cell) -> None:
        for account in cell.accounts:
            trial = account.trial
            seconds = Phase(
                good=sum(second.good for second in trial.timeline),
                errors={"any": sum(second.errors for second in trial.timeline)},
            )
            for count in ("good", "failed"):
                parts = (getattr(phase, count) for phase in (trial.gathered, seconds))
                assert sum(parts) == sum(getattr(phase, count) for phase in (trial.warmup, trial.measured))

    def test_the_tables_of_the_report_have_the_same_counts(self, cell: Cell) -> None:
        trials = [account.trial for account in cell.accounts]
        for trial, row in zip(trials, cell.rows, strict=True):
            assert row["requests_warmup"] == str(trial.warmup.sent)
            assert row["requests"] == str(trial.measured.sent)
            assert row["requests_drained"] == str(trial.drained)
            assert row["errors"] == str(trial.measured.failed)
            assert row["errors_by_class"] == ";".join(f"{kind}={n}" for kind, n in trial.measured.errors.items())
            assert row["connections"] == str(made(trial))
            assert float(row["goodput_rps"]) == pytest.approx(trial.measured.good / trial.window_s, abs=0.001)
        assert cell.summary["requests"] == str(sum(trial.measured.sent for trial in trials))
        assert cell.summary["errors"] == str(sum(trial.measured.failed for trial in trials))
        goodputs = [trial.measured.good / trial.window_s for trial in trials]
        assert float(cell.summary["goodput_rps"]) == pytest.approx(sum(goodputs) / len(trials), abs=0.06)

    def test_only_trials_with_errors_are_invalid(self, cell: Cell) -> None:
        for account, row in zip(cell.accounts, cell.rows, strict=True):
            assert ("errors" in codes(row)) == (account.trial.measured.failed > 0)
            assert set(codes(row)) <= NOISE | {"errors"}


def made(trial: TrialRecord) -> int:
    assert trial.connects is not None
    return trial.connects.made


def counted(trial: TrialRecord, phase: Phases) -> Counter[str]:
    found = getattr(trial, phase)
    return Counter({"good": found.good, **found.errors}) + Counter()  # without zeros


@named([key for key in SLOW_KEYS if key[0] == "endless"])
@pytest.mark.fault("numbers", "every request to a service fails", "no latency is reported")
def test_if_every_request_fails_no_latency_is_reported(cell: Cell) -> None:
    assert [cell.summary[f"{name}_ms"] for name in (*PERCENTILES, "max", "mean")] == [""] * 7
    assert (cell.summary["goodput_rps"], cell.summary["requests"]) == ("0.0", cell.summary["errors"])


@pytest.mark.fault("numbers", "a service accepts connections late", "the wait to be accepted is part of latency")
def test_a_late_accept_is_part_of_latency(cells: dict[Key, Cell]) -> None:
    """Each connection waits to be accepted at a fixed moment, so half of them wait for more than half of the interval.

    Each request has a connection of its own.
    """
    for account in cells["late-to-accept", "open"].accounts:
        assert account.trial.latency is not None
        assert account.trial.latency.sum_us / account.trial.latency.count > ACCEPT_EVERY_S * 1e6 / 4
        assert made(account.trial) == account.trial.sent


@pytest.mark.fault(
    "numbers",
    "the generator is stopped during an open loop",
    "its lateness is part of latency, and the trial is invalid",
)
def test_a_stopped_generator_is_part_of_latency_and_its_trial_is_invalid() -> None:
    """Requests that were due meanwhile have waited since. From the send on, none has."""
    edges: list[int] = []

    def stand_still(place: Path) -> None:
        assert wait_until(lambda: measuring(place), 60)
        [generator] = [pid for pid in processes.mentioning(str(place)) if b"locustfile" in command_line(pid)]
        os.kill(generator, signal.SIGSTOP)
        edges.append(time.perf_counter_ns())
        time.sleep(STILL_S)
        edges.append(time.perf_counter_ns())
        os.kill(generator, signal.SIGCONT)

    def taken_us(account: Account) -> list[float]:
        """Return latencies in which responses that came during the stop were read after it."""
        return account.taken_us([edges[1] if edges[0] <= end < edges[1] else end for end in account.ends_ns])

    cell = play(TOP + STILL, {"constant": {"open": "wait"}}, stand_still)["constant", "open"]
    [account], [row] = cell.accounts, cell.rows
    # When the generator resumes, it sends all that is due, and responses stay unread for that time.
    assert wrong(cell, taken_us, lambda account: [taken + 25_000 for taken in taken_us(account)]) == []
    assert account.trial.sent == cell.asked == len(account.starts_ns)
    assert "dispatch-delay" in codes(row)
    assert row["valid"] == "false"
    assert float(row["p90_ms"]) > 1000 * STILL_S / 2
    assert account.trial.arrivals is not None
    assert account.trial.arrivals.service_time is not None
    served = histogram.merged([account.trial.arrivals.service_time.histogram])
    assert histogram.percentile_us(served, 90) < 1e6 * STILL_S / 2


def measuring(place: Path) -> bool:
    live = RunFolder(place / "results" / "latest").read_live()
    return live is not None and live.phase == "measuring"


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
