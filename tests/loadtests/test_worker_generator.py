"""Messages between the master and its workers, without real workers; e2e/test_workers.py has these."""

import time
from dataclasses import dataclass, field
from typing import Any

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st
from locust.env import Environment
from locust.rpc.protocol import Message
from locust.runners import STATE_INIT, STATE_MISSING, STATE_RUNNING

from loadtests import load_generator, worker_generator
from loadtests.load_generator import GaveUp
from loadtests.recorder import Recorder, Window
from loadtests.share import Share
from loadtests.share_runner import ProcessUsage, ShareResult, ShareRunner
from loadtests.users import TrialUser
from loadtests.worker_generator import WorkerGenerator
from loadtests.worker_messages import BEGIN, GATHER, GATHERED, PART, PREPARE, READY
from tests.made_up import runs

MS = 1_000_000
WINDOW = Window(1000 * MS, 3000 * MS)
USAGE = ProcessUsage(cpu_share=0.5, lag_p99_ms=1.25, lag_max_ms=2.5, rss_bytes=2**33)


@given(st.integers(0, 10_000), st.integers(1, 64))
def test_shares_add_up_and_differ_by_one_at_most(whole: int, count: int) -> None:
    shares = [Share(index, count).of(whole) for index in range(count)]
    assert sum(shares) == whole
    assert max(shares) - min(shares) <= 1


def test_one_process_has_the_whole_share() -> None:
    assert Share().of(7) == 7


def recorded(*requests: tuple[int, int, str]) -> Recorder:
    """Return a recorder of requests: intended and ended, in milliseconds, and an error class or "shed"."""
    recorder = Recorder()
    for intended, ended, kind in requests:
        if kind == "shed":
            recorder.shed(intended * MS)
        elif kind:
            recorder.failed(intended * MS, (intended + 1) * MS, ended * MS, kind)
        else:
            recorder.good(intended * MS, (intended + 1) * MS, ended * MS)
    return recorder


def recorded_figures(recorder: Recorder) -> tuple[Any, ...]:
    """Return everything that a trial file has from a recorder."""
    return (
        recorder.phases(WINDOW),
        recorder.latency(WINDOW),
        recorder.arrivals(WINDOW),
        recorder.connects(),
        recorder.timeline(),
        recorder.thirds_iqm_us(WINDOW),
    )


def message(kind: str, data: dict[str, Any], name: str) -> Any:
    return Message(kind, data, name)  # type: ignore[no-untyped-call]


KINDS = st.sampled_from(["", "reset", "timeout", "status 503", "wrong body", "shed"])
REQUESTS = st.lists(
    st.tuples(st.integers(0, 2999), st.integers(1, 2000), KINDS).map(lambda r: (r[0], r[0] + r[1], r[2])), max_size=30
)


@given(st.lists(REQUESTS, min_size=1, max_size=4))
def test_added_parts_equal_the_record_of_one_process(parts: list[list[tuple[int, int, str]]]) -> None:
    whole, total = recorded(*[request for part in parts for request in part]), Recorder()
    for part in parts:
        total.add_packed(recorded(*part).packed())
    assert recorded_figures(total) == recorded_figures(whole)


def test_error_classes_keep_their_names_whatever_their_numbers() -> None:
    first = recorded((1000, 1100, "reset"), (1000, 1200, "timeout"), (500, 600, ""))
    second = recorded((1000, 1100, "timeout"), (1000, 1100, "status 503"), (1000, 1300, "reset"), (1000, 1100, ""))
    for one, other in ((first, second), (second, first)):
        total = Recorder()
        total.add_packed(one.packed())
        total.add_packed(other.packed())
        warmup, measured, _ = total.phases(WINDOW)
        assert (warmup.good, measured.good) == (1, 1)
        assert measured.errors == {"reset": 2, "timeout": 2, "status 503": 1}
        counted = total.latency(WINDOW)
        assert counted is not None
        assert (counted.count, counted.max_us) == (3, 200_000)  # the good one and the timeouts


