"""Real runs break every rule of waitbench/validity/: real servers run, and each trial is disturbed in one way.

tests/validity/test_validity.py checks both sides of each limit with exact, made-up figures. Here `sound` is a real run
that breaks no rule. On a busy machine a trial may have more reasons than the provoked one, so only that one is checked.
"""

import ast
import io
import json
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from rich.console import Console

from tests.e2e import crooked
from tests.e2e.bench import FASTAPI, FLASK, NOISE, Bench, Ended, answered, plan
from tests.e2e.meddling import Judged, Meddler, favour, stopped
from tests.e2e.test_contention import TestDisturbedRun as Disturbed  # not Test...: it is collected there
from tests.made_up import runs
from tests.serving import serving
from waitbench import validity
from waitbench.catalog.variants import load_variants
from waitbench.launch.local import LocalStack
from waitbench.paths import ROOT, VARIANTS
from waitbench.plan.plan_file import load_plan
from waitbench.records import histogram
from waitbench.records.folder import RunFolder
from waitbench.records.trial import TrialRecord
from waitbench.report.write import write_report
from waitbench.run.execute import run
from waitbench.run.order import Order
from waitbench.run.stack import Stack
from waitbench.validity.generator import GENERATOR_CPU
from waitbench.validity.rules import reasons

pytestmark = pytest.mark.live

MEASURE_S = 2.5
MEDDLED_S = 3.0
"""Long enough for each disturbance to end within the window, even if the machine stalls for a moment."""
DJANGO = "django-gevent"


# A run that is disturbed from outside.


@pytest.fixture(scope="module")
def meddled(make_bench: Callable[[], Bench]) -> Judged:
    bench = make_bench()
    cells = (
        'workload = "wait"\nparams = { ms = 20 }\nusers = [5, 6]',
        'workload = "wait"\nparams = { ms = 20 }\nrate = [100]',
        'workload = "upstream"\nparams = { ms = 20, calls = 1 }\nusers = [5]',
    )
    started = bench.start(plan(*cells, measure_s=MEDDLED_S))

    def send_requests_too() -> None:
        folder = bench.folder()
        assert folder
        with httpx2.Client(base_url=folder.read_run().targets[FASTAPI].base_url, trust_env=False) as client:
            for _ in range(3):
                client.get("/fast")

    def stop_across_the_end() -> None:
        time.sleep(0.4 * MEDDLED_S)
        with stopped(meddler.process("locustfile")):
            time.sleep(MEDDLED_S)

    def stop_for_moments() -> None:
        for _ in range(8):
            with stopped(meddler.process("locustfile")):
                time.sleep(0.08)
            time.sleep(0.08)

    def stop_the_remote_api() -> None:
        with stopped(meddler.process("upstream.app")):
            time.sleep(0.4)

    meddler = Meddler(
        bench,
        started,
        {
            f"{FASTAPI}, wait ms=20 5 users": send_requests_too,
            f"{FASTAPI}, wait ms=20 6 users": stop_across_the_end,
            f"{FASTAPI}, wait ms=20 100 requests/s": stop_for_moments,
            f"{FASTAPI}, upstream ms=20 calls=1 5 users": stop_the_remote_api,
        },
    )
    return meddler.judged()


