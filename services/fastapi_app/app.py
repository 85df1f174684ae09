"""The slow endpoints in FastAPI."""

from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
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
    serial = params.serial(request.query_params.getlist("serial"))
    return reply(answers.called(ms, await nonblocking.upstream(ms, calls, serial)))


@app.get("/db")
async def db(request: Request):
    ms = params.ms(request.query_params.getlist("ms"))
    return reply(answers.queried(ms, await nonblocking.db(ms)))


@app.get("/disk")
async def disk(request: Request):
    kib = params.disk_kib(request.query_params.getlist("kib"))
    inline = params.inline(request.query_params.getlist("inline"))
    return reply(answers.stored(kib, await nonblocking.disk(kib, inline)))


@app.post("/upload")
async def upload(request: Request):
    length = params.content_length(request.headers.get("Content-Length"))
    return reply(answers.received(length, await nonblocking.upload(request.stream())))


@app.get("/download")
async def download(request: Request):
    kib = params.download_kib(request.query_params.getlist("kib"))
    headers = {"Content-Length": str(kib * 1024)}
    return StreamingResponse(nonblocking.download(kib), 200, headers, answers.BYTES)


@app.get("/cpu")
async def cpu(request: Request):
    ksteps = params.ksteps(request.query_params.getlist("ksteps"))
    inline = params.inline(request.query_params.getlist("inline"))
    return reply(answers.computed(ksteps, await nonblocking.cpu(ksteps, inline)))


@app.get("/cpu_native")
async def cpu_native(request: Request):
    n = params.n(request.query_params.getlist("n"))
    inline = params.inline(request.query_params.getlist("inline"))
    return reply(answers.multiplied(n, await nonblocking.cpu_native(n, inline)))


@app.exception_handler(answers.Refusal)
async def refusal(request, error):
    return refuse(error.status, answers.problem(error.status, str(error)))


@app.exception_handler(ClientDisconnect)
async def cut_short(request, error):
    return refuse(400, answers.problem(400, answers.CUT_SHORT))


@app.exception_handler(404)
async def not_found(request, error):
    return refuse(404, answers.NOT_FOUND)


@app.exception_handler(405)
async def method_not_allowed(request, error: HTTPException):
    return refuse(405, answers.METHOD_NOT_ALLOWED, error.headers)


@app.exception_handler(500)
async def server_error(request, error):
    return refuse(500, answers.SERVER_ERROR)


application = tally.CountedAsgi(app)
