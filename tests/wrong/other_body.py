"""Wrong on purpose: a number in the body is written as text."""

from work import responses
from workloads import wait

wait.body = lambda ms: responses.encode({"workload": "wait", "ms": str(ms)})

from django_app.sync_app import application  # noqa: E402, F401
