"""Whole runs of scenarios and slow clients against the server whose truth is programmed.

There are mixed loads, clients with their own pace, and bursts. The server serves a burst one request at a time, so its
queue can be computed.
"""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from statistics import median

import pytest

from loadtests.percentiles import percentile
from loadtests.recorder import BIN_S
from tests.known_answers.account import Account, accounts
from tests.known_answers.programmed import HANDED_OUT, QUEUE_S, SOON
from tests.known_answers.test_whole_runs import NOISE, wrong_in_histogram
from tests.known_answers.waiting import Waiting
from tests.known_answers.whole import Log, carry_out, codes
from waitbench.records.folder import RunFolder
from waitbench.records.trial import TrialRecord

pytestmark = [pytest.mark.live, pytest.mark.alone]

KIB_PER_S = 64
PLAN = f"""title = "Known answers to more than one load"
repeats = 1
spare = 0
warmup_s = 0.5
measure_s = 1.5
variants = ["fastapi-asyncio"]
[[cells]]
workload = "mixed"
of = "db"
share = 0.3
params = {{ ms = 1 }}
rate = [300]
[[cells]]
workload = "upload"
params = {{ kib = 16, kib_per_s = {KIB_PER_S} }}
rate = [100]
[[cells]]
workload = "download"
params = {{ kib = {HANDED_OUT // 1024}, kib_per_s = {KIB_PER_S} }}
rate = [100]
[[cells]]
workload = "burst"
of = "wait"
params = {{ ms = 1 }}
arrivals = "uniform"
profile = [{{ rate = 250, seconds = 1 }}, {{ rate = 750, seconds = 1 }}, {{ rate = 250, seconds = 2.5 }}]
[[cells]]
workload = "burst"
of = "wait"
params = {{ ms = 2 }}
profile = [{{ rate = 250, seconds = 1 }}, {{ rate = 750, seconds = 1 }}, {{ rate = 250, seconds = 3.5 }}]
[[external]]
name = "known"
base_url = "http://127.0.0.1:PORT"
[external.paths]
fast = "/bimodal/fast"
db = "/heavy-tailed/slow"
upload = "/constant/upload"
download = "/handing-out/all"
wait = "/one-at-a-time/{{ms}}"
"""
PACED_S = 16 / KIB_PER_S
ROUND_MS = 1.0
"""How far a truth in milliseconds may be off, as in all these tests: timers count whole milliseconds."""
BURST_LATE_MS = 15.0
"""If server or generator was later than this in a burst, the machine was busy. A bin up to 20 ms above the calm is
well."""
CALM_SHARE, WELL_S = 0.9, 1.0
"""The share of the calm's bins that must be well, and how long bins must be well after the overload to recover."""


@dataclass(frozen=True)
class Run:
    accounts: list[Account]
    asked: dict[str, int]
    summary: list[dict[str, str]]

    def of(self, workload: str, alone: bool = False, beside: bool = False) -> Account:
        [found] = [
            each
            for each in self.accounts
            if (each.trial.spec.workload, each.trial.spec.alone, each.beside) == (workload, alone, beside)
        ]
        return found

    def bursts(self) -> "list[Burst]":
        found = []
        for each in self.accounts:
            if (spec := each.trial.spec).conditions.burst:
                [row] = [row for row in self.summary if row["params"] == f"of=wait;ms={spec.params['ms']}"]
                found.append(Burst(each, row))
        return found


def read(folder: RunFolder, log: Log, waiting: Waiting) -> Run:
    with (folder.path / "summary.csv").open(newline="") as lines:
        summary = list(csv.DictReader(lines))
    trials = folder.read_trials(folder.read_run())
    return Run(accounts(trials, log, waiting), {path: len(asked) for path, asked in log.items()}, summary)


