"""The slow endpoints in FastAPI, as `async def` on its event loop."""

from fastapi import Request
from fastapi.responses import StreamingResponse
from work import answers, nonblocking, params, tally

from fastapi_app.wiring import reply, service

api = service(nonblocking.lifespan)


@api.get("/health")
async def health():
    return reply(answers.HEALTH)


@api.get("/info")
async def info():
    return reply(answers.encode(nonblocking.info()))


@api.get("/usage")
async def usage():
    return reply(answers.encode(tally.usage()))


@api.post("/usage/reset")
async def reset_usage():
    tally.reset_peaks()
    return reply(answers.encode(tally.usage()))


@api.get("/fast")
async def fast():
    return reply(answers.FAST)


@api.get("/wait")
async def wait(request: Request):
    ms = params.ms(request.query_params.getlist("ms"))
    await nonblocking.wait(ms)
    return reply(answers.waited(ms))


@api.get("/upstream")
async def upstream(request: Request):
    ms = params.ms(request.query_params.getlist("ms"))
    calls = params.calls(request.query_params.getlist("calls"))
    serial = params.serial(request.query_params.getlist("serial"))
    return reply(answers.called(ms, await nonblocking.upstream(ms, calls, serial)))


@api.get("/db")
async def db(request: Request):
    ms = params.ms(request.query_params.getlist("ms"))
    return reply(answers.queried(ms, await nonblocking.db(ms)))


@api.get("/disk")
async def disk(request: Request):
    kib = params.disk_kib(request.query_params.getlist("kib"))
    inline = params.inline(request.query_params.getlist("inline"))
    return reply(answers.stored(kib, await nonblocking.disk(kib, inline)))


@api.post("/upload")
async def upload(request: Request):
    length = params.content_length(request.headers.get("Content-Length"))
    return reply(answers.received(length, await nonblocking.upload(request.stream())))


@api.get("/download")
async def download(request: Request):
    kib = params.download_kib(request.query_params.getlist("kib"))
    headers = {"Content-Length": str(kib * 1024)}
    return StreamingResponse(nonblocking.download(kib), 200, headers, answers.BYTES)


@api.get("/cpu")
async def cpu(request: Request):
    ksteps = params.ksteps(request.query_params.getlist("ksteps"))
    inline = params.inline(request.query_params.getlist("inline"))
    return reply(answers.computed(ksteps, await nonblocking.cpu(ksteps, inline)))


@api.get("/cpu_native")
async def cpu_native(request: Request):
    n = params.n(request.query_params.getlist("n"))
    inline = params.inline(request.query_params.getlist("inline"))
    return reply(answers.multiplied(n, await nonblocking.cpu_native(n, inline)))


application = tally.CountedAsgi(api)
