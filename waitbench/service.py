"""Talking to a service as the harness does: never under measurement."""

import ssl
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import httpx2

from waitbench.errors import WaitbenchError


@cache
def _trust() -> ssl.SSLContext:
    """One for all clients: making one takes 40 ms of the processor, a hundred times what the rest of a client takes."""
    return httpx2.create_ssl_context(trust_env=False)


class Service:
    """A running service at `base_url`."""

    def __init__(self, base_url: str, timeout_s: float = 15.0) -> None:
        self.base_url = base_url
        self._client = httpx2.Client(base_url=base_url, timeout=timeout_s, verify=_trust(), trust_env=False)

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str) -> httpx2.Response:
        """Raises WaitbenchError, with what the other side did, when no answer comes."""
        return self.send("GET", path)

    def send(self, method: str, path: str, body: bytes = b"") -> httpx2.Response:
        try:
            return self._client.request(method, path, content=body or None)
        except httpx2.HTTPError as error:
            raise WaitbenchError(f"{self.base_url}{path} gave no answer: {error or type(error).__name__}") from None

    def info(self) -> dict[str, Any]:
        return self._json("GET", "/info")

    def usage(self) -> dict[str, Any]:
        return self._json("GET", "/usage")

    def reset_usage(self) -> dict[str, Any]:
        return self._json("POST", "/usage/reset")

    def _json(self, method: str, path: str) -> dict[str, Any]:
        response = self.send(method, path)
        if response.status_code != 200:
            raise WaitbenchError(f"{self.base_url}{path} answered {response.status_code}: {response.text[:200]}")
        try:
            body: dict[str, Any] = response.json()
        except ValueError:
            raise WaitbenchError(
                f"{self.base_url}{path} answered no JSON: {response.text[:200]!r}. Is something else listening there?"
            ) from None
        return body

    def ready(self) -> bool:
        try:
            return self._client.get("/health", timeout=2.0).status_code == 200
        except httpx2.HTTPError:
            return False


def wait_until(condition: Callable[[], bool], timeout_s: float, interval_s: float = 0.05) -> bool:
    """Poll until `condition` holds; whether it did in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval_s)
    return True