@pytest.fixture(scope="module")
def run() -> Run:
    """Run the plan, and again if the machine was busy, by the generator's and the server's own records.

    On a busy machine the server does not know which request of a mixed load came when, and which bins of a burst were
    well.
    """
    found = carry_out(PLAN, ["known"], read)
    mixed = [each for each in found.accounts if each.trial.spec.conditions.mixed]
    quiet = all(each.quiet for each in mixed) and all(each.quiet for each in found.bursts())
    return found if quiet else carry_out(PLAN, ["known"], read)


class TestMixed:
    @pytest.fixture(params=[(False, False), (False, True), (True, False)], ids=["fast", "slow", "fast alone"])
    def account(self, request: pytest.FixtureRequest, run: Run) -> Account:
        alone, beside = request.param
        return run.of("fast", alone, beside)

    def test_counts_of_each_kind_equal_the_servers(self, run: Run, account: Account) -> None:
        trial = account.trial
        reported = trial.neighbours if account.beside else trial
        assert reported is not None
        assert account.kinds("warmup") == {"good": reported.warmup.good}
        assert account.kinds("measured") == {"good": reported.measured.good}
        assert len(account.done) == len(account.starts_ns)

    def test_percentiles_of_each_kind_agree_with_the_servers_record(self, account: Account) -> None:
        trial = account.trial
        reported = trial.neighbours.latency if account.beside and trial.neighbours else trial.latency
        assert reported is not None
        assert wrong_in_histogram(reported, account.taken_us(), account.at_most_us(), account.uncertain) == []
        assert min(account.taken_us()) >= (10_000 if account.beside else SOON.delay_s * 1e6)

    def test_the_server_got_no_more_requests_than_both_kinds_report(self, run: Run) -> None:
        fast, alone = run.of("fast"), run.of("fast", alone=True)
        assert run.asked["/bimodal/fast"] == len(fast.done) + len(alone.done)
        assert run.asked["/heavy-tailed/slow"] == len(run.of("fast", beside=True).done)
        assert fast.trial.sent == len(fast.done) + run.asked["/heavy-tailed/slow"]

    def test_the_kinds_share_no_connection(self, run: Run) -> None:
        fast, slow = run.of("fast"), run.of("fast", beside=True)
        assert not {done.connection for done in fast.done} & {done.connection for done in slow.done}

    def test_the_tables_distinguish_the_kinds(self, run: Run) -> None:
        rows = {row["neighbours"]: row for row in run.summary if row["workload"] == "mixed"}
        for kind, alone in (("beside", False), ("alone", True)):
            assert rows[kind]["requests"] == str(run.of("fast", alone).kinds("measured").total())
            assert set(codes(rows[kind])) <= NOISE
        neighbours = run.of("fast", beside=True)
        goodput = neighbours.kinds("measured")["good"] / neighbours.trial.window_s
        assert float(rows["beside"]["neighbours_goodput_rps"]) == pytest.approx(goodput, abs=0.06)
        assert rows["alone"]["neighbours_goodput_rps"] == ""


class TestPaced:
    """Clients that send or read at their own pace: their whole time is in the latency, once."""

    @pytest.fixture(params=["upload", "download"])
    def account(self, request: pytest.FixtureRequest, run: Run) -> Account:
        return run.of(request.param)

    def test_counts_equal_the_servers(self, run: Run, account: Account) -> None:
        trial = account.trial
        assert account.kinds("warmup") == {"good": trial.warmup.good}
        assert account.kinds("measured") == {"good": trial.measured.good}
        assert len(account.done) == len(account.starts_ns) == run.asked[trial.spec.path] == trial.sent

    def test_percentiles_agree_with_the_pace_and_the_servers_delay(self, account: Account) -> None:
        """All requests take equally long. Any extra time is lateness, which server or generator has recorded."""
        reads = account.trial.spec.workload == "download"
        right_us = (PACED_S + account.answers[0].delay_s) * 1e6
        read = sorted(done.read_ns for done in account.done)
        late_us = max((at - start) / 1000 for at, start in zip(read, account.starts_ns, strict=True))
        # A sender's body has arrived before the server begins, and a reader's time begins when the server has ended.
        late_us += (
            max((done.written_ns - done.read_ns) / 1000 for done in account.done) - right_us + reads * PACED_S * 1e6
        )
        late_us += account.read_late_us + 1000 * ROUND_MS
        count = account.kinds("measured").total()
        assert account.trial.latency is not None
        assert wrong_in_histogram(account.trial.latency, [right_us] * count, [right_us + late_us] * count) == []

    def test_no_request_was_faster_than_the_pace_allows(self, account: Account) -> None:
        assert account.trial.latency is not None
        assert account.trial.latency.min_us >= (PACED_S + 0.02) * 1e6


