"""The slow endpoints in Flask, as `async def` views: Flask gives each request an event loop of its own."""

from flask import request
from work import counters, loop_per_request, responses
from workloads import cpu, cpu_native, db, disk, download, fast, upload, upstream, wait

from flask_app.wiring import app, reply


@app.get("/health")
async def health():
    return reply(responses.HEALTH)


@app.get("/info")
async def info():
    return reply(responses.encode(loop_per_request.info()))


@app.get("/usage")
async def usage():
    return reply(responses.encode(counters.usage()))


@app.post("/usage/reset")
async def reset_usage():
    counters.reset_peaks()
    return reply(responses.encode(counters.usage()))


@app.get("/fast")
async def get_fast():
    return reply(fast.BODY)


@app.get("/wait")
async def get_wait():
    ms = wait.ms(request.args.getlist("ms"))
    await loop_per_request.wait(ms)
    return reply(wait.body(ms))


@app.get("/upstream")
async def get_upstream():
    ms = upstream.ms(request.args.getlist("ms"))
    calls = upstream.calls(request.args.getlist("calls"))
    serial = upstream.serial(request.args.getlist("serial"))
    return reply(upstream.body(ms, await loop_per_request.remote_calls(ms, calls, serial)))


@app.get("/db")
async def get_db():
    ms = db.ms(request.args.getlist("ms"))
    return reply(db.body(ms, await loop_per_request.query(ms)))


@app.get("/disk")
async def get_disk():
    kib = disk.kib(request.args.getlist("kib"))
    inline = disk.inline(request.args.getlist("inline"))
    return reply(disk.body(kib, await loop_per_request.work(inline, disk.write_and_read_back, kib)))


@app.post("/upload")
async def post_upload():
    length = upload.content_length(request.headers.get("Content-Length"))
    return reply(upload.body(length, await loop_per_request.digest(request.stream.read, length)))


@app.get("/download")
async def get_download():
    kib = download.kib(request.args.getlist("kib"))
    return reply(loop_per_request.pieces(kib * 1024), 200, responses.BYTES, {"Content-Length": str(kib * 1024)})


@app.get("/cpu")
async def get_cpu():
    ksteps = cpu.ksteps(request.args.getlist("ksteps"))
    inline = cpu.inline(request.args.getlist("inline"))
    return reply(cpu.body(ksteps, await loop_per_request.work(inline, cpu.compute, ksteps)))


@app.get("/cpu_native")
async def get_cpu_native():
    n = cpu_native.n(request.args.getlist("n"))
    inline = cpu_native.inline(request.args.getlist("inline"))
    return reply(cpu_native.body(n, await loop_per_request.work(inline, cpu_native.multiply, n)))


application = counters.CountedWsgi(app)
