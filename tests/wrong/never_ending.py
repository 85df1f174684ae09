"""Wrong on purpose: work that begins during other work never ends."""

import threading

from workloads import cpu

_compute, _working = cpu.compute, threading.Lock()


def _never_together(ksteps):
    if not _working.acquire(blocking=False):
        threading.Event().wait()  # the mistake
    try:
        return _compute(ksteps)
    finally:
        _working.release()


cpu.compute = _never_together

from flask_app.sync_app import application  # noqa: E402, F401
