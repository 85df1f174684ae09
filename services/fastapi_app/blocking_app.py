"""A trap: the plain functions of sync_app inside `async def`, where each wait stops the event loop."""

from functools import wraps

from fastapi import Request
from work import blocking, counters, nonblocking
from workloads import upload

from fastapi_app import sync_app
from fastapi_app.wiring import reply, service

api = service(blocking.lifespan)


@api.post("/upload")
async def post_upload(request: Request):
    """The only handler without the mistake: if the loop does not read a body, it never arrives."""
    length = upload.content_length(request.headers.get("Content-Length"))
    return reply(upload.body(length, await nonblocking.digest(request.stream())))


def under_async_def(handler):
    @wraps(handler)
    async def handle(*args, **kwargs):
        return handler(*args, **kwargs)  # the mistake

    return handle


for route in sync_app.api.routes:
    if route.path != "/upload":
        api.add_api_route(route.path, under_async_def(route.endpoint), methods=route.methods)

application = counters.CountedAsgi(api)
