"""Wrong on purpose: under gevent, sleeps with the original time.sleep, which stops the whole worker.

gevent still reports that `time` is patched. Only the service's count of requests in flight shows the mistake.
"""

import time

from gevent import monkey

time.sleep = monkey.get_original("time", "sleep")

from django_app.sync_app import application  # noqa: E402, F401
