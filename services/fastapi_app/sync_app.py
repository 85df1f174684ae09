"""The slow endpoints in FastAPI, as plain `def`, each call in a thread."""

from fastapi import Request
from fastapi.responses import StreamingResponse
from work import blocking, counters, responses
from workloads import cpu, cpu_native, db, disk, download, fast, upload, upstream, wait

from fastapi_app.wiring import reader, reply, service

api = service(blocking.lifespan)


@api.get("/health")
def health():
    return reply(responses.HEALTH)


@api.get("/info")
def info():
    return reply(responses.encode(blocking.info()))


@api.get("/usage")
def usage():
    return reply(responses.encode(counters.usage()))


@api.post("/usage/reset")
def reset_usage():
    counters.reset_peaks()
    return reply(responses.encode(counters.usage()))


@api.get("/fast")
def get_fast():
    return reply(fast.BODY)


@api.get("/wait")
def get_wait(request: Request):
    ms = wait.ms(request.query_params.getlist("ms"))
    blocking.wait(ms)
    return reply(wait.body(ms))


@api.get("/upstream")
def get_upstream(request: Request):
    ms = upstream.ms(request.query_params.getlist("ms"))
    calls = upstream.calls(request.query_params.getlist("calls"))
    serial = upstream.serial(request.query_params.getlist("serial"))
    return reply(upstream.body(ms, blocking.remote_calls(ms, calls, serial)))


@api.get("/db")
def get_db(request: Request):
    ms = db.ms(request.query_params.getlist("ms"))
    return reply(db.body(ms, blocking.query(ms)))


@api.get("/disk")
def get_disk(request: Request):
    kib = disk.kib(request.query_params.getlist("kib"))
    inline = disk.inline(request.query_params.getlist("inline"))
    return reply(disk.body(kib, blocking.work(inline, disk.write_and_read_back, kib)))


@api.post("/upload")
def post_upload(request: Request):
    length = upload.content_length(request.headers.get("Content-Length"))
    return reply(upload.body(length, blocking.digest(reader(request), length)))


@api.get("/download")
def get_download(request: Request):
    kib = download.kib(request.query_params.getlist("kib"))
    headers = {"Content-Length": str(kib * 1024)}
    return StreamingResponse(blocking.pieces(kib * 1024), 200, headers, responses.BYTES)


@api.get("/cpu")
def get_cpu(request: Request):
    ksteps = cpu.ksteps(request.query_params.getlist("ksteps"))
    inline = cpu.inline(request.query_params.getlist("inline"))
    return reply(cpu.body(ksteps, blocking.work(inline, cpu.compute, ksteps)))


@api.get("/cpu_native")
def get_cpu_native(request: Request):
    n = cpu_native.n(request.query_params.getlist("n"))
    inline = cpu_native.inline(request.query_params.getlist("inline"))
    return reply(cpu_native.body(n, blocking.work(inline, cpu_native.multiply, n)))


application = counters.CountedAsgi(api)
