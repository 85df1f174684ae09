"""The slow endpoints in FastAPI."""

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from work import answers, nonblocking, params, tally

app = FastAPI(openapi_url=None, redirect_slashes=False, lifespan=nonblocking.lifespan)


def reply(body, status=200, media_type=answers.JSON, headers=None):
    return Response(body, status, headers, media_type)


def refuse(status, body, headers=None):
    return reply(body, status, answers.PROBLEM, headers)


@app.get("/health")
async def health():
    return reply(answers.HEALTH)


@app.get("/info")
async def info():
    return reply(answers.encode(nonblocking.info()))


@app.get("/usage")
async def usage():
    return reply(answers.encode(tally.usage()))


@app.post("/usage/reset")
async def reset_usage():
    tally.reset_peaks()
    return reply(answers.encode(tally.usage()))


@app.get("/fast")
async def fast():
    return reply(answers.FAST)


@app.get("/wait")
async def wait(request: Request):
    ms = params.ms(request.query_params.getlist("ms"))
    await nonblocking.wait(ms)
    return reply(answers.waited(ms))


@app.get("/upstream")
async def upstream(request: Request):
    ms = params.ms(request.query_params.getlist("ms"))
    calls = params.calls(request.query_params.getlist("calls"))
    return reply(answers.called(ms, await nonblocking.upstream(ms, calls)))


@app.get("/db")
async def db(request: Request):
    ms = params.ms(request.query_params.getlist("ms"))
    return reply(answers.queried(ms, await nonblocking.db(ms)))


@app.exception_handler(answers.BadInput)
async def bad_input(request, error):
    return refuse(400, answers.problem(400, str(error)))


@app.exception_handler(404)
async def not_found(request, error):
    return refuse(404, answers.NOT_FOUND)


@app.exception_handler(405)
async def method_not_allowed(request, error: HTTPException):
    return refuse(405, answers.METHOD_NOT_ALLOWED, error.headers)


@app.exception_handler(500)
async def server_error(request, error):
    return refuse(500, answers.SERVER_ERROR)


@app.exception_handler(answers.DependencyFailed)
async def dependency_failed(request, error):
    return refuse(503, answers.problem(503, str(error)))


application = tally.CountedAsgi(app)
