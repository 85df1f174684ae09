"""Where blocking services do what does not wait: disk and CPU work, so much of it at once.

Both kinds take the work and whether it is to be done inline: where the request is handled, whatever that stops.
"""

import threading
from collections.abc import Callable
from typing import Any

from work.answers import Refusal


class OwnThreads:
    """The thread model: each request works in its own thread, inline or not."""

    def __init__(self, count: int) -> None:
        self._slots = threading.BoundedSemaphore(count)

    @property
    def count(self) -> int:
        return int(self._slots._initial_value)  # type: ignore[attr-defined]

    def run(self, _inline: int, work: Callable[..., Any], *args: Any) -> Any:
        with self._slots:
            return work(*args)


class NativeThreads:
    """The greenlet model: work would stop every greenlet, so it goes to real threads unless it is inline."""

    def __init__(self, count: int) -> None:
        from gevent.threadpool import ThreadPool

        self._pool = ThreadPool(count)

    @property
    def count(self) -> int:
        return int(self._pool.maxsize)

    def run(self, inline: int, work: Callable[..., Any], *args: Any) -> Any:
        if inline:
            return work(*args)
        result = self._pool.apply(attempt, (work, *args))
        if isinstance(result, Refusal):
            raise result
        return result


def attempt(work: Callable[..., Any], *args: Any) -> Any:
    """A refusal comes back as a value: gevent prints a traceback for whatever a greenlet or a thread raises."""
    try:
        return work(*args)
    except Refusal as refusal:
        return refusal
