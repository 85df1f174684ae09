"""What both colours of the work say to the remote API, and how they read its answer."""

import ssl
from typing import Any

import httpx2

from work.answers import DependencyFailed
from work.settings import settings

FAILED = "the remote API did not answer in time"

# A client here holds one connection, and a service keeps a stack of them. One client with a thousand connections
# looks at every idle one for each request: at 300 calls in flight that is most of a service's CPU, more under
# gevent than elsewhere, and what is measured would be the client's bookkeeping.
CLIENT: dict[str, Any] = {
    "limits": httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=60),
    "verify": ssl.create_default_context(),  # one for all: making one costs 20 ms
    "trust_env": False,
}


def url(ms: int, call: int) -> str:
    return f"{settings.upstream_url}/slow?ms={ms}&call={call}"


def timeout(ms: int) -> httpx2.Timeout:
    """Seconds for each step: connecting, and the wait itself."""
    return httpx2.Timeout(settings.dependency_grace_s, read=ms / 1000 + settings.dependency_grace_s)


def read(response: httpx2.Response) -> dict[str, Any]:
    if response.status_code != 200:
        raise DependencyFailed(FAILED)
    try:
        body: dict[str, Any] = response.json()
    except ValueError as error:  # no JSON, or no text at all
        raise DependencyFailed(FAILED) from error
    return body
