"""Whole runs of `waitbench run`: what is counted, what is kept, and what is left behind."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import processes
from tests.e2e import sleeping
from tests.e2e.bench import (
    DB,
    DJANGO,
    FASTAPI,
    FLASK,
    NOISE,
    NULL,
    UPSTREAM,
    WAIT,
    WAITS,
    Bench,
    Ended,
    answered,
    command_line,
    plan,
)
from tests.serving import serving
from waitbench.catalog.variants import load_variants
from waitbench.launch.client import wait_until
from waitbench.launch.local import free_port
from waitbench.plan.plan_file import load_plan
from waitbench.plan.trial_order import schedule

pytestmark = pytest.mark.live


@dataclass
class Whole:
    """One run of three variants and an external service under three workloads, and what its web UI showed."""

    bench: Bench
    ended: Ended
    page: httpx2.Response
    stats: list[dict[str, Any]]
    """Responses of /stats/requests during the run."""
    counts: dict[str, int]
    """Requests and connections that the external service counted itself."""


@pytest.fixture(scope="module")
def external() -> Iterator[int]:
    with serving(sleeping) as server:
        yield from server.numbers()


@pytest.fixture(scope="module")
def whole(make_bench: Callable[[], Bench], external: int) -> Whole:
    bench, port = make_bench(), free_port()
    mine = f'[[external]]\nname = "mine"\nbase_url = "http://127.0.0.1:{external}"\n'
    mine += 'paths = { wait = "/sleep?ms={ms}" }\n'
    started = bench.start(plan(WAIT, DB, UPSTREAM, variants=(FLASK, DJANGO, FASTAPI), more=mine), ui=port)
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as ui:
        bench.wait_for(started, bench.measuring())
        page = ui.get("/")
        stats = []
        while started.poll() is None:
            try:
                stats.append(ui.get("/stats/requests").json())
            except httpx2.HTTPError:
                break  # the run has ended
            wait_until(lambda: started.poll() is not None, 0.3)
    ended = bench.end(started)
    with httpx2.Client(trust_env=False) as client:
        counts = client.get(f"http://127.0.0.1:{external}/counts").json()
    return Whole(bench, ended, page, stats, counts)


class TestWhole:
    def test_it_is_valid_or_states_its_reasons(self, whole: Whole) -> None:
        assert whole.ended.code in (0, 3), whole.ended.err
        invalid = [row for row in whole.ended.rows() if row["valid"] == "false"]
        assert bool(invalid) == (whole.ended.code == 3)
        codes = {part.partition(":")[0] for row in invalid for part in row["reasons"].split("; ")}
        assert codes <= NOISE | {"ceiling-bound"}

    def test_the_only_line_on_stdout_is_the_run_s_folder(self, whole: Whole) -> None:
        assert whole.ended.folder
        assert Path(whole.ended.out.strip()).resolve() == whole.ended.folder.path
        assert whole.ended.out.count("\n") == 1

    def test_every_planned_trial_has_its_file(self, whole: Whole) -> None:
        run = whole.ended.record()
        assert run.status == "complete"
        assert len(run.trials) == 10  # three contenders under three loads, and the external one under one
        assert sorted(spec.file for spec in run.trials) == [file.name for file in whole.bench.trial_files()]
        assert run.seed == 1

    def test_every_request_is_in_its_service_s_own_count(self, whole: Whole) -> None:
        counted = [trial for trial in whole.ended.trials() if trial.spec.instrumented]
        assert len(counted) == 9
        assert [answered(trial) for trial in counted] == [trial.warmup.sent + trial.measured.sent for trial in counted]
        assert all(trial.warmup.sent > 0 and trial.measured.sent > 0 and trial.drained > 0 for trial in counted)
        assert all(trial.measured.failed == trial.warmup.failed == 0 for trial in counted)

    def test_nothing_is_in_flight_when_a_trial_is_over(self, whole: Whole) -> None:
        for trial in whole.ended.trials():
            if trial.spec.instrumented:
                assert trial.usage.after is not None
                assert trial.usage.after.in_flight == 0
                assert 0 < trial.usage.after.peak_in_flight <= trial.spec.load

    def test_the_report_has_every_request_that_was_measured(self, whole: Whole) -> None:
        assert sum(int(row["requests"]) for row in whole.ended.rows()) == sum(
            trial.measured.sent for trial in whole.ended.trials()
        )
        assert len(whole.ended.rows("trials.csv")) == 10
        assert len(whole.ended.rows()) == 10

    def test_no_response_came_before_its_wait_was_over(self, whole: Whole) -> None:
        for trial in whole.ended.trials():
            assert trial.latency is not None
            assert trial.latency.min_us >= trial.spec.params["ms"] * 1000 - 2000  # loops round to milliseconds
            assert trial.latency.count == trial.measured.good

    def test_budgets_were_read_back_and_overlap_was_seen(self, whole: Whole) -> None:
        targets = whole.ended.record().targets
        for name in (FLASK, DJANGO, FASTAPI):
            assert targets[name].budget_read == targets[name].budget
            proofs = targets[name].proofs.values()
            assert proofs
            assert all(proof.good and proof.held >= proof.calls > 1 for proof in proofs)
        assert (targets["mine"].external, targets["mine"].budget_read) == (True, None)

    def test_an_external_service_is_measured_from_outside(self, whole: Whole) -> None:
        [trial] = [trial for trial in whole.ended.trials() if trial.spec.variant == "mine"]
        assert whole.counts["requests"] == trial.warmup.sent + trial.measured.sent
        [row] = [row for row in whole.ended.rows() if row["variant"] == "mine"]
        assert (row["workload"], row["cpu_s_per_1k"], row["peak_rss_mib"]) == ("wait", "", "")
        assert int(row["requests"]) > 0

    def test_a_user_keeps_its_connection_for_the_whole_trial(self, whole: Whole) -> None:
        trials = whole.ended.trials()
        assert [trial.connects.made for trial in trials if trial.connects] == [trial.spec.load for trial in trials]
        # Five users, the check that the service is there, and the client that asks for the counts.
        assert whole.counts["connections"] <= 5 + 2
        assert whole.counts["requests"] > 5 * 5

    def test_the_web_ui_shows_itself_and_the_finished_trials(self, whole: Whole) -> None:
        assert whole.page.status_code == 200
        assert "Finished trials" in whole.page.text
        tables = [response["extended_stats"] for response in whole.stats]
        assert tables
        assert all(table[0]["key"] == "waitbench-trials" for table in tables)
        names = [row["name"] for row in tables[-1][0]["data"]]
        assert names == [spec.file for spec in whole.ended.record().trials][: len(names)]
        assert len(names) >= 5
        assert all(float(row["goodput"]) > 0 for row in tables[-1][0]["data"])

    def test_trials_run_in_the_order_that_the_plan_and_the_seed_give(self, whole: Whole) -> None:
        planned = schedule(load_plan(whole.bench.place / "tiny.toml", load_variants()), seed=1)
        played = sorted(whole.ended.trials(), key=lambda trial: trial.started_at)
        assert [(trial.spec.block, trial.spec.variant) for trial in played] == [(s.block, s.contender) for s in planned]

    def test_nothing_is_left_behind(self, whole: Whole) -> None:
        assert whole.bench.left_behind() == []
        assert whole.ended.folder
        assert not (whole.ended.folder.path / "live.json").exists()
        assert list(whole.ended.folder.path.rglob("*.part")) == []


SHEDDING = f'''workload = "wait"
params = {{ ms = 500 }}
rate = [100]
max_in_flight = 5
arrivals = "uniform"
variants = ["{FASTAPI}"]'''


@pytest.fixture(scope="module")
def open_loop(make_bench: Callable[[], Bench]) -> tuple[Bench, Ended]:
    """One load that two contenders can serve, and one that exceeds its limit in flight; without the web UI."""
    cell = 'workload = "wait"\nparams = { ms = 20 }\nrate = [100]'
    bench = make_bench()
    return bench, bench.run(plan(cell, SHEDDING, variants=(FASTAPI, FLASK), measure_s=1.0))


class TestOpenLoop:
    def test_it_sends_what_it_planned_and_accounts_for_every_request(self, open_loop: tuple[Bench, Ended]) -> None:
        _, ended = open_loop
        first, second = (trial for trial in ended.trials() if trial.spec.params["ms"] == 20)
        for trial in (first, second):
            assert trial.arrivals is not None
            assert trial.usage.before is not None
            assert trial.usage.after is not None
            assert trial.sent == trial.usage.after.requests_answered - trial.usage.before.requests_answered
            assert trial.arrivals.intended == trial.measured.sent + trial.arrivals.shed
            assert trial.window_s == 1.0
            assert trial.latency is not None
            assert trial.latency.min_us >= 18_000
        # The contenders of a block get the same arrivals.
        assert first.arrivals is not None
        assert second.arrivals is not None
        assert first.arrivals.intended == second.arrivals.intended > 0
        assert {row["load_model"] for row in ended.rows()} == {"open"}
        assert "requests/s offered" in ended.page()

    def test_arrivals_beyond_the_limit_in_flight_are_shed_and_make_the_trial_invalid(
        self, open_loop: tuple[Bench, Ended]
    ) -> None:
        _, ended = open_loop
        assert ended.code == 3
        [trial] = [trial for trial in ended.trials() if trial.spec.params["ms"] == 500]
        assert trial.arrivals is not None
        # Five in flight for half a second each: about ten of a hundred are sent, and the others are counted as shed.
        assert 5 <= trial.measured.sent <= 20
        assert trial.arrivals.intended in (99, 100, 101)
        assert trial.arrivals.shed == trial.arrivals.intended - trial.measured.sent
        [row] = [row for row in ended.rows() if row["params"] == "ms=500"]
        assert "rate: " in row["reasons"]

    def test_a_run_without_its_web_ui_measures_the_same_way(self, open_loop: tuple[Bench, Ended]) -> None:
        bench, ended = open_loop
        assert all(answered(trial) == trial.sent > 0 for trial in ended.trials())
        assert "watch the run at" not in ended.err
        assert bench.left_behind() == []


@pytest.fixture(scope="module")
def killed(make_bench: Callable[[], Bench]) -> Bench:
    """A run that got SIGKILL in the middle, so no part of the harness could clean up."""
    bench = make_bench()
    started = bench.start(plan(WAITS, variants=(NULL,)))
    bench.wait_for(started, bench.measuring(after=2))
    started.kill()
    started.communicate()
    return bench


class TestKilled:
    @pytest.mark.fault(
        "processes",
        "the harness of a local run is killed (SIGKILL) in the middle of a trial",
        "every process that it started ends with it",
    )
    def test_no_process_survives_the_harness(self, killed: Bench) -> None:
        assert processes.none_mentioning(str(killed.place)), killed.left_behind()

    @pytest.mark.fault(
        "data",
        "a run is killed (SIGKILL), and reported afterwards",
        "every finished trial is in the report, which says what is missing",
    )
    def test_what_was_measured_can_be_reported_and_the_report_says_what_is_missing(self, killed: Bench) -> None:
        folder = killed.folder()
        assert folder
        assert processes.none_mentioning(str(killed.place))
        if live := folder.read_live():  # as old as when a user looks at it
            folder.write_live(live.model_copy(update={"at": live.at - 60}))
        ended = killed.end(killed.command("report", str(folder.path)))
        here = len(killed.trial_files())
        assert 2 <= here < 6
        assert ended.code == 0
        state = f"killed before it recorded its end. {here} of 6 trials are here; missing: null {6 - here}."
        assert state in ended.out
        assert state in ended.page()
        assert len(ended.rows()) == here

    @pytest.mark.fault(
        "processes",
        "a run begins after another was killed (SIGKILL)",
        "it starts, and removes the folders that the killed one left",
    )
    def test_the_next_run_starts_and_cleans_up(self, killed: Bench) -> None:
        assert processes.none_mentioning(str(killed.place))
        ended = killed.run(plan(WAIT, variants=(NULL,)))
        assert ended.code in (0, 3), ended.err
        assert killed.left_behind() == []  # it removed what the killed run left behind


class TestInterrupted:
    @pytest.mark.parametrize(
        # only the second shows that a service manager's signal acts like Ctrl-C
        "number",
        [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)],
    )
    @pytest.mark.fault(
        "data",
        "Ctrl-C or SIGTERM, twice, in the middle of a trial",
        "exit code 130; finished trials are reported; nothing is left behind",
    )
    def test_what_was_measured_is_kept_and_reported(self, bench: Bench, number: signal.Signals) -> None:
        started = bench.start(plan(WAITS, variants=(NULL,)))
        bench.wait_for(started, bench.measuring())
        started.send_signal(number)
        started.send_signal(number)  # a second signal changes nothing
        ended = bench.end(started)
        assert ended.code == 130
        assert ended.record().status == "interrupted"
        here = len(bench.trial_files())
        assert 1 <= here < 6
        assert f"{here} of 6 trials are here" in ended.page()
        assert len(ended.rows()) == here
        assert "waitbench: interrupted" in ended.err
        assert bench.left_behind() == []

    @pytest.mark.fault(
        "processes",
        "Ctrl-C while services start",
        "exit code 130; no process and no folder is left behind",
    )
    def test_a_run_that_is_interrupted_before_its_first_trial_leaves_nothing_behind(self, bench: Bench) -> None:
        started = bench.start(plan(WAITS))
        bench.wait_for(started, lambda: bool(processes.mentioning(str(bench.place / "waitbench-"))))
        started.send_signal(signal.SIGINT)
        ended = bench.end(started)
        assert ended.code == 130
        assert bench.left_behind() == []


class TestDeaths:
    """A process that a run needs dies in the middle of it."""

    @pytest.mark.fault(
        "hangs",
        "a service is killed (SIGKILL) in the middle of a trial",
        "the run ends with 1 and names it; finished trials are reported",
    )
    def test_a_dead_service_is_named_and_what_was_measured_is_kept(self, bench: Bench) -> None:
        started = bench.start(plan(WAITS, measure_s=1.0))
        bench.wait_for(started, bench.measuring())
        folder = bench.folder()
        assert folder
        os.kill(folder.read_run().targets[FASTAPI].info["pid"], signal.SIGKILL)
        ended = bench.end(started)
        assert ended.code == 1
        assert "waitbench: fastapi-asyncio ended with signal SIGKILL" in ended.err
        self.check_what_was_measured(bench, ended, "fastapi-asyncio ended with signal SIGKILL")

    @pytest.mark.fault(
        "hangs",
        "Locust is killed (SIGKILL) in the middle of a trial",
        "the run ends with 1 and says so; finished trials are reported",
    )
    def test_a_dead_generator_ends_the_run(self, bench: Bench) -> None:
        started = bench.start(plan(WAITS, variants=(NULL,), measure_s=1.0))
        bench.wait_for(started, bench.measuring())
        [locust] = [pid for pid in processes.mentioning(str(bench.place)) if "locustfile" in command_line(pid)]
        os.kill(locust, signal.SIGKILL)
        ended = bench.end(started)
        assert ended.code == 1
        assert "waitbench: Locust ended with signal SIGKILL" in ended.err
        self.check_what_was_measured(bench, ended, "Locust ended with signal SIGKILL")

    @pytest.mark.fault(
        "numbers",
        "a worker process of a service is killed (SIGKILL) in the middle of a trial, and its server starts another",
        "the trial does not count; the run goes on and exits with 3",
    )
    def test_a_dead_worker_is_replaced_and_its_trial_does_not_count(self, bench: Bench) -> None:
        started = bench.start(plan(WAIT, variants=(FLASK,), measure_s=2.0))
        bench.wait_for(started, bench.measuring(after=0))
        folder = bench.folder()
        assert folder
        os.kill(folder.read_run().targets[FLASK].info["pid"], signal.SIGKILL)
        ended = bench.end(started)
        assert ended.code == 3
        [row] = ended.rows()
        assert row["valid"] == "false"
        # The requests that it had in flight failed. On a busy machine both were sent before the window.
        assert "accounts: " in row["reasons"]
        assert bench.left_behind() == []

    @pytest.mark.parametrize(
        # only the second shows that a stop works while Locust itself has nothing to stop
        "between",
        [pytest.param(False, id="in a trial"), pytest.param(True, id="between two trials", marks=pytest.mark.slow)],
    )
    @pytest.mark.fault(
        "hangs",
        "a user presses Stop in the web UI, during a trial or between two",
        "the run ends with 1 and says so; finished trials are reported",
    )
    def test_a_stop_from_the_web_ui_ends_the_run(self, bench: Bench, between: bool) -> None:
        port = free_port()
        started = bench.start(plan(WAITS, variants=(NULL,), measure_s=1.0), ui=port)
        bench.wait_for(started, bench.measuring())
        with ThreadPoolExecutor(1) as background, httpx2.Client(trust_env=False, timeout=20) as client:
            if between:
                # No trial begins before the service has completed the requests of other clients.
                background.submit(client.get, f"{self.base_url(bench)}/wait?ms=4000")
                bench.wait_for(started, lambda: (live := bench.live()) is not None and live.phase == "drain")
                time.sleep(1)  # until the trial's users are gone
            assert client.post(f"http://127.0.0.1:{port}/stop").status_code == 200
        ended = bench.end(started)
        assert ended.code == 1
        assert "stopped from the web UI" in ended.err
        self.check_what_was_measured(bench, ended, "stopped from the web UI")

    def base_url(self, bench: Bench) -> str:
        folder = bench.folder()
        assert folder
        return folder.read_run().targets[NULL].base_url

    def check_what_was_measured(self, bench: Bench, ended: Ended, why: str) -> None:
        record, here = ended.record(), len(bench.trial_files())
        assert record.status == "failed"
        assert why in record.message
        assert 1 <= here < 6
        assert f"{here} of 6 trials are here" in ended.page()
        assert why in ended.page()
        assert len(ended.rows()) == here
        assert bench.left_behind() == []


class TestRefused:
    """A run that cannot start says why and what to do, and leaves nothing behind."""

    @pytest.mark.fault(
        "numbers",
        "a second run is started while one is going on",
        "it is refused, and the message names the running process; the first goes on",
    )
    def test_a_second_run_is_refused_while_one_is_going_on(self, bench: Bench) -> None:
        first = bench.start(plan(WAIT, variants=(NULL,), measure_s=60.0))  # longer than the second takes to start
        bench.wait_for(first, lambda: any(bench.place.glob("waitbench.*/*-*")))
        second = bench.end(bench.start(plan(WAIT)))
        assert second.code == 1
        assert f"is measuring on this machine (process {first.pid})" in second.err
        assert "Wait for it, or end it" in second.err
        bench.wait_for(first, bench.measuring(after=0))
        first.send_signal(signal.SIGINT)
        assert bench.end(first).code == 130
        assert bench.left_behind() == []

    @pytest.mark.fault(
        "data",
        "`--out` names a folder that cannot be created",
        "exit code 1 with advice; nothing was started",
    )
    def test_a_results_folder_that_cannot_be_written_to_is_refused(self, bench: Bench) -> None:
        (bench.place / "a-file").write_text("")
        bench.out = bench.place / "a-file" / "results"
        ended = bench.run(plan(WAIT))
        assert (ended.code, ended.out) == (1, "")
        assert "can't be written to: Not a directory" in ended.err
        assert "--out" in ended.err
        assert bench.left_behind() == []

    @pytest.mark.fault(
        "input",
        "the port of the web UI is in use",
        "exit code 1 with advice; nothing was started",
    )
    def test_a_web_ui_port_in_use_is_refused(self, bench: Bench) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            ended = bench.end(bench.start(plan(WAIT), ui=port))
        assert ended.code == 1
        assert f"port {port} for the web UI (--ui-port N chooses another" in ended.err
        assert ended.folder is None
        assert bench.left_behind() == []