@dataclass(frozen=True)
class Burst:
    """A burst, and the queue that its schedule makes at a service that takes QUEUE_S for each request."""

    account: Account
    row: dict[str, str]

    @property
    def trial(self) -> TrialRecord:
        return self.account.trial

    @cached_property
    def due_s(self) -> list[float]:
        return [(start - self.account.began_ns) / 1e9 for start in self.account.starts_ns]

    @cached_property
    def ended_s(self) -> list[float]:
        """The computed ends: one after the other, none before the request was due."""
        ended, free_s = [], 0.0
        for due_s in self.due_s:
            free_s = max(due_s, free_s) + QUEUE_S
            ended.append(free_s)
        return ended

    @cached_property
    def server_late_ms(self) -> float:
        """How much later than computed the server wrote, at worst."""
        written = [(done.written_ns - self.account.began_ns) / 1e6 for done in self.account.done]
        return max(at_ms - end_s * 1e3 for at_ms, end_s in zip(sorted(written), self.ended_s, strict=True))

    @cached_property
    def late_ms(self) -> float:
        """How much later than computed the server wrote and its clients may have read, at worst, by their records."""
        return self.server_late_ms + self.account.read_late_us / 1000

    @property
    def quiet(self) -> bool:
        return max(self.server_late_ms, self.account.trial.generator.lag_max_ms) <= BURST_LATE_MS

    @cached_property
    def written_s(self) -> tuple[list[float], list[float]]:
        """The earliest and latest possible ends, in the server's own record."""
        earliest, latest = self.account.answered_ns
        began_ns = self.account.began_ns
        return [(at_ns - began_ns) / 1e9 for at_ns in earliest], [(at_ns - began_ns) / 1e9 for at_ns in latest]

    def bin_of(self, at_s: float) -> int:
        return int(at_s / BIN_S)

    def _p90_ms(self, ended_s: Sequence[float]) -> list[float]:
        """Return the p90 of each bin for these ends."""
        found = []
        for n in range(len(self.trial.bins)):
            pairs = zip(self.due_s, ended_s, strict=True)
            taken = sorted(round((end_s - due_s) * 1e6) for due_s, end_s in pairs if self.bin_of(due_s) == n)
            found.append((percentile(taken, 90) or 0) / 1000)
        return found

    @cached_property
    def p90_ms(self) -> list[float]:
        """The computed p90 of each bin."""
        return self._p90_ms(self.ended_s)

    @cached_property
    def least_ms(self) -> list[float]:
        """The lowest possible p90 of each bin, by the server's own record."""
        return [p90 - max(ROUND_MS, 0.01 * p90) for p90 in self._p90_ms(self.written_s[0])]

    @cached_property
    def most_ms(self) -> list[float]:
        """The highest possible p90 of each bin, with everything that the server does not see."""
        highest = [p90 + self.account.read_late_us / 1000 for p90 in self._p90_ms(self.written_s[1])]
        return [p90 + max(ROUND_MS, 0.01 * p90) for p90 in highest]

    @cached_property
    def overload_s(self) -> tuple[float, float]:
        calm, overload, _ = self.trial.spec.stages
        begin_s = self.trial.spec.warmup_s + calm.seconds
        return begin_s, begin_s + overload.seconds

    @property
    def calm(self) -> slice:
        """The bins of the calm."""
        return slice(self.bin_of(self.trial.spec.warmup_s), self.bin_of(self.overload_s[0]))

    def limit_ms(self, p90_ms: Sequence[float]) -> float:
        """Return twice the calm's p90, or 20 ms more, whichever is higher."""
        calm_ms = median(p90_ms[self.calm])
        return max(2 * calm_ms, calm_ms + 20)

    @staticmethod
    def well(p90_ms: Sequence[float], limit_ms: float) -> list[bool]:
        return [each <= limit_ms for each in p90_ms]

    @cached_property
    def reported_well(self) -> list[bool]:
        """Which bins are well, as reported."""
        reported_ms = [(each.p90_us or 0) / 1000 for each in self.trial.bins]
        return self.well(reported_ms, self.limit_ms(reported_ms))

    @cached_property
    def surely_well(self) -> list[bool]:
        """Which bins are well by the server's own record, whatever it does not see."""
        return self.well(self.most_ms, self.limit_ms(self.least_ms))

    @cached_property
    def maybe_well(self) -> list[bool]:
        return self.well(self.least_ms, self.limit_ms(self.most_ms))

    def recovered_s(self, well: Sequence[bool]) -> float:
        """Return the time from the end of the overload to the first bin that begins a well second; infinite if none."""
        after, whole = well[self.bin_of(self.overload_s[1]) :], round(WELL_S / BIN_S)
        first = (n for n in range(len(after) - whole + 1) if all(after[n : n + whole]))
        return next((n * BIN_S for n in first), math.inf)

    def calm_share(self, well: Sequence[bool]) -> float:
        """Return the share of the calm's bins that are well."""
        calm = well[self.calm]
        return sum(calm) / len(calm)

    @cached_property
    def queue_gone_s(self) -> float:
        """The computed time from the end of the overload until no request waits beyond the limit."""
        pairs, limit_ms = zip(self.due_s, self.ended_s, strict=True), self.limit_ms(self.p90_ms)
        return max(due_s for due_s, end_s in pairs if (end_s - due_s) * 1000 > limit_ms) - self.overload_s[1]

    @property
    def reported_s(self) -> float:
        return float(self.row["recovery_s"] or math.inf)


