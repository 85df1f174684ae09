"""The endpoints that need no dependency, without a framework: responses as bytes."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

import httptools
from work import counters, info, responses
from workloads import fast, wait

Query = Mapping[str, Sequence[str]]


class Reply(NamedTuple):
    """A response, and how long it waits."""

    head: bytes
    body: bytes
    wait_s: float = 0.0
    counted: bool = True
    closing: bool = False

    def encoded(self, keep_alive: bool) -> bytes:
        # In every response, since a client that speaks HTTP/1.0 needs it.
        connection = b"keep-alive" if keep_alive else b"close"
        return self.head + b"connection: " + connection + b"\r\n\r\n" + self.body


def reply(body: bytes, status: int = 200, media_type: str = responses.JSON, headers: str = "") -> Reply:
    first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
    return Reply(f"{first}content-type: {media_type}\r\ncontent-length: {len(body)}\r\n{headers}".encode(), body)


def refuse(status: int, body: bytes, headers: str = "") -> Reply:
    return reply(body, status, responses.PROBLEM, headers)


def health() -> Reply:
    return reply(responses.HEALTH)


def describe() -> Reply:
    return reply(responses.encode(info.info()))


def usage() -> Reply:
    return reply(responses.encode(counters.usage()))


def reset_usage() -> Reply:
    counters.reset_peaks()
    return reply(responses.encode(counters.usage()))


def get_fast(query: Query) -> Reply:
    return reply(fast.BODY)


def get_wait(query: Query) -> Reply:
    ms = wait.ms(query.get("ms", []))
    return reply(wait.body(ms))._replace(wait_s=ms / 1000)


# The harness's own requests need a new response each time. A workload's response depends only on the target.
SERVICE: dict[str, tuple[str, Callable[[], Reply]]] = {
    "/health": ("GET", health),
    "/info": ("GET", describe),
    "/usage": ("GET", usage),
    "/usage/reset": ("POST", reset_usage),
}
WORKLOADS: dict[str, Callable[[Query], Reply]] = {"/fast": get_fast, "/wait": get_wait}

MALFORMED = refuse(400, responses.problem(400, "this is not an HTTP request"))._replace(counted=False, closing=True)


def respond(method: bytes, target: bytes) -> Reply:
    """Return the response to a request."""
    found = _found(method.decode(), target)
    return found if isinstance(found, Reply) else found()._replace(counted=False)


@lru_cache(1024)
def _found(method: str, target: bytes) -> Reply | Callable[[], Reply]:
    """Return the response, or the function that makes it. Cached, since parsing a target costs more than all else."""
    try:
        url = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError:
        return MALFORMED
    path, query = unquote((url.path or b"").decode("latin-1")), (url.query or b"").decode("latin-1")
    takes, handler = SERVICE.get(path, ("GET", None))
    if handler and method == takes:
        return handler
    fixed = _fixed(method, takes, path, query)
    return fixed._replace(body=b"" if method == "HEAD" else fixed.body, counted=handler is None)


def _fixed(method: str, takes: str, path: str, query: str) -> Reply:
    """Check for 404, 405 and 400 in the contract's order, and only then make the response."""
    if path not in SERVICE and path not in WORKLOADS:
        return refuse(404, responses.NOT_FOUND)
    if method != takes:
        return refuse(405, responses.METHOD_NOT_ALLOWED, f"allow: {takes}\r\n")
    try:
        return WORKLOADS[path](parse_qs(query, keep_blank_values=True))
    except responses.BadInput as error:
        return refuse(400, responses.problem(400, str(error)))
