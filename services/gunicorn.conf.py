"""Settings of every gunicorn variant. The budget comes from variants.toml on the command line.

This file is read before the worker patches, so it must not import anything that gevent has to patch.
"""

import os

accesslog = None
loglevel = "warning"
# The folder of the heartbeat file, which on a disk would sometimes block the worker.
MEMORY = "/dev/shm"  # noqa: S108 - gunicorn makes a file of its own in it
worker_tmp_dir = MEMORY if os.access(MEMORY, os.W_OK) else None
# Long, because a worker that waits does not hang.
timeout = 120
graceful_timeout = 10
# No admin socket, which is a file in the home folder: a read-only container has none.
control_socket_disable = True


def post_worker_init(worker):
    """Give the live worker to /info, which reads its budget, and read bodies in the pieces that services ask for."""
    from gunicorn.http.unreader import SocketUnreader
    from work import pattern, servers

    servers.gunicorn_worker = worker
    # By default gunicorn reads up to 1 MiB of a body ahead, and copies the rest at every read of a 64 KiB piece. Fifty
    # uploads then took 1.7 times the CPU, and 109 MiB on threads instead of 16.
    SocketUnreader.max_body_chunk = pattern.PIECE
