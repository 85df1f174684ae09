"""The slow endpoints in Flask, as `async def` views: Flask gives each request an event loop of its own."""

from flask import request
from work import answers, params, per_loop, tally

from flask_app.wiring import app, reply


@app.get("/health")
async def health():
    return reply(answers.HEALTH)


@app.get("/info")
async def info():
    return reply(answers.encode(per_loop.info()))


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
async def wait():
    ms = params.ms(request.args.getlist("ms"))
    await per_loop.wait(ms)
    return reply(answers.waited(ms))


@app.get("/upstream")
async def upstream():
    ms = params.ms(request.args.getlist("ms"))
    calls = params.calls(request.args.getlist("calls"))
    serial = params.serial(request.args.getlist("serial"))
    return reply(answers.called(ms, await per_loop.upstream(ms, calls, serial)))


@app.get("/db")
async def db():
    ms = params.ms(request.args.getlist("ms"))
    return reply(answers.queried(ms, await per_loop.db(ms)))


@app.get("/disk")
async def disk():
    kib = params.disk_kib(request.args.getlist("kib"))
    inline = params.inline(request.args.getlist("inline"))
    return reply(answers.stored(kib, await per_loop.disk(kib, inline)))


@app.post("/upload")
async def upload():
    length = params.content_length(request.headers.get("Content-Length"))
    return reply(answers.received(length, await per_loop.upload(request.stream.read, length)))


@app.get("/download")
async def download():
    kib = params.download_kib(request.args.getlist("kib"))
    return reply(per_loop.download(kib), 200, answers.BYTES, {"Content-Length": str(kib * 1024)})


@app.get("/cpu")
async def cpu():
    ksteps = params.ksteps(request.args.getlist("ksteps"))
    inline = params.inline(request.args.getlist("inline"))
    return reply(answers.computed(ksteps, await per_loop.cpu(ksteps, inline)))


@app.get("/cpu_native")
async def cpu_native():
    n = params.n(request.args.getlist("n"))
    inline = params.inline(request.args.getlist("inline"))
    return reply(answers.multiplied(n, await per_loop.cpu_native(n, inline)))


application = tally.CountedWsgi(app)
