"""Every rule of waitbench/validity/, broken for real: runs with real servers, and one thing done to each trial.

The two sides of each limit, made up and exact, are in tests/validity/test_validity.py; here `sound` is a real run
that breaks none. On a busy machine a trial may have more reasons than the one provoked: only that one is asked for.
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
"""Time enough for each deed to be done within the window, on a machine that stands still for a moment too."""
DJANGO = "django-gevent"


# To this run somebody does something.


@pytest.fixture(scope="module")
def meddled(make_bench: Callable[[], Bench]) -> Judged:
    bench = make_bench()
    cells = (
        'workload = "wait"\nparams = { ms = 20 }\nusers = [5, 6]',
        'workload = "wait"\nparams = { ms = 20 }\nrate = [100]',
        'workload = "upstream"\nparams = { ms = 20, calls = 1 }\nusers = [5]',
    )
    started = bench.start(plan(*cells, measure_s=MEDDLED_S))

    def others_ask() -> None:
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
            f"{FASTAPI}, wait ms=20 5 users": others_ask,
            f"{FASTAPI}, wait ms=20 6 users": stop_across_the_end,
            f"{FASTAPI}, wait ms=20 100 requests/s": stop_for_moments,
            f"{FASTAPI}, upstream ms=20 calls=1 5 users": stop_the_remote_api,
        },
    )
    meddler.meddle()
    ended = bench.end(started)
    assert ended.code == 3, ended.err
    assert ended.folder
    return Judged(ended.folder)


class TestMeddled:
    @pytest.mark.fault(
        "numbers",
        "somebody else sends requests to a service during a trial",
        "the trial is invalid (`accounts`) and gives both counts",
    )
    def test_requests_of_somebody_else_show_in_the_services_own_count(self, meddled: Judged) -> None:
        trial = meddled.trial(f"{FASTAPI}, wait ms=20 5 users")
        assert answered(trial) == trial.sent + 3
        said = f"{trial.sent} requests sent, {trial.sent + 3} answered by the service's own count"
        assert meddled.spoilt_by(f"{FASTAPI}, wait ms=20 5 users", "accounts") == said

    @pytest.mark.fault(
        "numbers", "the generator is stopped once, across the end of a window", "the trial is invalid (`generator-lag`)"
    )
    def test_a_generator_that_stood_still_once_lags(self, meddled: Judged) -> None:
        """One stop is one late tick; but the ticks that were due meanwhile are late too."""
        meddled.spoilt_by(f"{FASTAPI}, wait ms=20 6 users", "generator-lag")

    def test_a_generator_that_stands_still_again_and_again_lags(self, meddled: Judged) -> None:
        meddled.spoilt_by(f"{FASTAPI}, wait ms=20 100 requests/s", "generator-lag")

    @pytest.mark.fault(
        "numbers",
        "the generator is stopped for moments, again and again",
        "the trial is invalid (`dispatch-delay`, `generator-lag`)",
    )
    def test_a_generator_that_stands_still_again_and_again_sends_late(self, meddled: Judged) -> None:
        meddled.spoilt_by(f"{FASTAPI}, wait ms=20 100 requests/s", "dispatch-delay")

    @pytest.mark.fault("numbers", "the remote API is stopped during a trial", "the trial is invalid (`upstream-limit`)")
    def test_a_remote_api_that_stood_still_was_part_of_the_limit(self, meddled: Judged) -> None:
        meddled.spoilt_by(f"{FASTAPI}, upstream", "upstream-limit")


# These services do wrong by themselves, and only an outsider's view of them is to be had.


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[int, str]]:
    """Its process and where it listens."""
    with serving(crooked, own_session=True) as process:
        [port] = process.told()
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
    favour(pid, Meddler(bench, started, {}).process("locustfile").pid)  # or neighbours keep it from using its core up
    ended = bench.end(started)
    assert ended.code == 3, ended.err
    assert ended.folder
    return Judged(ended.folder)


class TestCrooked:
    @pytest.mark.fault(
        "numbers", "a service fails a few requests", "the trial is invalid (`errors`) with the count of each class"
    )
    def test_a_service_that_fails_now_and_then_is_told_with_what_it_said(self, crooks: Judged) -> None:
        failed = crooks.trial("fails, wait").measured
        said = crooks.spoilt_by("fails, wait", "errors")
        assert said.endswith(f"of {failed.sent} requests failed: {failed.failed} × status 500")
        assert failed.failed == pytest.approx(failed.sent / crooked.FAILS_EVERY, abs=1)

    @pytest.mark.fault("numbers", "a service becomes slower within the window", "the trial is invalid (`drift`)")
    def test_a_service_that_grows_slower_is_in_no_steady_state(self, crooks: Judged) -> None:
        assert re.fullmatch(
            r"typical latency went from \d+ to \d+ ms within the window", crooks.spoilt_by("slows", "drift")
        )

    @pytest.mark.fault("numbers", "a service never serves one of the users", "the trial is invalid (`starved`)")
    def test_a_user_who_is_not_served_in_the_whole_window_is_told(self, crooks: Judged) -> None:
        """His request was sent before it, and is in none of its latencies."""
        trial = crooks.trial("starves, wait")
        assert trial.measured.failed == 0
        said = "1 of 10 users had no answer in the whole window, and are in no percentile"
        assert crooks.spoilt_by("starves, wait", "starved") == said
        assert "starved" not in crooks.found("slows, wait")

    @pytest.mark.fault("numbers", "a service falls behind the rate of an open loop", "the trial is invalid (`rate`)")
    def test_a_service_that_falls_behind_the_rate_is_told_though_nothing_was_shed(self, crooks: Judged) -> None:
        assert crooks.trial("queues, db ms=20 80 ").arrivals.shed == 0  # type: ignore[union-attr]
        assert "answers came back in the window while" in crooks.spoilt_by("queues, db ms=20 80 ", "rate")

    @pytest.mark.fault(
        "numbers", "arrivals of an open loop are shed", "they are counted, and the trial is invalid (`rate`)"
    )
    def test_arrivals_that_were_shed_are_told(self, crooks: Judged) -> None:
        assert crooks.spoilt_by("queues, db ms=20 81 ", "rate").endswith("arrivals were shed: 3 were under way")

    @pytest.mark.fault("numbers", "no request falls into the window", "the trial is invalid (`no-requests`)")
    def test_a_window_in_which_nothing_was_sent_measured_nothing(self, crooks: Judged) -> None:
        crooks.spoilt_by("crumbles, fast 0.1 requests/s", "no-requests")

    @pytest.mark.fault(
        "numbers", "no neighbour of a mixed load falls into the window", "the trial is invalid (`neighbours`)"
    )
    def test_neighbours_too_few_to_come_in_the_window_are_none(self, crooks: Judged) -> None:
        crooks.spoilt_by("crumbles, mixed disk kib=1 20 requests/s", "neighbours")
        assert "neighbours" not in crooks.found("crumbles, mixed disk kib=1 alone")

    @pytest.mark.fault(
        "numbers",
        "requests fail in the calm before a burst",
        "the trial is invalid (`calm`): there is no normal state to recover to",
    )
    def test_a_calm_in_which_requests_fail_is_none_to_recover_to(self, crooks: Judged) -> None:
        assert crooked.FAILS_EVERY < 60  # so that one of the calm's requests is among those that fail
        said = crooks.spoilt_by("fails, burst", "calm")
        assert said.endswith("of the requests in the calm failed or were shed")

    @pytest.mark.fault(
        "numbers",
        "the load needs all of the generator's core",
        "the trial is invalid (`generator-cpu` or `generator-lag`)",
    )
    def test_a_generator_that_used_its_core_up_may_have_been_the_limit(self, crooks: Judged) -> None:
        """Whatever of that core the machine's other guests leave it: where they took a tenth, its lateness tells."""
        calm = crooks.trial("crumbles, fast 0.1 requests/s").generator.cpu_share
        share = crooks.trial("crumbles, fast 50 users").generator.cpu_share
        assert share > 5 * calm
        crooks.spoilt_by("crumbles, fast 50 users", "generator-cpu" if share > GENERATOR_CPU else "generator-lag")


