"""The endpoints of a bare callable, as the bytes of HTTP responses."""

from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import unquote

import httptools
from bare_app import endpoints
from work import responses


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


def reply(found: endpoints.Reply) -> Reply:
    first = f"HTTP/1.1 {found.status} {HTTPStatus(found.status).phrase}\r\n"
    headers = f"content-type: {found.media_type}\r\ncontent-length: {len(found.body)}\r\n"
    allow = f"allow: {found.allow}\r\n" if found.allow else ""
    return Reply(f"{first}{headers}{allow}".encode(), found.body, found.wait_s)


FAST = reply(endpoints.respond("GET", "/fast", ""))
_NONSENSE = responses.problem(400, "this is not an HTTP request")
MALFORMED = reply(endpoints.Reply(400, responses.PROBLEM, _NONSENSE))._replace(counted=False, closing=True)


def respond(method: bytes, target: bytes) -> Reply:
    """Return the response to a request."""
    found = _found(method.decode(), target)
    return found if isinstance(found, Reply) else reply(endpoints.new(found))._replace(counted=False)


@lru_cache(1024)
def _found(method: str, target: bytes) -> Reply | Callable[[], bytes]:
    """Return the response, or the function that makes it. Cached, since parsing a target costs more than all else."""
    try:
        url = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError:
        return MALFORMED
    path, query = unquote((url.path or b"").decode("latin-1")), (url.query or b"").decode("latin-1")
    if make := endpoints.maker(method, path):
        return make
    fixed = reply(endpoints.fixed(method, path, query))
    return fixed._replace(body=b"" if method == "HEAD" else fixed.body, counted=path not in endpoints.OWN)