def test_a_part_arrives_as_it_was_sent() -> None:
    recorder = recorded((500, 600, ""), (1000, 1100, "reset"), (1500, 0, "shed"))
    recorder.begin_ns = 300 * MS
    recorder.connected([5 * MS, 7 * MS])
    sent = {"trial": 3, **ShareResult(recorder, USAGE, joined=2, lost=1).packed()}
    wire = message(PART, sent, "a-worker").serialize()
    arrived: Any = Message.unserialize(wire)  # type: ignore[no-untyped-call]
    assert (arrived.type, arrived.node_id, arrived.data.pop("trial")) == (PART, "a-worker", 3)
    part = ShareResult.unpacked(arrived.data)
    assert (part.usage, part.joined, part.lost) == (USAGE, 2, 1)
    assert recorded_figures(part.recorder) == recorded_figures(recorder)
    assert part.recorder.connects().made == 2
    assert part.recorder.begin_ns == 300 * MS


@dataclass
class Node:
    state: str = STATE_INIT


@dataclass
class Runner:
    """A stand-in for a master's runner. Its workers respond at once, and may die when they get a message."""

    names: tuple[str, ...]
    dies_at: dict[str, str] = field(default_factory=dict)
    """Workers that are lost when they get this message."""
    clients: dict[str, Node] = field(default_factory=dict)
    messages: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    listeners: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clients = {name: Node() for name in self.names}
        self.environment = type("Environment", (), {"runner": self})()

    def register_message(self, kind: str, listener: Any, concurrent: bool = False) -> None:
        self.listeners[kind] = listener

    def get_worker_index(self, name: str) -> int:
        return self.names.index(name)

    def send_message(self, kind: str, data: dict[str, Any], name: str) -> None:
        self.messages.append((kind, name, data))
        if self.dies_at.get(name) == kind:
            self.clients[name].state = STATE_MISSING
        if self.clients[name].state == STATE_MISSING:
            return
        if kind == PREPARE:
            self.respond(READY, name, {"trial": data["trial"]})
        if kind == GATHER:
            self.respond(GATHERED, name, {"trial": data["trial"]})
        if kind == BEGIN:
            part = ShareResult(recorded((1000, 1100, "")), USAGE, joined=1, lost=0)
            self.respond(PART, name, {"trial": data["trial"], **part.packed()})

    def respond(self, kind: str, name: str, data: dict[str, Any]) -> None:
        self.listeners[kind](message(kind, data, name))

    def shares(self) -> dict[str, tuple[int, int]]:
        """Return the share that each worker got last."""
        return {name: (data["index"], data["count"]) for kind, name, data in self.messages if kind == PREPARE}


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_generator, "GATHER_S", 0.1)
    for patience in ("START_S", "ANSWER_S", "MISSING_S", "AGAIN_S"):
        monkeypatch.setattr(worker_generator, patience, 0.1)


SPEC = runs.spec(load=5)


def test_every_worker_has_a_share_of_its_own() -> None:
    runner = Runner(("a", "b", "c"))
    workers = WorkerGenerator(runner.environment, 3)
    workers.prepare(SPEC)
    assert runner.shares() == {"a": (0, 3), "b": (1, 3), "c": (2, 3)}
    workers.begin(0)
    parts, losses = workers.finish()
    assert (len(parts), losses) == (3, [])


def test_gathering_waits_for_the_last_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_generator, "GATHER_S", 30.0)
    runner = Runner(("a", "b"))
    workers = WorkerGenerator(runner.environment, 2)
    workers.prepare(SPEC)
    receive, gathered = runner.listeners[GATHERED], []

    def late(msg: Any) -> None:
        receive(msg)
        gathered.append(msg.node_id)

    runner.listeners[GATHERED] = lambda msg: gevent.spawn_later(0.05, late, msg) if msg.node_id == "b" else late(msg)
    workers.gather(SPEC)
    assert gathered == ["a", "b"]
    [since] = {data["since_ns"] for kind, _, data in runner.messages if kind == GATHER}
    [until] = {data["until_ns"] for kind, _, data in runner.messages if kind == GATHER}
    assert until - since == int((SPEC.least_s + load_generator.GATHER_S) * 1e9)


