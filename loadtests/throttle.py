"""A client's own pace: so many bytes a second and no more, in pieces."""

import time
from collections.abc import Callable
from typing import Any

from loadtests.timers import Timer

PIECE_S = 0.05
"""How often a piece goes: seldom enough to be cheap with a thousand clients, often enough to be a stream."""
_clock = time.perf_counter_ns


class Throttle:
    """From now on, by the clock: after a delay, which is not the client's own choice, it catches up.

    `granted` bytes in all may have gone. They are granted a piece at a time: by the clock itself, a few bytes would be
    due again as soon as some have gone, and a client would never rest.
    """

    def __init__(self, loop: Any, bytes_per_s: int, go_on: Callable[[], None]) -> None:
        self._timer = Timer(loop, self._due)
        self._bytes_per_s, self._go_on = bytes_per_s, go_on
        self._began_ns = _clock()
        self.granted = 0

    def wait(self, gone: int, left: int) -> None:
        """Have `go_on` called, from the loop, when a piece beyond the `gone` bytes may go, or the `left` ones where
        these are fewer."""
        piece = min(max(1, int(self._bytes_per_s * PIECE_S)), left)
        self._timer.at(self._began_ns + -(-(gone + piece) * 1_000_000_000 // self._bytes_per_s))

    def close(self) -> None:
        self._timer.close()

    def _due(self) -> None:
        self.granted = (_clock() - self._began_ns) * self._bytes_per_s // 1_000_000_000
        self._go_on()
