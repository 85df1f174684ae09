"""The slow remote API that the services call: bare ASGI, so that it is never the limit.

`GET /slow?ms=&call=` waits, and responds with `{"call": n, "ms": ms}`. `/usage` adds how late this loop ran its own
timers since the last reset, so that a run can show that the loop kept up. After `POST /usage/reset?database=1` it
watches the database too, and adds how late that was.
"""

import asyncio
import contextlib
import time
from urllib.parse import parse_qs

from work import counters, params, responses

from upstream.watch import DatabaseWatch

TICK_S = 0.01


class LoopLag:
    """The longest lateness of a 10 ms timer, in seconds, since the last reset."""

    def __init__(self):
        self.worst_s = 0.0

    async def watch(self):
        while True:
            began = time.perf_counter()
            await asyncio.sleep(TICK_S)
            self.worst_s = max(self.worst_s, time.perf_counter() - began - TICK_S)


lag = LoopLag()
database = DatabaseWatch()


async def respond(method, path, query):
    if (method, path) == ("GET", "/slow"):
        ms, call = params.ms(query.get("ms", [])), query.get("call", ["0"])[0]
        await asyncio.sleep(ms / 1000)
        return 200, responses.encode({"call": int(call), "ms": ms})
    if (method, path) == ("GET", "/health"):
        return 200, responses.HEALTH
    if (method, path) == ("POST", "/usage/reset"):
        counters.reset_peaks()
        if query.get("database") == ["1"]:
            database.start()
        else:
            await database.stop()
        await asyncio.sleep(2 * TICK_S)  # so that the lag of the reset itself does not count
        lag.worst_s = 0.0
    elif (method, path) != ("GET", "/usage"):
        return 404, responses.NOT_FOUND
    late_s = database.late_s()
    watched = {} if late_s is None else {"database_late_s": late_s}
    return 200, responses.encode({**counters.usage(), "loop_lag_ms": lag.worst_s * 1000, **watched})


async def lifespan(receive, send):
    await receive()
    watch = asyncio.create_task(lag.watch())
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await database.stop()
    watch.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watch
    await send({"type": "lifespan.shutdown.complete"})


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    try:
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        status, body = await respond(scope["method"], scope["path"], query)
    except (responses.BadInput, ValueError) as error:
        status, body = 400, responses.problem(400, str(error))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


application = counters.CountedAsgi(app)
