"""The HTTP client with which the harness talks to services. It sends no measured requests."""

import json
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx2

from waitbench.errors import WaitbenchError
from waitbench.launch.time_limit import Fuse

MOST_BYTES = 65 * 2**20
"""The largest body of the contract has 64 MiB."""


@cache
def _trust() -> ssl.SSLContext:
    """One TLS context for all clients. Making one takes 40 ms of CPU, a hundred times the rest of a client."""
    return httpx2.create_ssl_context(trust_env=False)


@dataclass(frozen=True)
class Answer:
    """A whole response."""

    status_code: int
    headers: httpx2.Headers
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")

    def json(self) -> Any:
        """Raises ValueError."""
        return json.loads(self.content)


class Service:
    """A running service at `base_url`.

    A response has to begin within `timeout_s`, end within twice that, and have at most MOST_BYTES.
    """

    def __init__(self, base_url: str, timeout_s: float = 15.0) -> None:
        self.base_url = base_url
        self._timeout_s = timeout_s
        self._client = httpx2.Client(base_url=base_url, timeout=timeout_s, verify=_trust(), trust_env=False)
        self._socket: socket.socket | None = None

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str) -> Answer:
        """Send a GET. Raises WaitbenchError with the reason if no complete response comes."""
        return self.send("GET", path)

    def send(self, method: str, path: str, body: bytes = b"") -> Answer:
        return self._exchange(method, path, body, self._timeout_s)

    def reach(self, path: str) -> None:
        """Raise WaitbenchError if nothing responds. The head of a response is enough; its body may be endless."""
        self._exchange("GET", path, b"", self._timeout_s, head_only=True)

    def _exchange(self, method: str, path: str, body: bytes, timeout_s: float, head_only: bool = False) -> Answer:
        request: dict[str, Any] = {"content": body or None, "timeout": timeout_s, "extensions": {"trace": self._trace}}
        with Fuse(2 * timeout_s, lambda: [self._socket]) as fuse:
            try:
                with self._client.stream(method, path, **request) as response:
                    content = b"" if head_only else self._whole(response, path)
                    if not fuse.blown:  # else the fuse ended the response, not the service
                        return Answer(response.status_code, response.headers, content)
                    why = ""
            except httpx2.HTTPError as error:
                why = str(error) or type(error).__name__
            why = f"no end within {2 * timeout_s:g} s" if fuse.blown else why
            raise WaitbenchError(f"{self.base_url}{path} gave no complete response: {why}")

    def _whole(self, response: httpx2.Response, path: str) -> bytes:
        content = bytearray()
        for piece in response.iter_bytes():
            content += piece
            if len(content) > MOST_BYTES:
                most = f"{MOST_BYTES // 2**20} MiB"
                raise WaitbenchError(f"{self.base_url}{path} sent more than {most}; a response has to end")
        return bytes(content)

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        """Keep the socket for the fuse: the HTTP library, which calls this, has no limit for a whole response."""
        if event.endswith("connect_tcp.complete"):
            self._socket = info["return_value"].get_extra_info("socket")

    def info(self) -> dict[str, Any]:
        return self._json("GET", "/info")

    def usage(self) -> dict[str, Any]:
        return self._json("GET", "/usage")

    def reset_usage(self) -> dict[str, Any]:
        return self._json("POST", "/usage/reset")

    def _json(self, method: str, path: str) -> dict[str, Any]:
        response = self.send(method, path)
        if response.status_code != 200:
            raise WaitbenchError(f"{self.base_url}{path} returned status {response.status_code}: {response.text[:200]}")
        try:
            body: dict[str, Any] = response.json()
        except ValueError:
            raise WaitbenchError(
                f"{self.base_url}{path} returned no JSON: {response.text[:200]!r}. Is something else listening there?"
            ) from None
        return body

    def ready(self) -> bool:
        try:
            return self._exchange("GET", "/health", b"", 2.0).status_code == 200
        except WaitbenchError:
            return False


def wait_until(condition: Callable[[], bool], timeout_s: float, interval_s: float = 0.05) -> bool:
    """Poll until `condition` holds. Returns whether it did in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval_s)
    return True
