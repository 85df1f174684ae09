"""Wrong on purpose: a number in the body is written as text."""

from work import answers

answers.waited = lambda ms: answers.encode({"workload": "wait", "ms": str(ms)})

from django_app.sync_app import application  # noqa: E402, F401
