"""A trap: gunicorn's gevent worker without the patches that let waits overlap."""

import socket

from gevent.socket import socket as cooperative
from gunicorn.workers.ggevent import GeventWorker


class UnpatchedWorker(GeventWorker):
    """Patches nothing, as if a library was imported too early or waits in C. When one request waits, all do."""

    def patch(self):
        # Only the listeners, as the right worker does too. Without them no request would get a response.
        self.sockets = [
            cooperative(each.FAMILY, socket.SOCK_STREAM, fileno=each.sock.detach()) for each in self.sockets
        ]
