"""A trap: gunicorn's gevent worker, but for what makes it wait together."""

import socket

from gevent.socket import socket as cooperative
from gunicorn.workers.ggevent import GeventWorker


class UnpatchedWorker(GeventWorker):
    """Nothing is patched, as where a library was imported too early, or waits in C: whatever waits, all wait."""

    def patch(self):
        # The listeners alone, as the right worker does too: without them nobody would be answered at all.
        self.sockets = [
            cooperative(each.FAMILY, socket.SOCK_STREAM, fileno=each.sock.detach()) for each in self.sockets
        ]