# These are our own services, each with one thing wrong in it.


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """The run of the command line, with another list of variants than the one that was declared."""
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
        # So long that one response before its time is seen on a machine that stands still for a second.
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
        assert wrong.spoilt_by(f"{DJANGO}, wait", "budget") == "db_pool: declared 50, running with 49"

    @pytest.mark.fault("numbers", "a service blocks its event loop during a run", "its trials are invalid (`overlap`)")
    def test_a_loop_that_blocks_does_not_overlap(self, wrong: Judged) -> None:
        assert wrong.spoilt_by(f"{FASTAPI}, wait", "overlap").startswith("wait: ")

    def test_a_trap_is_told_with_what_it_does_and_counts(self, wrong: Judged) -> None:
        found = wrong.found("gevent-unpatched, wait")
        assert found["trap"].weight == "note"
        assert found["trap"].text.startswith("wait: a trap, wrong on purpose: 20 calls at once took as long as")
        assert "overlap" not in found

    @pytest.mark.fault("numbers", "a trap does not block", "its trials are invalid (`overlap`)")
    def test_a_trap_whose_calls_overlap_shows_nothing(self, wrong: Judged) -> None:
        assert wrong.spoilt_by("fastapi-blocking, wait", "overlap") == "wait: a trap, and its calls overlap"

    @pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="this Python has no GIL")
    @pytest.mark.fault("numbers", "a service declared without the GIL runs with it", "its trials are invalid (`gil`)")
    def test_a_service_that_has_the_gil_it_was_declared_without_does_not_count(self, wrong: Judged) -> None:
        assert wrong.spoilt_by("flask-free-threaded, wait", "gil") == "declared without the GIL, and running with it"

    @pytest.mark.fault(
        "numbers", "a service reads its files from memory, not from the disk", "its trials are invalid (`disk`)"
    )
    def test_files_that_never_left_memory_are_told_by_what_the_disk_read(self, wrong: Judged) -> None:
        assert "it came from memory, not from the disk" in wrong.spoilt_by(f"{FLASK}, disk", "disk")
        assert "disk" not in wrong.found(f"{DJANGO}, disk")

    @pytest.mark.fault(
        "numbers", "a service answers before its wait is over", "its trials are invalid (`over-ceiling`)"
    )
    def test_a_wait_cut_short_is_more_than_arithmetic_allows(self, wrong: Judged) -> None:
        said = wrong.spoilt_by(f"{FLASK}, wait", "over-ceiling")
        assert re.search(r"wait was (skipped|cut short)$", said)