class TestMeddled:
    @pytest.mark.fault(
        "numbers",
        "another client sends requests to a service during a trial",
        "the trial is invalid (`accounts`) and gives both counts",
    )
    def test_requests_of_another_client_show_in_the_service_s_own_count(self, meddled: Judged) -> None:
        trial = meddled.trial(f"{FASTAPI}, wait ms=20 5 users")
        assert answered(trial) == trial.sent + 3
        text = f"{trial.sent} requests sent, but the service counted {trial.sent + 3} responses"
        assert meddled.invalidated_by(f"{FASTAPI}, wait ms=20 5 users", "accounts") == text

    @pytest.mark.fault(
        "numbers", "the generator is stopped once, across the end of a window", "the trial is invalid (`generator-lag`)"
    )
    def test_a_generator_that_is_stopped_once_lags(self, meddled: Judged) -> None:
        """One stop makes one tick late, and also every tick that was due meanwhile."""
        meddled.invalidated_by(f"{FASTAPI}, wait ms=20 6 users", "generator-lag")

    def test_a_generator_that_is_stopped_again_and_again_lags(self, meddled: Judged) -> None:
        meddled.invalidated_by(f"{FASTAPI}, wait ms=20 100 requests/s", "generator-lag")

    @pytest.mark.fault(
        "numbers",
        "the generator is stopped briefly, again and again",
        "the trial is invalid (`dispatch-delay`, `generator-lag`)",
    )
    def test_a_generator_that_is_stopped_again_and_again_sends_late(self, meddled: Judged) -> None:
        meddled.invalidated_by(f"{FASTAPI}, wait ms=20 100 requests/s", "dispatch-delay")

    @pytest.mark.fault("numbers", "the remote API is stopped during a trial", "the trial is invalid (`upstream-limit`)")
    def test_a_remote_api_that_is_stopped_is_part_of_the_limit(self, meddled: Judged) -> None:
        meddled.invalidated_by(f"{FASTAPI}, upstream", "upstream-limit")


# External services that misbehave. The harness sees them only from outside.


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[int, str]]:
    """The process id and the address of tests/e2e/crooked.py."""
    with serving(crooked, own_session=True) as process:
        [port] = process.numbers()
        yield process.pid, f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def crooks(make_bench: Callable[[], Bench], server: tuple[int, str]) -> Judged:
    bench, (pid, url) = make_bench(), server
    paths = {
        "fails": 'wait = "/fails?ms={ms}", upstream = "/fails?ms={ms}"',
        "slows": 'wait = "/slows?ms={ms}"',
        "starves": 'wait = "/starves?ms={ms}"',
        "queues": 'db = "/queues?ms={ms}"',
        "crumbles": 'fast = "/crumbles", disk = "/disk?kib={kib}"',
    }
    profile = ", ".join(f"{{ rate = {rate}, seconds = {s} }}" for rate, s in ((60, 1), (120, 1), (60, 2)))
    externals = "".join(
        f'[[external]]\nname = "{name}"\nbase_url = "{url}"\npaths = {{ {path} }}\n' for name, path in paths.items()
    )
    cells = (
        'workload = "wait"\nparams = { ms = 20 }\nusers = [10]',
        'workload = "db"\nparams = { ms = 20 }\nrate = [80]\nmax_in_flight = 1000',
        'workload = "db"\nparams = { ms = 20 }\nrate = [81]\nmax_in_flight = 3',
        'workload = "fast"\nrate = [0.1]\narrivals = "uniform"',
        'workload = "fast"\nusers = [50]',
        'workload = "mixed"\nof = "disk"\nshare = 0.001\nparams = { kib = 1 }\nrate = [20]',
        f'workload = "burst"\nof = "upstream"\nparams = {{ ms = 20 }}\narrivals = "uniform"\nprofile = [{profile}]',
    )
    only = [option for name in paths for option in ("--variant", name)]
    started = bench.start(plan(*cells, measure_s=MEASURE_S, more=externals), *only)
    bench.wait_for(started, bench.measuring(after=0))
    favour(
        pid, Meddler(bench, started, {}).process("locustfile").pid
    )  # or other processes keep it from using its whole core
    ended = bench.end(started)
    assert ended.code == 3, ended.err
    assert ended.folder
    return Judged(ended.folder)


