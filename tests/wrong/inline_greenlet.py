"""Wrong on purpose: under gevent, reading a disk and computing in the request's own greenlet, which stops the rest."""

from work import threads

threads.NativeThreads.run = lambda self, inline, work, *args: work(*args)

from django_app.sync_app import application  # noqa: E402, F401
