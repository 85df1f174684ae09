"""The slow endpoints in Flask, as views that block."""

from flask import request
from work import blocking, counters, responses
from workloads import cpu, cpu_native, db, disk, download, fast, upload, upstream, wait

from flask_app.wiring import app, reply


@app.get("/health")
def health():
    return reply(responses.HEALTH)


@app.get("/info")
def info():
    return reply(responses.encode(blocking.info()))


@app.get("/usage")
def usage():
    return reply(responses.encode(counters.usage()))


@app.post("/usage/reset")
def reset_usage():
    counters.reset_peaks()
    return reply(responses.encode(counters.usage()))


@app.get("/fast")
def get_fast():
    return reply(fast.BODY)


@app.get("/wait")
def get_wait():
    ms = wait.ms(request.args.getlist("ms"))
    blocking.wait(ms)
    return reply(wait.body(ms))


@app.get("/upstream")
def get_upstream():
    ms = upstream.ms(request.args.getlist("ms"))
    calls = upstream.calls(request.args.getlist("calls"))
    serial = upstream.serial(request.args.getlist("serial"))
    return reply(upstream.body(ms, blocking.remote_calls(ms, calls, serial)))


@app.get("/db")
def get_db():
    ms = db.ms(request.args.getlist("ms"))
    return reply(db.body(ms, blocking.query(ms)))


@app.get("/disk")
def get_disk():
    kib = disk.kib(request.args.getlist("kib"))
    inline = disk.inline(request.args.getlist("inline"))
    return reply(disk.body(kib, blocking.work(inline, disk.write_and_read_back, kib)))


@app.post("/upload")
def post_upload():
    length = upload.content_length(request.headers.get("Content-Length"))
    return reply(upload.body(length, blocking.digest(request.stream.read, length)))


@app.get("/download")
def get_download():
    kib = download.kib(request.args.getlist("kib"))
    return reply(blocking.pieces(kib * 1024), 200, responses.BYTES, {"Content-Length": str(kib * 1024)})


@app.get("/cpu")
def get_cpu():
    ksteps = cpu.ksteps(request.args.getlist("ksteps"))
    inline = cpu.inline(request.args.getlist("inline"))
    return reply(cpu.body(ksteps, blocking.work(inline, cpu.compute, ksteps)))


@app.get("/cpu_native")
def get_cpu_native():
    n = cpu_native.n(request.args.getlist("n"))
    inline = cpu_native.inline(request.args.getlist("inline"))
    return reply(cpu_native.body(n, blocking.work(inline, cpu_native.multiply, n)))


application = counters.CountedWsgi(app)
