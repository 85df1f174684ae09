"""Requests to the remote API and its responses, for blocking and non-blocking work."""

import ssl
from typing import Any

import httpx2

from work.responses import DependencyFailed
from work.settings import settings

FAILED = "the remote API did not respond in time"

# Each client here has one connection, and a service keeps a stack of clients. One client with a thousand connections
# would look at every idle one for each request. With 300 calls in flight, that takes most of a service's CPU, more
# under gevent than elsewhere, so it would be what is measured.
CLIENT: dict[str, Any] = {
    "limits": httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=60),
    "verify": ssl.create_default_context(),  # one for all, since making one costs 20 ms
    "trust_env": False,
}


def url(ms: int, call: int) -> str:
    return f"{settings.upstream_url}/slow?ms={ms}&call={call}"


def timeout(ms: int) -> httpx2.Timeout:
    """Return the timeouts, in seconds, for connecting and for the wait itself."""
    return httpx2.Timeout(settings.dependency_grace_s, read=ms / 1000 + settings.dependency_grace_s)


def read(response: httpx2.Response) -> dict[str, Any]:
    if response.status_code != 200:
        raise DependencyFailed(FAILED)
    try:
        body: dict[str, Any] = response.json()
    except ValueError as error:  # not JSON, or not even text
        raise DependencyFailed(FAILED) from error
    return body
