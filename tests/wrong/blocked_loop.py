"""Wrong on purpose: a blocking sleep in a coroutine, which stops the event loop."""

import time

from work import nonblocking


async def _wait(ms):
    time.sleep(ms / 1000)  # the mistake


nonblocking.wait = _wait

from fastapi_app.async_app import application  # noqa: E402, F401
