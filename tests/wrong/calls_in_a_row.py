"""Wrong on purpose: the remote calls of one request are always made one after the other."""

from work import nonblocking

_remote_calls = nonblocking.remote_calls


async def _in_a_row(ms, calls, serial):
    return await _remote_calls(ms, calls, 1)  # the mistake


nonblocking.remote_calls = _in_a_row

from fastapi_app.async_app import application  # noqa: E402, F401
