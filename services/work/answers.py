"""The bytes of every answer, so that they are the same from every variant, and the two ways to fail."""

import json
from http import HTTPStatus
from typing import Any

JSON = "application/json"
PROBLEM = "application/problem+json"


class BadInput(Exception):
    """The request asks for something outside the contract: 400."""


class DependencyFailed(Exception):
    """The remote API or the database did not answer, or not in time: 503."""


def encode(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def problem(status: int, detail: str) -> bytes:
    """An RFC 9457 problem document."""
    title = HTTPStatus(status).phrase
    return encode({"type": "about:blank", "title": title, "status": status, "detail": detail})


NOT_FOUND = problem(404, "no such path")
METHOD_NOT_ALLOWED = problem(405, "this path does not take that method")
SERVER_ERROR = problem(500, "the service failed; its log says why")

HEALTH = encode({"status": "ok"})
FAST = encode({"workload": "fast"})


def waited(ms: int) -> bytes:
    return encode({"workload": "wait", "ms": ms})


def called(ms: int, calls: list[dict[str, Any]]) -> bytes:
    return encode({"workload": "upstream", "ms": ms, "calls": calls})


def queried(ms: int, rows: list[dict[str, Any]]) -> bytes:
    return encode({"workload": "db", "ms": ms, "rows": rows})