# And the one in which nothing is wrong.


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
    def test_a_sound_run_is_valid_but_for_what_a_busy_machine_did_to_it(self, sound: Ended) -> None:
        assert sound.folder
        assert sound.code in (0, 3), sound.err
        target = sound.record().targets[FASTAPI]
        invalid = {r.code for trial in sound.trials() for r in reasons(trial, target) if r.weight == "invalid"}
        assert invalid <= NOISE | {"dispatch-delay", "rate"}
        assert (sound.code == 0) == (not invalid)

    def test_every_figure_of_a_sound_run_stays_inside_its_limit(self, sound: Ended) -> None:
        """Reads the record itself, not the rule. Where the machine's other guests can push a figure over its limit, the
        rule has to speak exactly when they did."""
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
                # 2 are under way at 100/s x 20 ms, at either edge give or take 3 x sqrt(2 x 2), and 1 % may be missing.
                # On a busy machine each takes longer, and they are more.
                typical_us = next(filter(None, trial.thirds_iqm_us))
                chance = 3 * (2 * trial.spec.load * typical_us / 1e6) ** 0.5
                assert trial.arrivals.ended is not None
                assert trial.arrivals.ended >= 0.99 * trial.arrivals.intended - chance - 1 or "rate" in codes

    def test_users_who_do_nothing_but_wait_are_at_the_ceiling_which_is_a_note(self, sound: Ended) -> None:
        assert sound.folder
        judged, what = Judged(sound.folder), f"{FASTAPI}, wait ms=200 5 users"
        trial, found = judged.trial(what), judged.found(what).get("ceiling-bound")
        # On a busy machine they may get less than 95 % of 25 a second.
        assert (found is not None) == (trial.measured.good / trial.window_s >= 0.95 * 25)
        assert found is None or found.weight == "note"
        assert found is None or found.text.endswith("of the ceiling set by users, a true figure that ranks nobody")

    def test_a_histogram_that_lost_its_slowest_is_a_damaged_file(self, sound: Ended, bench: Bench) -> None:
        """No run does this: the recorder takes sum and histogram from the same numbers. So a real trial file is damaged
        as a recorder that forgets half would leave it, and reported again. Reading refuses it, before the rule."""
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

    def test_a_generator_that_was_late_by_much_of_its_p99_says_so(self, sound: Ended, bench: Bench) -> None:
        """No run does this at will: it takes a machine that is a little busy. So a trial file is given the lateness."""
        assert sound.folder
        shutil.copytree(sound.folder.path, bench.place / "late")
        folder = RunFolder(bench.place / "late")
        trial = next(t for t in folder.read_trials(folder.read_run()) if t.arrivals)
        assert trial.arrivals is not None
        assert trial.latency is not None
        late = trial.arrivals.model_copy(update={"delay_p99_us": 9_999})
        taken = runs.latency_of([25_000] * trial.latency.count)  # a busy machine's own p99 may be much more
        folder.write_trial(trial.model_copy(update={"arrivals": late, "latency": taken}))
        write_report(folder)
        assert Judged(folder).found(f"{FASTAPI}, wait ms=20 100")["lateness"].weight == "note"

    @pytest.mark.fault(
        "numbers",
        "a trial file says that users were idle for half of the window",
        "the trial is invalid (`littles-law`)",
    )
    def test_users_who_idled_half_of_the_time_break_littles_law(self, sound: Ended, bench: Bench) -> None:
        """No run does this either: a user sends its next request in the callback of the last response, or has met an
        error. So a real trial file is given the figure of a generator that lets its users idle."""
        assert sound.folder
        shutil.copytree(sound.folder.path, bench.place / "idle")
        folder = RunFolder(bench.place / "idle")
        trial = next(t for t in folder.read_trials(folder.read_run()) if t.spec.workload == "wait" and not t.arrivals)
        assert trial.occupancy is not None
        folder.write_trial(trial.model_copy(update={"occupancy": trial.occupancy / 2}))
        write_report(folder)
        Judged(folder).spoilt_by(f"{FASTAPI}, wait ms=200 5 users", "littles-law")

    @pytest.mark.fault(
        "numbers",
        "a trial file says that users came from outside",
        "the trial is invalid (`disturbed`)",
    )
    def test_users_from_outside_disturb_a_trial(self, sound: Ended, bench: Bench) -> None:
        """The web UI starts none while a run goes on (test_webui.py). So a real trial file is given what the conductor
        writes where the users are not those that it started."""
        assert sound.folder
        shutil.copytree(sound.folder.path, bench.place / "disturbed")
        folder = RunFolder(bench.place / "disturbed")
        trial = next(t for t in folder.read_trials(folder.read_run()) if t.spec.workload == "wait" and not t.arrivals)
        said = "users were started or stopped from outside"
        folder.write_trial(trial.model_copy(update={"disturbance": said}))
        write_report(folder)
        assert Judged(folder).spoilt_by(f"{FASTAPI}, wait ms=200 5 users", "disturbed") == said

    @pytest.mark.fault(
        "numbers",
        "a hypervisor gives the machine's cores to others",
        "the trial has a note (`stolen`), and the report says how much",
    )
    def test_time_that_a_hypervisor_gave_to_others_is_a_note(self, sound: Ended, bench: Bench) -> None:
        """No test can make a hypervisor do that. So a real trial file is given the kernel's figure."""
        assert sound.folder
        shutil.copytree(sound.folder.path, bench.place / "stolen")
        folder = RunFolder(bench.place / "stolen")
        trials = folder.read_trials(folder.read_run())
        assert all(0 <= trial.stolen_share <= 1 for trial in trials if trial.stolen_share is not None)
        trial = next(t for t in trials if t.spec.workload == "wait" and not t.arrivals)
        assert trial.stolen_share is not None  # Linux tells
        folder.write_trial(trial.model_copy(update={"stolen_share": 0.9}))
        write_report(folder)
        judged = Judged(folder)
        found = judged.found(f"{FASTAPI}, wait ms=200 5 users")["stolen"]
        assert found.weight == "note"
        assert found.text in judged.rows()
        assert (
            "it gave others at most 90% of this machine's processor time in a trial"
            in (folder.path / "report.md").read_text()
        )


