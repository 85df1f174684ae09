"""The slow endpoints in Flask, as views that block."""

from flask import request
from work import answers, blocking, params, tally

from flask_app.wiring import app, reply


@app.get("/health")
def health():
    return reply(answers.HEALTH)


@app.get("/info")
def info():
    return reply(answers.encode(blocking.info()))


@app.get("/usage")
def usage():
    return reply(answers.encode(tally.usage()))


@app.post("/usage/reset")
def reset_usage():
    tally.reset_peaks()
    return reply(answers.encode(tally.usage()))


@app.get("/fast")
def fast():
    return reply(answers.FAST)


@app.get("/wait")
def wait():
    ms = params.ms(request.args.getlist("ms"))
    blocking.wait(ms)
    return reply(answers.waited(ms))


@app.get("/upstream")
def upstream():
    ms = params.ms(request.args.getlist("ms"))
    calls = params.calls(request.args.getlist("calls"))
    serial = params.serial(request.args.getlist("serial"))
    return reply(answers.called(ms, blocking.upstream(ms, calls, serial)))


@app.get("/db")
def db():
    ms = params.ms(request.args.getlist("ms"))
    return reply(answers.queried(ms, blocking.db(ms)))


@app.get("/disk")
def disk():
    kib = params.disk_kib(request.args.getlist("kib"))
    inline = params.inline(request.args.getlist("inline"))
    return reply(answers.stored(kib, blocking.disk(kib, inline)))


@app.post("/upload")
def upload():
    length = params.content_length(request.headers.get("Content-Length"))
    return reply(answers.received(length, blocking.upload(request.stream.read, length)))


@app.get("/download")
def download():
    kib = params.download_kib(request.args.getlist("kib"))
    return reply(blocking.download(kib), 200, answers.BYTES, {"Content-Length": str(kib * 1024)})


@app.get("/cpu")
def cpu():
    ksteps = params.ksteps(request.args.getlist("ksteps"))
    inline = params.inline(request.args.getlist("inline"))
    return reply(answers.computed(ksteps, blocking.cpu(ksteps, inline)))


@app.get("/cpu_native")
def cpu_native():
    n = params.n(request.args.getlist("n"))
    inline = params.inline(request.args.getlist("inline"))
    return reply(answers.multiplied(n, blocking.cpu_native(n, inline)))


application = tally.CountedWsgi(app)
