"""Wrong on purpose: in a coroutine, reading a disk and computing where they stop the event loop."""

from work import nonblocking


async def _work(inline, work, *args):
    return work(*args)  # the mistake


nonblocking._work = _work

from fastapi_app.async_app import application  # noqa: E402, F401
