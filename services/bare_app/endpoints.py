"""The endpoints that need no dependency, without a framework and without a server's interface."""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qs

from work import counters, info, responses
from workloads import fast, wait


class Reply(NamedTuple):
    status: int
    media_type: str
    body: bytes
    allow: str = ""
    """The method that the path accepts, if the request had another."""
    wait_s: float = 0.0
    """How long the response waits."""


def _reset() -> bytes:
    counters.reset_peaks()
    return responses.encode(counters.usage())


OWN: dict[str, tuple[str, Callable[[], bytes]]] = {
    "/health": ("GET", lambda: responses.HEALTH),
    "/info": ("GET", lambda: responses.encode(info.info())),
    "/usage": ("GET", lambda: responses.encode(counters.usage())),
    "/usage/reset": ("POST", _reset),
}
"""The harness's own requests, which need a new response each time."""


def respond(method: str, path: str, query: str) -> Reply:
    make = maker(method, path)
    return new(make) if make else fixed(method, path, query)


def maker(method: str, path: str) -> Callable[[], bytes] | None:
    """The function that makes the body of one of the harness's own requests; None for any other request."""
    takes, make = OWN.get(path, ("", None))
    return make if method == takes else None


def new(make: Callable[[], bytes]) -> Reply:
    return Reply(200, responses.JSON, make())


@lru_cache(1024)
def fixed(method: str, path: str, query: str) -> Reply:
    """A response that depends only on the request, so it is made once: what remains is the server's own cost."""
    takes = OWN[path][0] if path in OWN else "GET" if path in ("/fast", "/wait") else ""
    if not takes:
        return Reply(404, responses.PROBLEM, responses.NOT_FOUND)
    if method != takes:
        return Reply(405, responses.PROBLEM, responses.METHOD_NOT_ALLOWED, takes)
    if path == "/fast":
        return Reply(200, responses.JSON, fast.BODY)
    try:
        ms = wait.ms(parse_qs(query, keep_blank_values=True).get("ms", []))
    except responses.BadInput as error:
        return Reply(400, responses.PROBLEM, responses.problem(400, str(error)))
    return Reply(200, responses.JSON, wait.body(ms), wait_s=ms / 1000)
