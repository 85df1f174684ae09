"""Wrong on purpose: disk and CPU work in a coroutine, where it stops the event loop."""

from work import nonblocking


async def _work(inline, function, *args):
    return function(*args)  # the mistake


nonblocking.work = _work

from fastapi_app.async_app import application  # noqa: E402, F401