@pytest.mark.parametrize("moment", ["dies", "is silent"])
@pytest.mark.fault(
    "hangs",
    "a Locust worker dies, or says nothing, while users gather",
    "it is not waited for beyond the time of gathering",
)
def test_gathering_does_not_wait_for_ever_for_a_lost_worker(moment: str) -> None:
    runner = Runner(("a", "b"), dies_at={"b": GATHER} if moment == "dies" else {})
    workers = WorkerGenerator(runner.environment, 2)
    workers.prepare(SPEC)
    if moment == "is silent":
        runner.listeners[GATHERED] = lambda *_: None
    workers.gather(SPEC)
    workers.begin(0)
    assert len(workers.finish()[0]) == (1 if moment == "dies" else 2)


@pytest.mark.fault(
    "numbers",
    "a Locust worker dies as a trial is prepared",
    "the others get its share of the load",
)
def test_the_share_of_a_worker_that_dies_while_preparing_goes_to_the_others() -> None:
    runner = Runner(("a", "b", "c"), dies_at={"b": PREPARE})
    workers = WorkerGenerator(runner.environment, 3)
    workers.prepare(SPEC)
    assert workers.size == 2
    assert {name: share for name, share in runner.shares().items() if name != "b"} == {"a": (0, 2), "c": (1, 2)}
    workers.begin(0)
    parts, losses = workers.finish()
    assert (len(parts), losses) == (2, [])  # nothing was lost: it had not begun


def test_a_worker_that_dies_in_a_trial_is_named_once_and_left_out_of_the_next() -> None:
    runner = Runner(("a", "b"), dies_at={"b": BEGIN})
    workers = WorkerGenerator(runner.environment, 2)
    workers.prepare(SPEC)
    before = workers.whole
    workers.begin(0)
    assert (before, workers.whole) == (True, False)
    parts, losses = workers.finish()
    assert (len(parts), losses) == (1, ["Locust worker 2 of 2 was lost, and with it what it measured"])
    workers.prepare(SPEC)
    assert workers.whole
    workers.begin(0)
    assert [len(each) for each in workers.finish()] == [1, 0]


def test_the_run_ends_when_all_workers_have_died() -> None:
    runner = Runner(("a", "b"), dies_at={"a": BEGIN, "b": BEGIN})
    workers = WorkerGenerator(runner.environment, 2)
    workers.prepare(SPEC)
    workers.begin(0)
    with pytest.raises(GaveUp, match=r"every Locust worker was lost; see locust-worker-"):
        workers.finish()


@pytest.mark.fault(
    "hangs",
    "Locust workers never come up",
    "the run ends, and says how many are there",
)
def test_the_error_about_missing_workers_says_how_many_came() -> None:
    runner = Runner(("a", "b"))
    runner.clients["b"].state = STATE_RUNNING  # not ready
    with pytest.raises(GaveUp, match="only 1 of 2 Locust workers came up"):
        WorkerGenerator(runner.environment, 2).prepare(SPEC)


def test_results_of_an_earlier_trial_are_ignored() -> None:
    runner = Runner(("a", "b"), dies_at={"b": BEGIN})
    workers = WorkerGenerator(runner.environment, 2)
    workers.prepare(SPEC)
    late = {"trial": 0, **ShareResult(recorded(), USAGE, joined=1, lost=0).packed()}
    runner.respond(PART, "b", late)
    workers.begin(0)
    parts, losses = workers.finish()
    assert (len(parts), len(losses)) == (1, 1)


def test_a_trial_that_was_given_up_does_not_end_the_one_prepared_after_it() -> None:
    """This happens if a user stops a load by hand and starts another while the first waits for its responses."""
    share_runner = ShareRunner(Environment())
    planned = runs.spec(base_url="http://127.0.0.1:9", warmup_s=0, measure_s=60)
    share_runner.prepare(planned)
    share_runner.begin(time.perf_counter_ns())
    first = gevent.spawn(share_runner.result)
    gevent.sleep(0.05)
    share_runner.prepare(planned)
    second = TrialUser.loop
    first.join(5)
    assert first.ready()
    assert second is not None
    assert TrialUser.loop is second
    share_runner.drop()
    assert TrialUser.loop is None
