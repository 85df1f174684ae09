"""The slow endpoints in FastAPI, as plain `def`, each call in a thread."""

from fastapi import Request
from fastapi.responses import StreamingResponse
from work import answers, blocking, params, tally

from fastapi_app.wiring import reader, reply, service

api = service(blocking.lifespan)


@api.get("/health")
def health():
    return reply(answers.HEALTH)


@api.get("/info")
def info():
    return reply(answers.encode(blocking.info()))


@api.get("/usage")
def usage():
    return reply(answers.encode(tally.usage()))


@api.post("/usage/reset")
def reset_usage():
    tally.reset_peaks()
    return reply(answers.encode(tally.usage()))


@api.get("/fast")
def fast():
    return reply(answers.FAST)


@api.get("/wait")
def wait(request: Request):
    ms = params.ms(request.query_params.getlist("ms"))
    blocking.wait(ms)
    return reply(answers.waited(ms))


@api.get("/upstream")
def upstream(request: Request):
    ms = params.ms(request.query_params.getlist("ms"))
    calls = params.calls(request.query_params.getlist("calls"))
    serial = params.serial(request.query_params.getlist("serial"))
    return reply(answers.called(ms, blocking.upstream(ms, calls, serial)))


@api.get("/db")
def db(request: Request):
    ms = params.ms(request.query_params.getlist("ms"))
    return reply(answers.queried(ms, blocking.db(ms)))


@api.get("/disk")
def disk(request: Request):
    kib = params.disk_kib(request.query_params.getlist("kib"))
    inline = params.inline(request.query_params.getlist("inline"))
    return reply(answers.stored(kib, blocking.disk(kib, inline)))


@api.post("/upload")
def upload(request: Request):
    length = params.content_length(request.headers.get("Content-Length"))
    return reply(answers.received(length, blocking.upload(reader(request), length)))


@api.get("/download")
def download(request: Request):
    kib = params.download_kib(request.query_params.getlist("kib"))
    headers = {"Content-Length": str(kib * 1024)}
    return StreamingResponse(blocking.download(kib), 200, headers, answers.BYTES)


@api.get("/cpu")
def cpu(request: Request):
    ksteps = params.ksteps(request.query_params.getlist("ksteps"))
    inline = params.inline(request.query_params.getlist("inline"))
    return reply(answers.computed(ksteps, blocking.cpu(ksteps, inline)))


@api.get("/cpu_native")
def cpu_native(request: Request):
    n = params.n(request.query_params.getlist("n"))
    inline = params.inline(request.query_params.getlist("inline"))
    return reply(answers.multiplied(n, blocking.cpu_native(n, inline)))


application = tally.CountedAsgi(api)
