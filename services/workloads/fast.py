"""`/fast`: an immediate response."""

from work.responses import encode

BODY = encode({"workload": "fast"})
