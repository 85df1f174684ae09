"""Wrong on purpose: under gevent, calls the remote API over original sockets, which stop the whole worker."""

import socket

from gevent import monkey

for name in ("socket", "create_connection"):
    setattr(socket, name, monkey.get_original("socket", name))

from django_app.sync_app import application  # noqa: E402, F401
