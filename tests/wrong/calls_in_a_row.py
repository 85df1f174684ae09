"""Wrong on purpose: the remote calls of one request are always made one after the other."""

from work import nonblocking

_upstream = nonblocking.upstream


async def _in_a_row(ms, calls, serial):
    return await _upstream(ms, calls, 1)  # the mistake


nonblocking.upstream = _in_a_row

from fastapi_app.async_app import application  # noqa: E402, F401
