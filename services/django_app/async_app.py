"""The slow endpoints in Django, as `async def` views on an event loop."""

import os

from django.core.asgi import get_asgi_application
from django.http import StreamingHttpResponse
from work import counters, nonblocking, responses
from workloads import cpu, cpu_native, db, disk, download, fast, upload, upstream, wait

from django_app.asgi import AroundDjango
from django_app.wiring import reply

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_app.settings")


async def health(request):
    return reply(responses.HEALTH)


async def info(request):
    return reply(responses.encode(nonblocking.info()))


async def usage(request):
    return reply(responses.encode(counters.usage()))


async def reset_usage(request):
    counters.reset_peaks()
    return reply(responses.encode(counters.usage()))


async def get_fast(request):
    return reply(fast.BODY)


async def get_wait(request):
    ms = wait.ms(request.GET.getlist("ms"))
    await nonblocking.wait(ms)
    return reply(wait.body(ms))


async def get_upstream(request):
    ms = upstream.ms(request.GET.getlist("ms"))
    calls = upstream.calls(request.GET.getlist("calls"))
    serial = upstream.serial(request.GET.getlist("serial"))
    return reply(upstream.body(ms, await nonblocking.remote_calls(ms, calls, serial)))


async def get_db(request):
    ms = db.ms(request.GET.getlist("ms"))
    return reply(db.body(ms, await nonblocking.query(ms)))


async def get_disk(request):
    kib = disk.kib(request.GET.getlist("kib"))
    inline = disk.inline(request.GET.getlist("inline"))
    return reply(disk.body(kib, await nonblocking.work(inline, disk.write_and_read_back, kib)))


async def post_upload(request):
    length = upload.content_length(request.headers.get("Content-Length"))
    return reply(upload.body(length, await nonblocking.digest_of_file(request.read, length)))


async def get_download(request):
    kib = download.kib(request.GET.getlist("kib"))
    headers = {"Content-Length": str(kib * 1024)}
    return StreamingHttpResponse(nonblocking.pieces(kib * 1024), content_type=responses.BYTES, headers=headers)


async def get_cpu(request):
    ksteps = cpu.ksteps(request.GET.getlist("ksteps"))
    inline = cpu.inline(request.GET.getlist("inline"))
    return reply(cpu.body(ksteps, await nonblocking.work(inline, cpu.compute, ksteps)))


async def get_cpu_native(request):
    n = cpu_native.n(request.GET.getlist("n"))
    inline = cpu_native.inline(request.GET.getlist("inline"))
    return reply(cpu_native.body(n, await nonblocking.work(inline, cpu_native.multiply, n)))


application = counters.CountedUntilSent(AroundDjango(get_asgi_application(), nonblocking.lifespan))