class TestCrooked:
    @pytest.mark.fault(
        "numbers", "a service fails a few requests", "the trial is invalid (`errors`) with the count of each class"
    )
    def test_a_service_that_fails_now_and_then_is_reported_with_its_status(self, crooks: Judged) -> None:
        failed = crooks.trial("fails, wait").measured
        text = crooks.invalidated_by("fails, wait", "errors")
        assert text.endswith(f"of {failed.sent} requests failed: {failed.failed} × status 500")
        assert failed.failed == pytest.approx(failed.sent / crooked.FAILS_EVERY, abs=1)

    @pytest.mark.fault("numbers", "a service becomes slower within the window", "the trial is invalid (`drift`)")
    def test_a_service_that_becomes_slower_is_in_no_steady_state(self, crooks: Judged) -> None:
        assert re.fullmatch(
            r"typical latency went from \d+ to \d+ ms within the window", crooks.invalidated_by("slows", "drift")
        )

    @pytest.mark.fault("numbers", "a service never serves one of the users", "the trial is invalid (`starved`)")
    def test_a_user_without_a_response_in_the_whole_window_is_reported(self, crooks: Judged) -> None:
        """The user's request was sent before the window, so it is in none of the window's latencies."""
        trial = crooks.trial("starves, wait")
        assert trial.measured.failed == 0
        text = "1 of 10 users had no response in the whole window and are in no percentile"
        assert crooks.invalidated_by("starves, wait", "starved") == text
        assert "starved" not in crooks.found("slows, wait")

    @pytest.mark.fault("numbers", "a service falls behind the rate of an open loop", "the trial is invalid (`rate`)")
    def test_a_service_that_falls_behind_the_rate_is_reported_even_if_nothing_was_shed(self, crooks: Judged) -> None:
        assert crooks.trial("queues, db ms=20 80 ").arrivals.shed == 0  # type: ignore[union-attr]
        assert "responses came back in the window, but" in crooks.invalidated_by("queues, db ms=20 80 ", "rate")

    @pytest.mark.fault(
        "numbers", "arrivals of an open loop are shed", "they are counted, and the trial is invalid (`rate`)"
    )
    def test_arrivals_that_were_shed_are_reported(self, crooks: Judged) -> None:
        text = "arrivals were shed: 3 requests were in flight"
        assert crooks.invalidated_by("queues, db ms=20 81 ", "rate").endswith(text)

    @pytest.mark.fault("numbers", "no request falls into the window", "the trial is invalid (`no-requests`)")
    def test_a_window_without_requests_does_not_count(self, crooks: Judged) -> None:
        crooks.invalidated_by("crumbles, fast 0.1 requests/s", "no-requests")

    @pytest.mark.fault(
        "numbers", "no neighbour of a mixed load falls into the window", "the trial is invalid (`neighbours`)"
    )
    def test_a_mixed_load_without_neighbours_in_the_window_does_not_count(self, crooks: Judged) -> None:
        crooks.invalidated_by("crumbles, mixed disk kib=1 20 requests/s", "neighbours")
        assert "neighbours" not in crooks.found("crumbles, mixed disk kib=1 alone")

    @pytest.mark.fault(
        "numbers",
        "requests fail in the calm before a burst",
        "the trial is invalid (`calm`): there is no normal state to recover to",
    )
    def test_a_burst_whose_calm_has_failed_requests_does_not_count(self, crooks: Judged) -> None:
        assert crooked.FAILS_EVERY < 60 * 0.5  # the fewest whole bins of the calm, so one of their requests fails
        text = crooks.invalidated_by("fails, burst", "calm")
        assert text.endswith("of the requests in the calm failed or were shed")

    @pytest.mark.fault(
        "numbers",
        "the load needs all of the generator's core",
        "the trial is invalid (`generator-cpu` or `generator-lag`)",
    )
    def test_a_generator_that_used_its_whole_core_may_have_been_the_limit(self, crooks: Judged) -> None:
        """If other guests of the machine take a tenth of that core, the rule on lag applies instead."""
        calm = crooks.trial("crumbles, fast 0.1 requests/s").generator.cpu_share
        share = crooks.trial("crumbles, fast 50 users").generator.cpu_share
        assert share > 5 * calm
        crooks.invalidated_by("crumbles, fast 50 users", "generator-cpu" if share > GENERATOR_CPU else "generator-lag")


