"""Closed and open loops: which requests they send, which they count as failures, and when they end."""

import _socket
import errno
import functools
import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest

from loadtests.arrivals import arrivals_ns, schedule_ns
from loadtests.closed_loop import ClosedLoop
from loadtests.load_loop import LoadLoop, State
from loadtests.loops import new_loop
from loadtests.recorder import Recorder, Window
from loadtests.share import Share
from tests.loadtests import answering, limited
from tests.made_up import runs
from tests.serving import listening
from waitbench.launch.local import free_port
from waitbench.records.load_point import Mixed
from waitbench.records.spec import Exchange, TrialSpec
from waitbench.records.trial import Phase

EVER = Window(0, 2**62)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with listening(answering) as url:
        yield url


def spec(server: str, path: str, body: str | None = None, timeout_s: float = 5.0, **changes: object) -> TrialSpec:
    return runs.spec(base_url=server, path=path, body=body, timeout_s=timeout_s, **changes)  # type: ignore[arg-type]


def played(planned: TrialSpec, requests: int) -> LoadLoop:
    """Run one user until `requests` requests are recorded."""
    trial = new_loop(planned)
    good, failed = trial.recorder.good, trial.recorder.failed
    seen = 0

    def after(write: Callable[..., None], *what: object) -> None:
        nonlocal seen
        seen += 1
        if seen >= requests:
            trial.state = State.DRAINING
        write(*what)

    trial.recorder.good = functools.partial(after, good)  # type: ignore[method-assign]
    trial.recorder.failed = functools.partial(after, failed)  # type: ignore[method-assign]
    trial.begin(time.perf_counter_ns())
    trial.join()
    trial.close()
    return trial


def measured(planned: TrialSpec, requests: int = 3) -> Phase:
    return played(planned, requests).recorder.phases(EVER)[1]


def test_a_user_sends_requests_until_it_is_stopped_and_all_are_recorded(server: str) -> None:
    trial = played(spec(server, "/plain", "hello"), 7)
    assert trial.recorder.phases(EVER)[1] == Phase(good=7)
    batch = trial.recorder.batch()
    assert (list(batch.good), batch.failures) == ([True] * 7, [])
    assert all(batch.taken_us > 0)


def test_a_response_with_other_bytes_is_a_failure(server: str) -> None:
    assert measured(spec(server, "/plain", "hellO")) == Phase(errors={"wrong body": 3})
    assert measured(spec(server, "/chunked", "hello")) == Phase(errors={"wrong body": 3})


def test_a_status_other_than_2xx_is_a_failure_with_any_body(server: str) -> None:
    assert measured(spec(server, "/teapot", "short")) == Phase(errors={"status 418": 3})
    assert measured(spec(server, "/teapot")) == Phase(errors={"status 418": 3})


def test_if_the_correct_body_is_not_known_every_complete_response_is_good(server: str) -> None:
    assert measured(spec(server, "/plain")) == Phase(good=3)
    assert measured(spec(server, "/short")) == Phase(errors={"short body": 3})


def test_a_timeout_is_an_error_that_counts_with_its_whole_latency(server: str) -> None:
    trial = played(spec(server, "/silent", timeout_s=0.2), 1)
    taken = trial.recorder.latency(EVER)
    assert trial.recorder.phases(EVER)[1] == Phase(errors={"timeout": 1})
    assert taken is not None
    assert taken.min_us >= 200_000


def test_a_service_that_refuses_is_not_flooded() -> None:
    began = time.monotonic()
    assert measured(spec(f"http://127.0.0.1:{free_port()}", "/"), 5) == Phase(errors={"refused": 5})
    assert time.monotonic() - began >= 4 * 0.05


def test_a_user_has_one_connection_and_makes_a_new_one_when_it_ends(server: str) -> None:
    assert [
        played(spec(server, path), 4).recorder.connects().made for path in ("/plain", "/then-closes", "/teapot")
    ] == [1, 4, 1]


