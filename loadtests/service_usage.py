"""The figures that a service gives about itself, read during a trial on a connection of their own."""

import time
from typing import Generic, TypeVar

import gevent
from pydantic import ValidationError

from loadtests.caller import Caller, RequestFailed
from loadtests.load_generator import GaveUp
from waitbench.records.trial import Reading, RemoteReading, ServiceReading, Usage

R = TypeVar("R", bound=Reading)

READ_S = 10.0
SETTLE_S, SETTLE_EVERY_S = 6.0, 0.05
"""How long a service may take, beyond its wait, to have nothing in flight after a trial; how often it is asked."""


class _Readings(Generic[R]):
    """The readings of one process in one trial."""

    reading: type[R]

    def __init__(self, base_url: str, instrumented: bool, query: str = "") -> None:
        """`instrumented`: whether it has /usage. `query` goes with the request that begins the trial."""
        self._base_url = base_url
        self._instrumented = instrumented
        self._query = query
        self._readings: dict[str, R] = {}

    def read(self, moment: str, reset: bool = False) -> None:
        """Read /usage. Raises GaveUp if a reading with `reset` fails.

        Another reading that fails, or that is not as it should be, stays empty, and the report says so.
        """
        if not self._instrumented:
            return
        try:
            caller = Caller(self._base_url, timeout_s=READ_S)
        except OSError as error:  # a container that is gone has no name any more
            if reset:
                raise GaveUp(f"{self._base_url} no longer responds ({error})") from None
            return
        method, path = ("POST", f"/usage/reset{self._query}") if reset else ("GET", "/usage")
        try:
            status, body = caller.exchange(path, method)
            if status == 200:
                self._readings[moment] = self.reading.model_validate_json(body)
        except RequestFailed as error:
            if reset:
                raise GaveUp(f"{self._base_url} no longer responds ({error.kind})") from None
        except ValidationError:
            self._readings.pop(moment, None)
        finally:
            caller.close()


class RemoteUsage(_Readings[RemoteReading]):
    """The readings of the remote API."""

    reading = RemoteReading

    def usage(self) -> Usage[RemoteReading]:
        return Usage[RemoteReading](**self._readings)


class ServiceUsage(_Readings[ServiceReading]):
    """The readings of a service under test."""

    reading = ServiceReading

    def usage(self) -> Usage[ServiceReading]:
        return Usage[ServiceReading](**self._readings)

    def settle(self, wait_s: float) -> int:
        """Read until the service has no more in flight than before the trial. Returns how many it still has.

        It waits at most SETTLE_S beyond `wait_s`, the longest wait of the workload.
        """
        held, until = 0, time.monotonic() + SETTLE_S + wait_s
        while time.monotonic() < until:
            self.read("after")
            if not self._instrumented or "after" not in self._readings:
                return 0
            before = self._readings.get("before")
            held = int((self._readings["after"].in_flight or 0) - ((before.in_flight if before else 0) or 0))
            if held <= 0:
                return 0
            gevent.sleep(SETTLE_EVERY_S)
        return held
