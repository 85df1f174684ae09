"""FastAPI's own part: the app, and the form of every response and refusal."""

from anyio import from_thread
from fastapi import FastAPI, Response
from starlette.requests import ClientDisconnect
from work import responses


def reply(body, status=200, media_type=responses.JSON, headers=None):
    return Response(body, status, headers, media_type)


def refuse(status, body, headers=None):
    return reply(body, status, responses.PROBLEM, headers)


def reader(request):
    """Return a function that reads the body for a plain `def`, in a thread: it gets each piece from the event loop."""
    pieces = request.stream()

    async def piece():
        return await anext(pieces, b"")

    return lambda _: from_thread.run(piece)


async def refusal(request, error):
    return refuse(error.status, responses.problem(error.status, str(error)))


async def cut_short(request, error):
    return refuse(400, responses.problem(400, responses.CUT_SHORT))


async def not_found(request, error):
    return refuse(404, responses.NOT_FOUND)


async def method_not_allowed(request, error):
    return refuse(405, responses.METHOD_NOT_ALLOWED, error.headers)


async def server_error(request, error):
    return refuse(500, responses.SERVER_ERROR)


REFUSALS = {
    responses.Refusal: refusal,
    ClientDisconnect: cut_short,
    404: not_found,
    405: method_not_allowed,
    500: server_error,
}


def service(lifespan):
    return FastAPI(openapi_url=None, redirect_slashes=False, lifespan=lifespan, exception_handlers=REFUSALS)
