"""The endpoints that need nothing, in no framework: what is to be answered, as bytes."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

import httptools
from work import answers, info, params, tally

Query = Mapping[str, Sequence[str]]


class Reply(NamedTuple):
    """An answer, and how long it waits."""

    head: bytes
    body: bytes
    wait_s: float = 0.0
    counted: bool = True
    closing: bool = False

    def encoded(self, keep_alive: bool) -> bytes:
        # Said to all: a client that speaks HTTP/1.0 has to be told.
        connection = b"keep-alive" if keep_alive else b"close"
        return self.head + b"connection: " + connection + b"\r\n\r\n" + self.body


def reply(body: bytes, status: int = 200, media_type: str = answers.JSON, headers: str = "") -> Reply:
    first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
    return Reply(f"{first}content-type: {media_type}\r\ncontent-length: {len(body)}\r\n{headers}".encode(), body)


def refuse(status: int, body: bytes, headers: str = "") -> Reply:
    return reply(body, status, answers.PROBLEM, headers)


def health() -> Reply:
    return reply(answers.HEALTH)


def describe() -> Reply:
    return reply(answers.encode(info.info()))


def usage() -> Reply:
    return reply(answers.encode(tally.usage()))


def reset_usage() -> Reply:
    tally.reset_peaks()
    return reply(answers.encode(tally.usage()))


def fast(query: Query) -> Reply:
    return reply(answers.FAST)


def wait(query: Query) -> Reply:
    ms = params.ms(query.get("ms", []))
    return reply(answers.waited(ms))._replace(wait_s=ms / 1000)


# The harness's own questions are answered anew each time. A workload's answer is fixed by its target.
SERVICE: dict[str, tuple[str, Callable[[], Reply]]] = {
    "/health": ("GET", health),
    "/info": ("GET", describe),
    "/usage": ("GET", usage),
    "/usage/reset": ("POST", reset_usage),
}
WORKLOADS: dict[str, Callable[[Query], Reply]] = {"/fast": fast, "/wait": wait}

MALFORMED = refuse(400, answers.problem(400, "this is no HTTP request"))._replace(counted=False, closing=True)


def respond(method: bytes, target: bytes) -> Reply:
    """The answer to a request."""
    found = _found(method.decode(), target)
    return found if isinstance(found, Reply) else found()._replace(counted=False)


@lru_cache(1024)
def _found(method: str, target: bytes) -> Reply | Callable[[], Reply]:
    """The answer, or what makes it; kept, since reading `/wait?ms=100` costs more than all the rest of an answer."""
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
    """In the contract's order: 404, 405, 400, and only then what was asked for."""
    if path not in SERVICE and path not in WORKLOADS:
        return refuse(404, answers.NOT_FOUND)
    if method != takes:
        return refuse(405, answers.METHOD_NOT_ALLOWED, f"allow: {takes}\r\n")
    try:
        return WORKLOADS[path](parse_qs(query, keep_blank_values=True))
    except answers.BadInput as error:
        return refuse(400, answers.problem(400, str(error)))
