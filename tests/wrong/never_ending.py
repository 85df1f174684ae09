"""Wrong on purpose: work that begins during other work never ends."""

import threading

from work import processor

_plain, _working = processor.plain, threading.Lock()


def _never_together(ksteps):
    if not _working.acquire(blocking=False):
        threading.Event().wait()  # the mistake
    try:
        return _plain(ksteps)
    finally:
        _working.release()


processor.plain = _never_together

from flask_app.sync_app import application  # noqa: E402, F401