@pytest.mark.fault(
    "numbers",
    "the generator may open no more sockets",
    "every arrival is accounted for, as an error or as shed",
)
def test_if_this_process_may_open_no_more_sockets_every_arrival_is_still_counted(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, made = _socket.socket, 0

    def scarce(*given: object) -> object:
        nonlocal made
        made += 1
        if made > 3:
            raise OSError(errno.EMFILE, "Too many open files")
        return real(*given)  # type: ignore[arg-type]

    planned = spec(
        server, "/silent", timeout_s=0.2, load_model="open", load=50, arrivals="uniform", warmup_s=0, measure_s=1.0
    )
    trial = new_loop(planned.model_copy(update={"max_in_flight": 100}))
    monkeypatch.setattr(_socket, "socket", scarce)
    trial.begin(time.perf_counter_ns())
    trial.join()
    monkeypatch.undo()
    assert trial.close() == 0
    found = trial.recorder.phases(EVER)[1]
    assert found.sent == len(list(schedule_ns(planned)))
    assert found.errors["no socket"] >= found.sent - 3


def test_a_body_far_longer_than_the_correct_one_is_not_read(server: str) -> None:
    assert measured(spec(server, "/large", "hello")) == Phase(errors={"body too long": 3})


@pytest.mark.parametrize("bytes_per_s", [0, 2**20])
@pytest.mark.parametrize(
    ("path", "right"),
    [
        ("/pattern", Phase(good=3)),
        ("/pattern-with-a-wrong-byte", Phase(errors={"wrong body": 3})),
        ("/pattern-with-a-piece-missing", Phase(errors={"wrong body": 3})),
        ("/pattern-and-a-byte", Phase(errors={"wrong body": 3})),
        ("/pattern-but-a-byte", Phase(errors={"wrong body": 3})),
        ("/pattern-and-far-more", Phase(errors={"body too long": 3})),
        ("/closes-in-the-pattern", Phase(errors={"short body": 3})),
        ("/resets-in-the-pattern", Phase(errors={"reset": 3})),
        ("/teapot", Phase(errors={"status 418": 3})),
    ],
)
def test_a_response_of_bytes_is_good_if_all_of_them_are_the_patterns(
    server: str, path: str, right: Phase, bytes_per_s: int
) -> None:
    assert measured(spec(server, path, receives=20_000, bytes_per_s=bytes_per_s)) == right


def test_a_refusal_after_the_head_has_its_status_and_costs_a_connection(server: str) -> None:
    trial = played(spec(server, "/too-large-and-closes", method="POST", sends=2_000_000), 3)
    assert trial.recorder.phases(EVER)[1] == Phase(errors={"status 413": 3})
    assert trial.recorder.connects().made == 3


class TestMixed:
    """Fast requests that are measured, together with slow neighbours."""

    @staticmethod
    def mixed(
        server: str, fast: str, slow: str, body: str = "hello", alone: bool = False, max_in_flight: int = 100
    ) -> TrialSpec:
        mixed = Mixed(workload="wait", params={"ms": 0}, share=0.3)
        neighbours = Exchange(path=slow, body=body)
        load: dict[str, Any] = {
            "load_model": "open",
            "load": 100,
            "warmup_s": 0.2,
            "measure_s": 0.3,
            "arrivals_seed": 4,
        }
        return spec(
            server, fast, body, scenario=mixed, neighbours=neighbours, alone=alone, max_in_flight=max_in_flight, **load
        )

    @staticmethod
    def play(planned: TrialSpec, shares: int = 1) -> list[LoadLoop]:
        """Run the trial in `shares` shares that begin at the same time."""
        trials = [new_loop(planned, Share(index, shares)) for index in range(shares)]
        begin_ns = time.perf_counter_ns()
        for trial in trials:
            trial.begin(begin_ns)
        gevent.joinall([gevent.spawn(trial.join) for trial in trials])
        for trial in trials:
            assert trial.close() == 0
        return trials

    @staticmethod
    def due_ns(*recorders: Recorder | None) -> list[int]:
        """Return when sent and shed requests were due, from the beginning of the trial."""
        return sorted(
            at - recorder.begin_ns
            for recorder in recorders
            if recorder
            for at in (*recorder._intended, *recorder._shed)
        )

    @staticmethod
    def scheduled_ns(planned: TrialSpec, beside: bool) -> list[int]:
        return [at for at, neighbours in arrivals_ns(planned) if neighbours == beside]

    def test_each_arrival_is_recorded_with_its_own_kind(self, server: str) -> None:
        planned = self.mixed(server, "/plain", "/in-pieces")  # whose response has another body
        [trial] = self.play(planned)
        assert trial.beside is not None
        assert self.due_ns(trial.recorder) == self.scheduled_ns(planned, beside=False)
        assert self.due_ns(trial.beside) == self.scheduled_ns(planned, beside=True)
        fast, slow = (recorder.phases(trial.window) for recorder in (trial.recorder, trial.beside))
        for warmup, window, _ in (fast, slow):
            assert warmup.sent > 0
            assert window.sent > 0
        assert (fast[0].failed, fast[1].failed) == (0, 0)
        assert slow[1].errors == {"wrong body": slow[1].sent}

    def test_the_kinds_share_no_connections(self, server: str) -> None:
        planned = self.mixed(server, "/paths?fast", "/paths?slow", body="1")  # the body counts this connection's paths
        [trial] = self.play(planned)
        assert trial.beside is not None
        for recorder, neighbours in ((trial.recorder, False), (trial.beside, True)):
            assert recorder.phases(EVER)[1] == Phase(good=len(self.scheduled_ns(planned, neighbours)))

    def test_both_kinds_share_the_limit_in_flight(self, server: str) -> None:
        planned = self.mixed(server, "/silent", "/silent", max_in_flight=10)
        # No request gets a response before the last arrival, and none times out before it, however late it is.
        [trial] = self.play(planned.model_copy(update={"timeout_s": 2.0}))
        assert trial.beside is not None
        first = [beside for _, beside in list(arrivals_ns(planned))[:10]]
        sent = [len(recorder._intended) for recorder in (trial.recorder, trial.beside)]
        assert sent == [first.count(False), first.count(True)]
        assert min(sent) > 0
        assert self.due_ns(trial.recorder, trial.beside) == [at for at, _ in arrivals_ns(planned)]

    def test_shares_add_up_to_the_whole_of_each_kind(self, server: str) -> None:
        planned = self.mixed(server, "/plain", "/plain")
        one, two = self.play(planned, shares=2)
        assert self.due_ns(one.recorder, two.recorder) == self.scheduled_ns(planned, beside=False)
        assert self.due_ns(one.beside, two.beside) == self.scheduled_ns(planned, beside=True)
        sent = [len(trial.recorder._intended) + len(trial.beside._intended) for trial in (one, two) if trial.beside]
        assert abs(sent[0] - sent[1]) <= 1

    @pytest.mark.parametrize("shares", [1, 2])
    def test_alone_the_same_fast_requests_arrive_without_neighbours(self, server: str, shares: int) -> None:
        planned = self.mixed(server, "/plain", "/plain", alone=True)
        trials = self.play(planned, shares)
        assert [trial.beside for trial in trials] == [None] * shares
        together = self.scheduled_ns(self.mixed(server, "/plain", "/plain"), beside=False)
        assert self.due_ns(*(trial.recorder for trial in trials)) == together


class TestGathering:
    """Each user of a closed loop gets one response before the warm-up begins."""

    @staticmethod
    def play(trial: LoadLoop, users: int, patience_s: float = 5.0, begin_after_s: float = 0.0) -> tuple[int, bool]:
        """Run the trial. Returns when the warm-up began, and whether all users had gathered by then."""
        joined = [gevent.spawn(trial.join) for _ in range(users)]
        gevent.sleep(0)
        trial.gather(time.perf_counter_ns())
        all_gathered: bool = trial.gathered.wait(patience_s)
        before = len(trial.recorder._sent)
        gevent.sleep(begin_after_s)
        assert len(trial.recorder._sent) == before  # nobody sends again meanwhile
        begin_ns = time.perf_counter_ns()
        trial.begin(begin_ns)
        gevent.joinall(joined)
        assert trial.close() == 0
        return begin_ns, all_gathered

    def test_every_user_gets_one_response_and_then_waits_for_the_beginning(self, server: str) -> None:
        trial = new_loop(spec(server, "/plain", "hello", load=7, least_s=0.02, warmup_s=0.2, measure_s=0.2))
        begin_ns, all_gathered = self.play(trial, 7, begin_after_s=0.1)
        early = [sent for sent in trial.recorder._sent if sent < begin_ns]
        assert (len(early), all_gathered) == (7, True)
        warmup, measured, _ = trial.recorder.phases(trial.window)
        assert warmup.good > 7  # the seven of gathering, and those of the warm-up
        assert measured.good > 0
        assert trial.recorder.connects().made == 7
        assert trial.window.begin_ns == begin_ns + 200_000_000

    def test_a_user_without_a_response_by_then_continues_when_it_comes(self) -> None:
        """A server with a limit on connections accepts all but two of these."""
        with listening(limited) as url:
            users = limited.CONNECTIONS + 2
            load = {"load": users, "least_s": 0.0, "warmup_s": 0.1, "measure_s": 0.3, "timeout_s": 1.0}
            trial = new_loop(runs.spec(base_url=url, path="/", body="ok", **load))  # type: ignore[arg-type]
            _, all_gathered = self.play(trial, users, patience_s=0.5)
        assert not all_gathered
        kinds = trial.recorder.phases(trial.window)
        assert kinds[1].good > 0
        assert trial.recorder.spanning(trial.window) == 2

    def test_a_failure_counts_as_a_response(self, server: str) -> None:
        trial = new_loop(spec(server, "/teapot", load=3, warmup_s=0.1, measure_s=0.1))
        assert self.play(trial, 3)[1]

    def test_an_open_loop_does_not_gather(self, server: str) -> None:
        trial = new_loop(
            spec(server, "/plain", "hello", load_model="open", load=50, max_in_flight=9, warmup_s=0.1, measure_s=0.2)
        )
        begin_ns, all_gathered = self.play(trial, 1)
        assert all_gathered
        assert all(sent >= begin_ns for sent in trial.recorder._sent)

    def test_a_stop_does_not_wait_for_users_without_a_response(self, server: str) -> None:
        trial = new_loop(spec(server, "/silent", load=2, warmup_s=0.1, measure_s=0.1, timeout_s=60.0))
        joined = [gevent.spawn(trial.join) for _ in range(2)]
        gevent.sleep(0)
        trial.gather(time.perf_counter_ns())
        assert not trial.gathered.wait(0.05)
        gevent.spawn_later(0.05, trial.stop)
        assert trial.gathered.wait(30.0)
        trial.close()
        gevent.joinall(joined)

    def test_a_share_without_users_does_not_wait(self, server: str) -> None:
        trial = new_loop(spec(server, "/plain", "hello", load=1), Share(1, 2))
        trial.gather(time.perf_counter_ns())
        assert trial.gathered.is_set()
        trial.close()


def first_sent_s(planned: TrialSpec) -> list[float]:
    """Return when each user would send its first request, in seconds after `gather`."""
    trial = ClosedLoop(planned)
    sent: list[float] = []
    trial._ask_at = lambda user, when_ns: sent.append(when_ns / 1e9)  # type: ignore[method-assign]
    joined = [gevent.spawn(trial.join) for _ in range(int(planned.load))]
    gevent.sleep(0)
    trial.gather(1_000_000_000)
    trial.close()
    gevent.joinall(joined)
    return [at - 1 for at in sent]


def test_users_begin_spread_over_one_wait(server: str) -> None:
    planned = spec(server, "/plain", load=4, least_s=0.1, warmup_s=1.0)
    assert first_sent_s(planned) == pytest.approx([0, 0.025, 0.05, 0.075])


def test_users_begin_in_the_first_half_of_a_short_warm_up(server: str) -> None:
    assert first_sent_s(spec(server, "/plain", load=2, least_s=10.0, warmup_s=1.0)) == pytest.approx([0, 0.25])


def test_users_of_a_workload_without_a_wait_begin_spread_over_half_a_second(server: str) -> None:
    planned = spec(server, "/plain", workload="fast", params={}, load=4, warmup_s=10.0)
    assert first_sent_s(planned) == pytest.approx([0, 0.125, 0.25, 0.375])


def test_idle_connections_are_closed_for_those_that_wait_to_be_accepted() -> None:
    """After a stall, an open loop has more connections than the service can hold.

    Those that were served become idle, and would keep the others out for ever.
    """
    with listening(limited) as url:
        load = {"load_model": "open", "load": 50, "arrivals": "uniform", "warmup_s": 0, "measure_s": 1}
        trial = new_loop(runs.spec(base_url=url, path="/", body="ok", max_in_flight=100, timeout_s=5, **load))  # type: ignore[arg-type]
        trial.begin(time.perf_counter_ns())
        trial.join()
        trial.close()
    assert trial.recorder.phases(EVER)[1] == Phase(good=49)
    assert trial.recorder.connects().made > limited.CONNECTIONS
