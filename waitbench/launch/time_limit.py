"""Limits the total time of everything that is read from a socket.

A socket's own timeout starts again with each byte, so reading from a service that sends a byte now and then might never
end.
"""

import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress


class Fuse:
    """A context that shuts down sockets still in use after `limit_s`, so that their readers continue."""

    def __init__(self, limit_s: float, sockets: Callable[[], Iterable[socket.socket | None]]) -> None:
        self.blown = False
        self._sockets = sockets
        self._timer = threading.Timer(limit_s, self._blow)
        self._timer.daemon = True

    def __enter__(self) -> "Fuse":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def _blow(self) -> None:
        self.blown = True
        for each in list(self._sockets()):
            if each is not None:
                with suppress(OSError):  # it is closed already
                    each.shutdown(socket.SHUT_RDWR)
