"""The bytes of every response and refusal, so that they are the same from every variant."""

import json
from http import HTTPStatus
from typing import Any

JSON = "application/json"
PROBLEM = "application/problem+json"
BYTES = "application/octet-stream"


class Refusal(Exception):
    """The response is a problem document with the exception's text."""

    status = 500


class BadInput(Refusal):
    """The request asks for something outside the contract."""

    status = 400


class LengthMissing(Refusal):
    """An upload does not declare its length."""

    status = 411


class TooLarge(Refusal):
    """An upload declares a longer body than the contract allows."""

    status = 413


class DependencyFailed(Refusal):
    """The remote API, the database or the disk did not respond in time, or failed."""

    status = 503


def encode(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


# Python 3.13 has a newer phrase than earlier versions.
_TITLES = {413: "Content Too Large"}


def problem(status: int, detail: str) -> bytes:
    """Return an RFC 9457 problem document."""
    title = _TITLES.get(status) or HTTPStatus(status).phrase
    return encode({"type": "about:blank", "title": title, "status": status, "detail": detail})


NOT_FOUND = problem(404, "no such path")
METHOD_NOT_ALLOWED = problem(405, "this path does not accept that method")
SERVER_ERROR = problem(500, "the service failed; see its log")

CUT_SHORT = "the body is shorter than its Content-Length"

HEALTH = encode({"status": "ok"})