# Our own services, each with one mistake in it.


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """A run as the command line starts it, but with services from another list of variants than the declared one."""
    place = tmp_path_factory.mktemp("wrong")
    listed, mark, budget = VARIANTS.read_text().partition(f"[variants.{DJANGO}.budget]")
    running = listed + mark + budget.replace("db_pool = 50", "db_pool = 49", 1)
    running = running.replace("flask_app.sync_app:", "tests.wrong.short_and_unsynced:")
    running = running.replace("fastapi_app.async_app:", "tests.wrong.blocked_loop:")
    running = running.replace("fastapi_app.blocking_app:", "fastapi_app.async_app:")
    running = running.replace('"../.venv-free-threaded/bin/python"', f'"{sys.executable}"')
    (place / "variants.toml").write_text(running)
    others = ("gevent-unpatched", "fastapi-blocking", "flask-free-threaded")
    cells = (
        f'workload = "wait"\nparams = {{ ms = 50 }}\nusers = [4]\nvariants = {json.dumps([DJANGO, FASTAPI, *others])}',
        # So long that one early response is noticed even if the machine stalls for a second.
        f'workload = "wait"\nparams = {{ ms = 500 }}\nusers = [4]\nmeasure_s = 3.0\nvariants = ["{FLASK}"]',
        f'workload = "disk"\nparams = {{ kib = 64 }}\nusers = [2]\nvariants = ["{FLASK}", "{DJANGO}", "{FASTAPI}"]',
    )
    (place / "plan.toml").write_text(plan(*cells, variants=(FLASK, DJANGO, FASTAPI, *others), measure_s=1.0))
    variants = load_variants()
    order = Order(
        load_plan(place / "plan.toml", variants), "wrong", variants, "local", 1, place / "results", "a-run", ui=False
    )

    @contextmanager
    def stack(order: Order) -> Iterator[Stack]:
        with LocalStack(place / "variants.toml", {"PYTHONPATH": str(ROOT)}) as local:
            local.start(order.plan.variants)
            yield Stack(local.base_urls, local.upstream_url, local.cores, local.died)

    return Judged(run(order, Console(file=io.StringIO()), stack).folder)


class TestWrong:
    @pytest.mark.fault(
        "numbers",
        "a service runs with a smaller pool than declared",
        "its trials are invalid (`budget`) and give both sizes",
    )
    def test_a_smaller_pool_than_declared_does_not_count(self, wrong: Judged) -> None:
        assert wrong.invalidated_by(f"{DJANGO}, wait", "budget") == "db_pool: declared 50, but running with 49"

    @pytest.mark.fault("numbers", "a service blocks its event loop during a run", "its trials are invalid (`overlap`)")
    def test_a_service_that_blocks_its_event_loop_does_not_count(self, wrong: Judged) -> None:
        assert wrong.invalidated_by(f"{FASTAPI}, wait", "overlap").startswith("wait: ")

    def test_a_trap_that_blocks_counts_and_its_note_says_so(self, wrong: Judged) -> None:
        found = wrong.found("gevent-unpatched, wait")
        assert found["trap"].weight == "note"
        assert found["trap"].text.startswith("wait (a trap, wrong on purpose): 20 concurrent calls took as long as")
        assert "overlap" not in found

    @pytest.mark.fault("numbers", "a trap does not block", "its trials are invalid (`overlap`)")
    def test_a_trap_whose_calls_overlap_does_not_count(self, wrong: Judged) -> None:
        text = "wait: the calls of this trap overlap, but a trap has to block"
        assert wrong.invalidated_by("fastapi-blocking, wait", "overlap") == text

    @pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="this Python has no GIL")
    @pytest.mark.fault("numbers", "a service declared without the GIL runs with it", "its trials are invalid (`gil`)")
    def test_a_service_declared_without_the_gil_that_has_it_does_not_count(self, wrong: Judged) -> None:
        assert (
            wrong.invalidated_by("flask-free-threaded, wait", "gil") == "declared without the GIL, but running with it"
        )

    @pytest.mark.fault(
        "numbers", "a service reads its files from memory, not from the disk", "its trials are invalid (`disk`)"
    )
    def test_files_that_come_from_memory_show_in_what_the_disk_read(self, wrong: Judged) -> None:
        assert "the rest came from memory" in wrong.invalidated_by(f"{FLASK}, disk", "disk")
        assert "disk" not in wrong.found(f"{DJANGO}, disk")

    @pytest.mark.fault(
        "numbers", "a service responds before its wait is over", "its trials are invalid (`over-ceiling`)"
    )
    def test_a_wait_that_is_cut_short_exceeds_the_theoretical_maximum(self, wrong: Judged) -> None:
        text = wrong.invalidated_by(f"{FLASK}, wait", "over-ceiling")
        assert re.search(r"wait was (skipped|cut short)$", text)


