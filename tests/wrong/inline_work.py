"""Wrong on purpose: disk and CPU work in a coroutine, where it stops the event loop."""

from work import nonblocking


async def _work(inline, work, *args):
    return work(*args)  # the mistake


nonblocking._work = _work

from fastapi_app.async_app import application  # noqa: E402, F401
