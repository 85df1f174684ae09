"""A time limit for everything that is read from a socket.

A socket's own timeout begins again with each byte, so a service that sends a byte now and then could be read for ever.
"""

import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress


class Fuse:
    """A context: sockets that are still in use after `limit_s` are shut down, so that whoever reads them goes on."""

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
