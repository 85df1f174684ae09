"""Where blocking services do disk and CPU work, and how much of it at once.

Both classes take the work, and whether it is `inline`: done where the request is handled, even if that stops others.
"""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from work.responses import Refusal

Result = TypeVar("Result")


class OwnThreads:
    """For the thread model: each request works in its own thread, inline or not."""

    def __init__(self, count: int) -> None:
        self._slots = threading.BoundedSemaphore(count)

    @property
    def count(self) -> int:
        return int(self._slots._initial_value)  # type: ignore[attr-defined]

    def run(self, _inline: int, work: Callable[..., Result], *args: Any) -> Result:
        with self._slots:
            return work(*args)


class NativeThreads:
    """For the greenlet model: work would stop every greenlet, so it is done in real threads unless inline."""

    def __init__(self, count: int) -> None:
        from gevent.threadpool import ThreadPool

        self._pool = ThreadPool(count)

    @property
    def count(self) -> int:
        return int(self._pool.maxsize)

    def run(self, inline: int, work: Callable[..., Result], *args: Any) -> Result:
        if inline:
            return work(*args)
        result: Result | Refusal = self._pool.apply(attempt, (work, *args))
        if isinstance(result, Refusal):
            raise result
        return result


def attempt(work: Callable[..., Any], *args: Any) -> Any:
    """Return a refusal as a value, because gevent prints a traceback for every exception in a greenlet or thread."""
    try:
        return work(*args)
    except Refusal as refusal:
        return refusal
