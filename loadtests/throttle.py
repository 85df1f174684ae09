"""The pace of a slow client: a limit on its bytes per second, granted in pieces."""

import time
from collections.abc import Callable
from typing import Any

from loadtests.timers import Timer

PIECE_S = 0.05
"""The time for one piece: long enough to be cheap with a thousand clients, short enough to be a stream."""
_clock = time.perf_counter_ns


class Throttle:
    """Grants bytes by the clock, from its creation on. So a client catches up after a delay that it did not choose.

    `granted` is how many bytes in all may have gone. It grows a piece at a time. If it followed the clock, a few bytes
    would be due again as soon as some had gone, and a client would never be idle.
    """

    def __init__(self, loop: Any, bytes_per_s: int, go_on: Callable[[], None]) -> None:
        self._timer = Timer(loop, self._due)
        self._bytes_per_s, self._go_on = bytes_per_s, go_on
        self._began_ns = _clock()
        self.granted = 0

    def wait(self, gone: int, left: int) -> None:
        """Let the loop call `go_on` when a piece beyond the `gone` bytes may go, or the last `left` bytes if fewer."""
        piece = min(max(1, int(self._bytes_per_s * PIECE_S)), left)
        self._timer.at(self._began_ns + -(-(gone + piece) * 1_000_000_000 // self._bytes_per_s))

    def close(self) -> None:
        self._timer.close()

    def _due(self) -> None:
        self.granted = (_clock() - self._began_ns) * self._bytes_per_s // 1_000_000_000
        self._go_on()
