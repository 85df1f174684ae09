"""A bare ASGI callable: what an ASGI server costs by itself."""

import asyncio

from work import counters

from bare_app.endpoints import respond


async def bare(scope, receive, send):
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    reply = respond(scope["method"], scope["path"], scope["query_string"].decode("latin-1"))
    if reply.wait_s:
        await asyncio.sleep(reply.wait_s)
    headers = [(b"content-type", reply.media_type.encode()), (b"content-length", b"%d" % len(reply.body))]
    allowed = [(b"allow", reply.allow.encode())] if reply.allow else []
    await send({"type": "http.response.start", "status": reply.status, "headers": headers + allowed})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else reply.body})


async def _live(receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


application = counters.CountedAsgi(bare)