# A run in which nothing is wrong.


def median_of(trial: TrialRecord) -> int:
    assert trial.latency is not None
    return histogram.percentile_us(histogram.merged([trial.latency.histogram]), 50)


@pytest.fixture(scope="module")
def sound(make_bench: Callable[[], Bench]) -> Ended:
    cells = (
        'workload = "wait"\nparams = { ms = 200 }\nusers = [5]',
        'workload = "wait"\nparams = { ms = 20 }\nrate = [100]',
        'workload = "upstream"\nparams = { ms = 50, calls = 2 }\nusers = [3]',
    )
    return make_bench().run(plan(*cells, measure_s=MEASURE_S))


class TestSound:
    def test_a_sound_run_is_valid_except_for_effects_of_a_busy_machine(self, sound: Ended) -> None:
        assert sound.folder
        assert sound.code in (0, 3), sound.err
        target = sound.record().targets[FASTAPI]
        invalid = {r.code for trial in sound.trials() for r in reasons(trial, target) if r.weight == "invalid"}
        assert invalid <= NOISE | {"dispatch-delay", "rate"}
        assert (sound.code == 0) == (not invalid)

    def test_every_figure_of_a_sound_run_stays_inside_its_limit(self, sound: Ended) -> None:
        """Compares the recorded figures themselves with the limits.

        Other guests of the machine may push a figure over its limit. The rule has to apply exactly if they did.
        """
        target = sound.record().targets[FASTAPI]
        assert target.budget_read == target.budget
        assert all(proof.good and proof.held >= proof.calls > 1 for proof in target.proofs.values())
        assert len(sound.trials()) == 3
        for trial in sound.trials():
            codes = {r.code for r in reasons(trial, target)}
            assert trial.latency is not None
            assert trial.disturbance == ""
            assert trial.measured.failed == 0
            assert answered(trial) == trial.sent > 0
            median_ms = median_of(trial) / 1000
            assert (trial.generator.cpu_share > 0.9) == ("generator-cpu" in codes)
            assert (trial.generator.lag_p99_ms > max(10, 0.1 * median_ms)) == ("generator-lag" in codes)
            if trial.spec.load_model == "closed":
                assert trial.occupancy is not None
                assert (abs(trial.occupancy / trial.spec.load - 1) > 0.05) == ("littles-law" in codes)
                wait_s = trial.spec.params["ms"] / 1000
                ceiling = trial.spec.load / wait_s
                assert trial.measured.good / trial.window_s <= (1.02 + wait_s / trial.window_s) * ceiling
            else:
                assert trial.arrivals is not None
                assert trial.arrivals.shed == 0
                assert trial.arrivals.delay_p99_us is not None
                assert (trial.arrivals.delay_p99_us > 10_000) == ("dispatch-delay" in codes)
                # 2 are in flight at 100/s x 20 ms, at both edges give or take 3 x sqrt(2 x 2), and 1 % may be missing.
                # On a busy machine each request takes longer, so more are in flight.
                typical_us = next(filter(None, trial.thirds_iqm_us))
                chance = 3 * (2 * trial.spec.load * typical_us / 1e6) ** 0.5
                assert trial.arrivals.ended is not None
                assert trial.arrivals.ended >= 0.99 * trial.arrivals.intended - chance - 1 or "rate" in codes

    def test_users_that_only_wait_reach_the_theoretical_maximum_which_is_a_note(self, sound: Ended) -> None:
        assert sound.folder
        judged, what = Judged(sound.folder), f"{FASTAPI}, wait ms=200 5 users"
        trial, found = judged.trial(what), judged.found(what).get("ceiling-bound")
        # On a busy machine they may reach less than 95 % of 25 a second.
        assert (found is not None) == (trial.measured.good / trial.window_s >= 0.95 * 25)
        assert found is None or found.weight == "note"
        assert found is None or found.text.endswith("of the theoretical maximum set by users: no basis for a ranking")

    def test_a_histogram_that_contradicts_the_latencies_is_a_damaged_file(self, sound: Ended, bench: Bench) -> None:
        """No run does this, because the recorder takes sum and histogram from the same numbers.

        So in a real trial file every value of the histogram becomes half of the shortest latency.
        A report of it refuses the file when it is read, before the rule applies.
        """
        assert sound.folder
        shutil.copytree(sound.folder.path, bench.place / "damaged")
        folder = RunFolder(bench.place / "damaged")
        trial = next(t for t in folder.read_trials(folder.read_run()) if t.spec.load_model == "open")
        assert trial.latency is not None
        forgotten = histogram.encode(histogram.of([trial.latency.min_us // 2] * trial.latency.count))
        whole = trial.latency.model_copy(update={"histogram": forgotten})
        folder.write_trial(trial.model_copy(update={"latency": whole}))
        (damaged,) = write_report(folder).damaged
        assert damaged.why.startswith(f"trials/{trial.spec.file} is damaged: latency.min_us: ")

    def test_lateness_that_is_much_of_the_p99_is_a_note(self, sound: Ended, bench: Bench) -> None:
        """No run does this reliably, because the machine has to be a little busy. So a trial file gets the lateness."""
        assert sound.folder
        shutil.copytree(sound.folder.path, bench.place / "late")
        folder = RunFolder(bench.place / "late")
        trial = next(t for t in folder.read_trials(folder.read_run()) if t.arrivals)
        assert trial.arrivals is not None
        assert trial.latency is not None
        late = trial.arrivals.model_copy(update={"delay_p99_us": 9_999})
        taken = runs.latency_of([25_000] * trial.latency.count)  # a busy machine's own p99 may be much higher
        folder.write_trial(trial.model_copy(update={"arrivals": late, "latency": taken}))
        write_report(folder)
        assert Judged(folder).found(f"{FASTAPI}, wait ms=20 100")["lateness"].weight == "note"

    @pytest.mark.fault(
        "numbers",
        "a trial file says that users were idle for half of the window",
        "the trial is invalid (`littles-law`)",
    )
    def test_users_that_are_idle_half_of_the_time_break_little_s_law(self, sound: Ended, bench: Bench) -> None:
        """No run does this: a user sends its next request in the callback of the last response, or has an error.

        So a real trial file gets the occupancy of a generator that lets its users idle.
        """
        assert sound.folder
        shutil.copytree(sound.folder.path, bench.place / "idle")
        folder = RunFolder(bench.place / "idle")
        trial = next(t for t in folder.read_trials(folder.read_run()) if t.spec.workload == "wait" and not t.arrivals)
        assert trial.occupancy is not None
        folder.write_trial(trial.model_copy(update={"occupancy": trial.occupancy / 2}))
        write_report(folder)
        Judged(folder).invalidated_by(f"{FASTAPI}, wait ms=200 5 users", "littles-law")

    @pytest.mark.fault(
        "numbers",
        "a trial file says that users came from outside",
        "the trial is invalid (`disturbed`)",
    )
    def test_users_from_outside_disturb_a_trial(self, sound: Ended, bench: Bench) -> None:
        """The web UI starts no users while a run goes on (test_webui.py).

        So a real trial file gets the text that the session writes if the users are not those that it started.
        """
        assert sound.folder
        shutil.copytree(sound.folder.path, bench.place / "disturbed")
        folder = RunFolder(bench.place / "disturbed")
        trial = next(t for t in folder.read_trials(folder.read_run()) if t.spec.workload == "wait" and not t.arrivals)
        text = "users were started or stopped from outside"
        folder.write_trial(trial.model_copy(update={"disturbance": text}))
        write_report(folder)
        assert Judged(folder).invalidated_by(f"{FASTAPI}, wait ms=200 5 users", "disturbed") == text

    @pytest.mark.fault(
        "numbers",
        "a hypervisor gives the machine's CPU time to others (steal time)",
        "the trial has a note (`stolen`), and the report says how much",
    )
    def test_cpu_steal_time_is_a_note(self, sound: Ended, bench: Bench) -> None:
        """No test can make a hypervisor do that. So a real trial file gets a share as the kernel reports it."""
        assert sound.folder
        shutil.copytree(sound.folder.path, bench.place / "stolen")
        folder = RunFolder(bench.place / "stolen")
        trials = folder.read_trials(folder.read_run())
        assert all(0 <= trial.steal_share <= 1 for trial in trials if trial.steal_share is not None)
        trial = next(t for t in trials if t.spec.workload == "wait" and not t.arrivals)
        assert trial.steal_share is not None  # Linux reports it
        folder.write_trial(trial.model_copy(update={"steal_share": 0.9}))
        write_report(folder)
        judged = Judged(folder)
        found = judged.found(f"{FASTAPI}, wait ms=200 5 users")["stolen"]
        assert found.weight == "note"
        assert found.text in judged.rows()
        assert "at most 90% of this machine's CPU time in a trial" in (folder.path / "report.md").read_text()


BROKEN_BY: dict[str, Callable[..., None]] = {
    "accounts": TestMeddled.test_requests_of_another_client_show_in_the_service_s_own_count,
    "arithmetic": TestSound.test_a_histogram_that_contradicts_the_latencies_is_a_damaged_file,
    "budget": TestWrong.test_a_smaller_pool_than_declared_does_not_count,
    "calm": TestCrooked.test_a_burst_whose_calm_has_failed_requests_does_not_count,
    "ceiling-bound": TestSound.test_users_that_only_wait_reach_the_theoretical_maximum_which_is_a_note,
    "contention": Disturbed.test_a_busy_loop_on_the_service_s_core_is_noticed,
    "database-limit": Disturbed.test_a_database_that_is_stopped_is_noticed,
    "disk": TestWrong.test_files_that_come_from_memory_show_in_what_the_disk_read,
    "dispatch-delay": TestMeddled.test_a_generator_that_is_stopped_again_and_again_sends_late,
    "disturbed": TestSound.test_users_from_outside_disturb_a_trial,
    "drift": TestCrooked.test_a_service_that_becomes_slower_is_in_no_steady_state,
    "errors": TestCrooked.test_a_service_that_fails_now_and_then_is_reported_with_its_status,
    "generator-cpu": TestCrooked.test_a_generator_that_used_its_whole_core_may_have_been_the_limit,
    "generator-lag": TestMeddled.test_a_generator_that_is_stopped_again_and_again_lags,
    "gil": TestWrong.test_a_service_declared_without_the_gil_that_has_it_does_not_count,
    "lateness": TestSound.test_lateness_that_is_much_of_the_p99_is_a_note,
    "littles-law": TestSound.test_users_that_are_idle_half_of_the_time_break_little_s_law,
    "neighbours": TestCrooked.test_a_mixed_load_without_neighbours_in_the_window_does_not_count,
    "no-requests": TestCrooked.test_a_window_without_requests_does_not_count,
    "outlier": Disturbed.test_a_repeat_that_differs_from_the_others_is_named,
    "over-ceiling": TestWrong.test_a_wait_that_is_cut_short_exceeds_the_theoretical_maximum,
    "overlap": TestWrong.test_a_service_that_blocks_its_event_loop_does_not_count,
    "stall": Disturbed.test_a_service_that_is_stopped_is_reported,
    "starved": TestCrooked.test_a_user_without_a_response_in_the_whole_window_is_reported,
    "stolen": TestSound.test_cpu_steal_time_is_a_note,
    "trap": TestWrong.test_a_trap_that_blocks_counts_and_its_note_says_so,
    "rate": TestCrooked.test_a_service_that_falls_behind_the_rate_is_reported_even_if_nothing_was_shed,
    "upstream-limit": TestMeddled.test_a_remote_api_that_is_stopped_is_part_of_the_limit,
}
"""The test that breaks each rule. The loss of a Locust worker is tested in test_workers.py."""


def test_every_rule_is_broken_by_a_test() -> None:
    modules = [ast.parse(file.read_text()) for folder in validity.__path__ for file in Path(folder).glob("*.py")]
    calls = [node for module in modules for node in ast.walk(module) if isinstance(node, ast.Call)]
    made = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Reason"]
    assert all(isinstance(code, ast.Constant) for code in made)
    assert {code.value for code in made if isinstance(code, ast.Constant)} == set(BROKEN_BY)
