"""CPU work and successive calls: the response is the same, wherever they are done."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from work import pattern
from work.responses import BadInput
from work.threads import NativeThreads, OwnThreads
from workloads import cpu_native

from tests.conftest import EVERY_APP
from waitbench.catalog.variants import load_variants
from waitbench.launch.client import Service
from waitbench.launch.local import LocalStack

LISTED = load_variants()
VARIANTS = [name for name in EVERY_APP if LISTED[name].serves("cpu")]
variants = pytest.mark.parametrize("variant", VARIANTS)
SHARING = ("django-gevent", "fastapi-asyncio", "django-asyncio", "node")
"""The variants that handle all requests in one thread."""
CROWDS = {"node": 40}
"""The number of concurrent calls of the longest work. One call takes about 20 ms on Node, and no request from here
could overtake it. Go's calls take less, and no goroutine stops another."""
KSTEPS, KSTEPS_OF_CROWD = 5000, 10_000

TRIES = 5


def steps(ksteps: int) -> int:
    x = 1
    for _ in range(ksteps * 1000):
        x = (x * 1103515245 + 12345) % 2**31
    return x


def product(n: int) -> int:
    """Compute the sum of a matrix product in another way, by the sums of columns and rows."""
    whole = range(n)
    return sum(sum((i + k) % 7 for i in whole) * sum(k * j % 5 for j in whole) for k in whole)


def response_body(**parts: Any) -> str:
    return json.dumps(parts, separators=(",", ":"))


CALLS = [{"call": call, "ms": 5} for call in range(3)]


@pytest.mark.live
@variants
@pytest.mark.parametrize(
    ("path", "either", "right"),
    [
        ("/cpu?ksteps=1", "inline", response_body(workload="cpu", ksteps=1, result=steps(1))),
        ("/cpu?ksteps=37", "inline", response_body(workload="cpu", ksteps=37, result=steps(37))),
        ("/upstream?ms=5&calls=3", "serial", response_body(workload="upstream", ms=5, calls=CALLS)),
    ],
)
def test_the_response_has_the_same_bytes_wherever_it_is_made(
    stack: LocalStack, variant: str, path: str, either: str, right: str
) -> None:
    _has_the_same_bytes(stack, variant, path, either, right)


@pytest.mark.live
@pytest.mark.parametrize("variant", [name for name in VARIANTS if LISTED[name].serves("cpu_native")])
@pytest.mark.parametrize(("n", "total"), [(1, 0), (123, product(123))])
def test_the_product_has_the_same_bytes_wherever_it_is_made(
    stack: LocalStack, variant: str, n: int, total: int
) -> None:
    _has_the_same_bytes(
        stack, variant, f"/cpu_native?n={n}", "inline", response_body(workload="cpu_native", n=n, sum=total)
    )


def _has_the_same_bytes(stack: LocalStack, variant: str, path: str, either: str, right: str) -> None:
    with Service(stack.base_urls[variant]) as service:
        assert [service.get(path + choice).text for choice in ("", f"&{either}=0", f"&{either}=1")] == [right] * 3


@pytest.mark.live
@variants
@pytest.mark.parametrize(("serial", "at_once"), [(0, 5), (1, 1)])
def test_serial_calls_are_made_one_after_the_other(stack: LocalStack, variant: str, serial: int, at_once: int) -> None:
    with Service(stack.base_urls[variant]) as service, Service(stack.upstream_url) as remote:
        peaks, ms = [], 30 if serial else 300
        for _ in range(1 if serial else TRIES):  # on a busy machine some calls may end before others begin
            remote.reset_usage()
            service.get(f"/upstream?ms={ms}&calls=5&serial={serial}")
            peaks.append(remote.usage()["peak_in_flight"])
            if peaks[-1] == at_once:
                break
        assert max(peaks) == at_once


def overtaken(base_url: str, inline: int, crowd: int) -> bool:
    """Return whether a fast request, sent while others work, gets its response before the last of them."""
    completed = []

    def ask(path: str) -> None:
        with Service(base_url, timeout_s=60) as service:
            service.get(path)
            completed.append(path)

    ksteps = KSTEPS if crowd == 1 else KSTEPS_OF_CROWD
    with ThreadPoolExecutor(crowd + 1) as callers:
        for _ in range(crowd):
            callers.submit(ask, f"/cpu?ksteps={ksteps}&inline={inline}")
        time.sleep(0.1)
        callers.submit(ask, "/fast")
    return completed[-1] != "/fast"


@pytest.mark.live
@pytest.mark.parametrize("variant", [name for name in VARIANTS if name in CROWDS or LISTED[name].kind != "reference"])
@pytest.mark.parametrize("inline", [0, 1])
def test_inline_work_stops_all_other_requests_that_share_a_thread(stack: LocalStack, variant: str, inline: int) -> None:
    right = not (inline and variant in SHARING)
    # On a busy machine a request may begin late, so that it stops no other, or get its response late.
    crowd = CROWDS.get(variant, 1)
    assert any(overtaken(stack.base_urls[variant], inline, crowd) == right for _ in range(TRIES))


@pytest.mark.live
@variants
def test_the_threads_for_work_are_read_from_the_live_service(stack: LocalStack, variant: str) -> None:
    with Service(stack.base_urls[variant]) as service:
        assert service.info()["budget"]["work_threads"] == LISTED[variant].budget["work_threads"] == 40


@pytest.mark.parametrize("n", [1, 2, 6, 7, 8, 35, 100])
def test_the_product_of_matrices_is_exact(n: int) -> None:
    assert cpu_native.multiply(n) == product(n)


def test_the_pattern_is_whole_at_any_length() -> None:
    for size in (0, 1, 251, pattern.PIECE - 1, pattern.PIECE, pattern.PIECE + 1, 5 * pattern.PIECE + 17):
        pieces = list(pattern.pieces(size))
        assert b"".join(pieces) == bytes(i % 251 for i in range(size))
        assert all(0 < len(piece) <= pattern.PIECE for piece in pieces)


def highest_concurrency(run: Callable[[int, Callable[[], None]], None], requests: int) -> int:
    """Return how much work was done at once for `requests` concurrent requests."""
    working: list[int] = []
    highest = 0

    def work() -> None:
        nonlocal highest
        working.append(1)
        highest = max(highest, len(working))
        time.sleep(0.02)
        working.pop()

    with ThreadPoolExecutor(requests) as requesters:
        list(requesters.map(lambda _: run(0, work), range(requests)))
    return highest


def test_no_more_threads_work_at_once_than_the_budget_allows() -> None:
    threads = OwnThreads(3)
    assert threads.count == 3
    assert highest_concurrency(threads.run, 12) <= 3


def test_a_refusal_in_a_native_thread_is_raised_in_the_requests_thread(capfd: pytest.CaptureFixture[str]) -> None:
    def refuse() -> None:
        raise BadInput("no")

    threads = NativeThreads(2)
    assert (threads.count, threads.run(0, divmod, 7, 2), threads.run(1, divmod, 7, 2)) == (2, (3, 1), (3, 1))
    for inline in (0, 1):
        with pytest.raises(BadInput, match="no"):
            threads.run(inline, refuse)
    assert capfd.readouterr().err == ""