BROKEN_BY: dict[str, Callable[..., None]] = {
    "accounts": TestMeddled.test_requests_of_somebody_else_show_in_the_services_own_count,
    "arithmetic": TestSound.test_a_histogram_that_lost_its_slowest_is_a_damaged_file,
    "budget": TestWrong.test_a_smaller_pool_than_declared_does_not_count,
    "calm": TestCrooked.test_a_calm_in_which_requests_fail_is_none_to_recover_to,
    "ceiling-bound": TestSound.test_users_who_do_nothing_but_wait_are_at_the_ceiling_which_is_a_note,
    "contention": Disturbed.test_a_busy_loop_on_the_services_core_is_seen,
    "database-limit": Disturbed.test_a_database_that_stands_still_is_seen,
    "disk": TestWrong.test_files_that_never_left_memory_are_told_by_what_the_disk_read,
    "dispatch-delay": TestMeddled.test_a_generator_that_stands_still_again_and_again_sends_late,
    "disturbed": TestSound.test_users_from_outside_disturb_a_trial,
    "drift": TestCrooked.test_a_service_that_grows_slower_is_in_no_steady_state,
    "errors": TestCrooked.test_a_service_that_fails_now_and_then_is_told_with_what_it_said,
    "generator-cpu": TestCrooked.test_a_generator_that_used_its_core_up_may_have_been_the_limit,
    "generator-lag": TestMeddled.test_a_generator_that_stands_still_again_and_again_lags,
    "gil": TestWrong.test_a_service_that_has_the_gil_it_was_declared_without_does_not_count,
    "lateness": TestSound.test_a_generator_that_was_late_by_much_of_its_p99_says_so,
    "littles-law": TestSound.test_users_who_idled_half_of_the_time_break_littles_law,
    "neighbours": TestCrooked.test_neighbours_too_few_to_come_in_the_window_are_none,
    "no-requests": TestCrooked.test_a_window_in_which_nothing_was_sent_measured_nothing,
    "outlier": Disturbed.test_a_repeat_unlike_the_others_is_named,
    "over-ceiling": TestWrong.test_a_wait_cut_short_is_more_than_arithmetic_allows,
    "overlap": TestWrong.test_a_loop_that_blocks_does_not_overlap,
    "stall": Disturbed.test_a_service_that_stands_still_is_shown,
    "starved": TestCrooked.test_a_user_who_is_not_served_in_the_whole_window_is_told,
    "stolen": TestSound.test_time_that_a_hypervisor_gave_to_others_is_a_note,
    "trap": TestWrong.test_a_trap_is_told_with_what_it_does_and_counts,
    "rate": TestCrooked.test_a_service_that_falls_behind_the_rate_is_told_though_nothing_was_shed,
    "upstream-limit": TestMeddled.test_a_remote_api_that_stood_still_was_part_of_the_limit,
}
"""The test that breaks each rule. What the loss of a Locust worker does to a trial is in test_workers.py."""


def test_every_rule_is_broken_by_a_test() -> None:
    modules = [ast.parse(file.read_text()) for folder in validity.__path__ for file in Path(folder).glob("*.py")]
    calls = [node for module in modules for node in ast.walk(module) if isinstance(node, ast.Call)]
    made = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Reason"]
    assert all(isinstance(code, ast.Constant) for code in made)
    assert {code.value for code in made if isinstance(code, ast.Constant)} == set(BROKEN_BY)
