"""The slow endpoints in Quart, as `async def` on its event loop."""

from quart import request
from work import counters, nonblocking, responses
from workloads import cpu, cpu_native, db, disk, download, fast, upload, upstream, wait

from quart_app.wiring import lifetime, reply, service, stream

lifetime(nonblocking.lifespan)


@service.get("/health")
async def health():
    return reply(responses.HEALTH)


@service.get("/info")
async def info():
    return reply(responses.encode(nonblocking.info()))


@service.get("/usage")
async def usage():
    return reply(responses.encode(counters.usage()))


@service.post("/usage/reset")
async def reset_usage():
    counters.reset_peaks()
    return reply(responses.encode(counters.usage()))


@service.get("/fast")
async def get_fast():
    return reply(fast.BODY)


@service.get("/wait")
async def get_wait():
    ms = wait.ms(request.args.getlist("ms"))
    await nonblocking.wait(ms)
    return reply(wait.body(ms))


@service.get("/upstream")
async def get_upstream():
    ms = upstream.ms(request.args.getlist("ms"))
    calls = upstream.calls(request.args.getlist("calls"))
    serial = upstream.serial(request.args.getlist("serial"))
    return reply(upstream.body(ms, await nonblocking.remote_calls(ms, calls, serial)))


@service.get("/db")
async def get_db():
    ms = db.ms(request.args.getlist("ms"))
    return reply(db.body(ms, await nonblocking.query(ms)))


@service.get("/disk")
async def get_disk():
    kib = disk.kib(request.args.getlist("kib"))
    inline = disk.inline(request.args.getlist("inline"))
    return reply(disk.body(kib, await nonblocking.work(inline, disk.write_and_read_back, kib)))


@service.post("/upload")
async def post_upload():
    length = upload.content_length(request.headers.get("Content-Length"))
    return reply(upload.body(length, await nonblocking.digest(request.body)))


@service.get("/download")
async def get_download():
    kib = download.kib(request.args.getlist("kib"))
    return stream(nonblocking.pieces(kib * 1024), kib * 1024)


@service.get("/cpu")
async def get_cpu():
    ksteps = cpu.ksteps(request.args.getlist("ksteps"))
    inline = cpu.inline(request.args.getlist("inline"))
    return reply(cpu.body(ksteps, await nonblocking.work(inline, cpu.compute, ksteps)))


@service.get("/cpu_native")
async def get_cpu_native():
    n = cpu_native.n(request.args.getlist("n"))
    inline = cpu_native.inline(request.args.getlist("inline"))
    return reply(cpu_native.body(n, await nonblocking.work(inline, cpu_native.multiply, n)))


application = counters.CountedAsgi(service)
