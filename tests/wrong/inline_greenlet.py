"""Wrong on purpose: under gevent, disk and CPU work in the request's own greenlet, which stops all others."""

from work import threads

threads.NativeThreads.run = lambda self, inline, work, *args: work(*args)

from django_app.sync_app import application  # noqa: E402, F401
