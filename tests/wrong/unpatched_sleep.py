"""Wrong on purpose: under gevent, but sleeping with the time.sleep that stops the whole worker.

gevent still says that `time` is patched: only the service's count of what it holds at once gives this away.
"""

import time

from gevent import monkey

time.sleep = monkey.get_original("time", "sleep")

from django_app.sync_app import application  # noqa: E402, F401
