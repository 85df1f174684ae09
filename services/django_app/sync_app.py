"""The slow endpoints in Django, as views that block."""

import os

from django.core.wsgi import get_wsgi_application
from django.http import StreamingHttpResponse
from work import blocking, counters, responses
from workloads import cpu, cpu_native, db, disk, download, fast, upload, upstream, wait

from django_app.wiring import reply

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_app.settings")


def health(request):
    return reply(responses.HEALTH)


def info(request):
    return reply(responses.encode(blocking.info()))


def usage(request):
    return reply(responses.encode(counters.usage()))


def reset_usage(request):
    counters.reset_peaks()
    return reply(responses.encode(counters.usage()))


def get_fast(request):
    return reply(fast.BODY)


def get_wait(request):
    ms = wait.ms(request.GET.getlist("ms"))
    blocking.wait(ms)
    return reply(wait.body(ms))


def get_upstream(request):
    ms = upstream.ms(request.GET.getlist("ms"))
    calls = upstream.calls(request.GET.getlist("calls"))
    serial = upstream.serial(request.GET.getlist("serial"))
    return reply(upstream.body(ms, blocking.remote_calls(ms, calls, serial)))


def get_db(request):
    ms = db.ms(request.GET.getlist("ms"))
    return reply(db.body(ms, blocking.query(ms)))


def get_disk(request):
    kib = disk.kib(request.GET.getlist("kib"))
    inline = disk.inline(request.GET.getlist("inline"))
    return reply(disk.body(kib, blocking.work(inline, disk.write_and_read_back, kib)))


def post_upload(request):
    length = upload.content_length(request.headers.get("Content-Length"))
    return reply(upload.body(length, blocking.digest(request.read, length)))


def get_download(request):
    kib = download.kib(request.GET.getlist("kib"))
    headers = {"Content-Length": str(kib * 1024)}
    return StreamingHttpResponse(blocking.pieces(kib * 1024), content_type=responses.BYTES, headers=headers)


def get_cpu(request):
    ksteps = cpu.ksteps(request.GET.getlist("ksteps"))
    inline = cpu.inline(request.GET.getlist("inline"))
    return reply(cpu.body(ksteps, blocking.work(inline, cpu.compute, ksteps)))


def get_cpu_native(request):
    n = cpu_native.n(request.GET.getlist("n"))
    inline = cpu_native.inline(request.GET.getlist("inline"))
    return reply(cpu_native.body(n, blocking.work(inline, cpu_native.multiply, n)))


application = counters.CountedWsgi(get_wsgi_application())
