"""What every gunicorn variant shares; the budget comes from variants.toml on the command line.

Nothing here may import what gevent has to patch: this file is read before the worker patches.
"""

import os

accesslog = None
loglevel = "warning"
# The heartbeat file: on a disk it would block the worker now and then.
MEMORY = "/dev/shm"  # noqa: S108 - gunicorn makes a file of its own in it
worker_tmp_dir = MEMORY if os.access(MEMORY, os.W_OK) else None
# A worker that waits is not a worker that hangs.
timeout = 120
graceful_timeout = 10
# No admin socket: it is a file in the home folder, which a read-only container does not have.
control_socket_disable = True


def post_worker_init(worker):
    """Hand the live worker to /info, which reads its budget from it, and read bodies as the services ask for them."""
    from gunicorn.http.unreader import SocketUnreader
    from work import info, pattern

    info.gunicorn_worker = worker
    # gunicorn reads a body up to 1 MiB ahead, and copies what is left of that at every read: in pieces of 64 KiB,
    # fifty uploads took 1.7 times the CPU, and 109 MiB on threads in place of 16.
    SocketUnreader.max_body_chunk = pattern.PIECE