class TestBurst:
    @pytest.fixture(params=[0, 1], ids=["uniform", "poisson"])
    def burst(self, request: pytest.FixtureRequest, run: Run) -> Burst:
        found = sorted(run.bursts(), key=lambda each: each.trial.spec.params["ms"])
        burst: Burst = found[request.param]
        assert (burst.trial.spec.arrivals == "uniform") == (request.param == 0)
        return burst

    def test_the_server_served_the_whole_schedule_one_after_the_other(self, burst: Burst, run: Run) -> None:
        trial = burst.trial
        assert trial.arrivals is not None
        assert len(burst.due_s) == run.asked[trial.spec.path] == trial.sent == trial.warmup.good + trial.measured.good
        assert trial.arrivals.shed + trial.arrivals.shed_warmup == 0
        written = [done.written_ns - burst.account.began_ns for done in burst.account.done]
        assert written == sorted(written)
        # After a stall of the machine, ends are later than computed, and never earlier.
        assert all(at_ns / 1e9 > end_s - 0.001 for at_ns, end_s in zip(written, burst.ended_s, strict=True))

    def test_each_bin_has_the_arrivals_of_the_schedule_and_the_responses_of_the_queue(self, burst: Burst) -> None:
        count = len(burst.trial.bins)
        assert count == round((burst.trial.spec.warmup_s + burst.trial.spec.measure_s) / BIN_S)
        due = [burst.bin_of(at_s) for at_s in burst.due_s]
        assert [each.due for each in burst.trial.bins] == [due.count(n) for n in range(count)]
        assert [each.good for each in burst.trial.bins] == [due.count(n) for n in range(count)]
        # Requests that lateness may have moved beyond an edge, at the server's rate, and one that the edge cuts.
        slack = burst.late_ms / 1000 / QUEUE_S + 1
        done = 0
        for n, each in enumerate(burst.trial.bins):
            done += each.answered
            right = sum(end_s < (n + 1) * BIN_S for end_s in burst.ended_s)
            assert right - slack <= done <= right + 1

    def test_the_p90_of_each_bin_is_that_of_the_queue(self, burst: Burst) -> None:
        wrong = []
        for each, least_ms, most_ms in zip(burst.trial.bins, burst.least_ms, burst.most_ms, strict=True):
            assert each.p90_us is not None
            if not least_ms <= each.p90_us / 1000 <= most_ms:
                wrong.append((each.begin_s, each.p90_us / 1000, least_ms, most_ms))
        assert wrong == []

    def test_there_was_a_queue_and_it_was_gone_in_the_end(self, burst: Burst) -> None:
        """For a second, 250 requests/s are too many. This is half a second of work, and the calm uses half the time."""
        assert max(burst.p90_ms) > 400
        assert 0.75 < burst.queue_gone_s < 1.6
        assert max(burst.p90_ms[-4:]) < burst.limit_ms(burst.p90_ms)

    def test_recovery_is_reported_from_the_bin_in_which_the_queue_was_gone(self, burst: Burst) -> None:
        """The rule is applied to the server's record. If the machine stalled, the queue came again."""
        assert burst.reported_s == burst.recovered_s(burst.reported_well)
        assert burst.recovered_s(burst.maybe_well) <= burst.reported_s <= burst.recovered_s(burst.surely_well)
        assert float(burst.row["resolution_s"]) == BIN_S

    def test_the_timeline_is_slow_until_the_queue_is_gone(self, burst: Burst) -> None:
        """The limit is one second of the timeline, which is by when requests ended.

        The server takes as long to catch up as it was late.
        """
        ended_s, limit_ms = burst.overload_s[1], burst.limit_ms(burst.p90_ms)
        after = [each for each in burst.trial.timeline if each.second + 1 > ended_s]
        slow = list(takewhile(lambda each: each.p50_us is not None and each.p50_us / 1000 > limit_ms, after))
        off_s = slow[-1].second + 1 - ended_s - burst.queue_gone_s
        assert -1 - BIN_S <= off_s <= 1 + BIN_S + 2 * burst.late_ms / 1000

    def test_goodput_is_reported_for_calm_overload_and_after(self, burst: Burst) -> None:
        begin_s, end_s = burst.overload_s
        whole_s = burst.trial.spec.warmup_s + burst.trial.spec.measure_s
        spans = {"calm": (burst.trial.spec.warmup_s, begin_s), "overload": (begin_s, end_s), "after": (end_s, whole_s)}
        for name, (first_s, last_s) in spans.items():
            right = sum(first_s <= at_s < last_s for at_s in burst.ended_s) / (last_s - first_s)
            reported = float(burst.row[f"{name}_goodput_rps"])
            assert reported == pytest.approx(right, abs=2 * (burst.late_ms / 1000 / QUEUE_S + 1) / (last_s - first_s))
        # The server also serves requests of the calm that it had not served in time.
        left = burst.trial.spec.stages[0].rate * burst.late_ms / 1000
        assert float(burst.row["overload_goodput_rps"]) <= 1.01 / QUEUE_S + 1 + left

    def test_a_planned_overload_makes_no_trial_invalid(self, burst: Burst) -> None:
        assert set(codes(burst.row)) <= NOISE | {"calm"}

    def test_only_a_calm_that_was_not_calm_is_reported(self, burst: Burst) -> None:
        assert ("calm" in codes(burst.row)) == (burst.calm_share(burst.reported_well) < CALM_SHARE)
        sure, maybe = burst.calm_share(burst.surely_well), burst.calm_share(burst.maybe_well)
        assert maybe >= CALM_SHARE if "calm" not in codes(burst.row) else sure < CALM_SHARE
