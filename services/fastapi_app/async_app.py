"""The slow endpoints in FastAPI, as `async def` on its event loop."""

from fastapi import Request
from fastapi.responses import StreamingResponse
from work import counters, nonblocking, responses
from workloads import cpu, cpu_native, db, disk, download, fast, upload, upstream, wait

from fastapi_app.wiring import reply, service

api = service(nonblocking.lifespan)


@api.get("/health")
async def health():
    return reply(responses.HEALTH)


@api.get("/info")
async def info():
    return reply(responses.encode(nonblocking.info()))


@api.get("/usage")
async def usage():
    return reply(responses.encode(counters.usage()))


@api.post("/usage/reset")
async def reset_usage():
    counters.reset_peaks()
    return reply(responses.encode(counters.usage()))


@api.get("/fast")
async def get_fast():
    return reply(fast.BODY)


@api.get("/wait")
async def get_wait(request: Request):
    ms = wait.ms(request.query_params.getlist("ms"))
    await nonblocking.wait(ms)
    return reply(wait.body(ms))


@api.get("/upstream")
async def get_upstream(request: Request):
    ms = upstream.ms(request.query_params.getlist("ms"))
    calls = upstream.calls(request.query_params.getlist("calls"))
    serial = upstream.serial(request.query_params.getlist("serial"))
    return reply(upstream.body(ms, await nonblocking.remote_calls(ms, calls, serial)))


@api.get("/db")
async def get_db(request: Request):
    ms = db.ms(request.query_params.getlist("ms"))
    return reply(db.body(ms, await nonblocking.query(ms)))


@api.get("/disk")
async def get_disk(request: Request):
    kib = disk.kib(request.query_params.getlist("kib"))
    inline = disk.inline(request.query_params.getlist("inline"))
    return reply(disk.body(kib, await nonblocking.work(inline, disk.write_and_read_back, kib)))


@api.post("/upload")
async def post_upload(request: Request):
    length = upload.content_length(request.headers.get("Content-Length"))
    return reply(upload.body(length, await nonblocking.digest(request.stream())))


@api.get("/download")
async def get_download(request: Request):
    kib = download.kib(request.query_params.getlist("kib"))
    headers = {"Content-Length": str(kib * 1024)}
    return StreamingResponse(nonblocking.pieces(kib * 1024), 200, headers, responses.BYTES)


@api.get("/cpu")
async def get_cpu(request: Request):
    ksteps = cpu.ksteps(request.query_params.getlist("ksteps"))
    inline = cpu.inline(request.query_params.getlist("inline"))
    return reply(cpu.body(ksteps, await nonblocking.work(inline, cpu.compute, ksteps)))


@api.get("/cpu_native")
async def get_cpu_native(request: Request):
    n = cpu_native.n(request.query_params.getlist("n"))
    inline = cpu_native.inline(request.query_params.getlist("inline"))
    return reply(cpu_native.body(n, await nonblocking.work(inline, cpu_native.multiply, n)))


application = counters.CountedAsgi(api)
