"""A bare WSGI callable: what a WSGI server costs by itself."""

import time
from http import HTTPStatus

from work import counters

from bare_app.endpoints import respond

PHRASES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


def bare(environ, start_response):
    reply = respond(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"])
    if reply.wait_s:
        time.sleep(reply.wait_s)
    headers = [("Content-Type", reply.media_type), ("Content-Length", str(len(reply.body)))]
    start_response(PHRASES[reply.status], [*headers, ("Allow", reply.allow)] if reply.allow else headers)
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else reply.body]


application = counters.CountedWsgi(bare)
