"""Services whose responses never end, or come one byte at a time: every reader stops reading at a limit."""

import resource
from collections.abc import Callable, Iterator
from http.client import HTTPException

import pytest

from loadtests.caller import Caller, RequestFailed
from tests.e2e import endless
from tests.e2e.bench import NULL, Bench, plan
from tests.serving import listening
from waitbench.check import concurrent_calls
from waitbench.errors import WaitbenchError
from waitbench.launch.client import Service

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with listening(endless) as url:
        yield url


@pytest.mark.fault(
    "hangs",
    "a service sends the harness a body, or a head, that never ends or comes one byte at a time",
    "the harness stops reading after 65 MiB, or after twice its time limit, and says so",
)
@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/body", "/body sent more than 65 MiB; a response has to end"),
        ("/chunks", "/chunks sent more than 65 MiB; a response has to end"),
        ("/head", "/head gave no complete response: "),
        ("/drip", "/drip gave no complete response: no end within 1 s"),
        ("/drip-head", "/drip-head gave no complete response: no end within 1 s"),
    ],
)
def test_the_harness_stops_reading(address: str, path: str, says: str) -> None:
    with (
        Service(address, timeout_s=0.5 if "drip" in path else 15.0) as service,
        pytest.raises(WaitbenchError) as caught,
    ):
        service.get(path)
    assert says in str(caught.value)


def test_a_service_whose_body_never_ends_is_reachable(address: str) -> None:
    with Service(address) as service:
        service.reach("/")


@pytest.mark.fault(
    "hangs",
    "a service sends `waitbench check` a body that never ends or comes one byte at a time",
    "the calls stop reading after 65 MiB, or after two minutes",
)
@pytest.mark.parametrize(
    ("path", "says"), [("/body", "the body has more than 65 MiB"), ("/drip", "did not end its responses within 1 s")]
)
def test_callers_stop_reading(address: str, path: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if "drip" in path:
        monkeypatch.setattr(concurrent_calls, "LIFE_S", 1.0)

    def call() -> None:
        with Service(address) as service, concurrent_calls.caller(service) as connection:
            concurrent_calls.send([connection], path)
            concurrent_calls.receive([connection])

    with pytest.raises((HTTPException, WaitbenchError), match=says):
        call()


@pytest.mark.fault(
    "hangs",
    "a service sends the generator a body, or a head, that never ends",
    "the request fails at a size limit, and takes no more memory than that",
)
@pytest.mark.parametrize(
    ("path", "kind"),
    [("/body", "body too long"), ("/chunks", "body too long"), ("/head", "malformed response"), ("/drip", "timeout")],
)
def test_the_generator_stops_reading(address: str, path: str, kind: str) -> None:
    caller = Caller(address, 1.0 if path == "/drip" else 20.0)
    with pytest.raises(RequestFailed) as caught:
        caller.exchange(path)
    assert caught.value.kind == kind
    caller.close()


@pytest.fixture
def little_memory() -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30,) * 2)


@pytest.mark.fault(
    "hangs",
    "an external service ([[external]]) streams without end from `/` and from the measured path",
    "the run ends; the trial does not count (`body too long`); 3 GiB of address space are enough",
)
@pytest.mark.slow  # only this shows all limits together in a whole run; the other tests here show each of them
def test_a_run_ends_even_if_its_service_streams_without_end(
    bench: Bench, address: str, little_memory: Callable[[], None]
) -> None:
    mine = f'[[external]]\nname = "mine"\nbase_url = "{address}"\npaths = {{ wait = "/body?ms={{ms}}" }}\n'
    cell = 'workload = "wait"\nparams = { ms = 20 }\nusers = [4]'
    text = "timeout_s = 5\n" + plan(cell, variants=(NULL,), more=mine)
    ended = bench.end(bench.start(text, preexec_fn=little_memory))
    assert ended.code == 3, ended.err
    [trial] = [trial for trial in ended.trials() if trial.spec.variant == "mine"]
    assert trial.measured.good == 0
    assert set(trial.measured.errors) <= {"body too long", "timeout"}
    assert bench.left_behind() == []
