"""The slow endpoints in Django, as views that block."""

import os

from django.core.wsgi import get_wsgi_application
from django.http import StreamingHttpResponse
from work import answers, blocking, params, tally

from django_app.wiring import reply

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_app.settings")


def health(request):
    return reply(answers.HEALTH)


def info(request):
    return reply(answers.encode(blocking.info()))


def usage(request):
    return reply(answers.encode(tally.usage()))


def reset_usage(request):
    tally.reset_peaks()
    return reply(answers.encode(tally.usage()))


def fast(request):
    return reply(answers.FAST)


def wait(request):
    ms = params.ms(request.GET.getlist("ms"))
    blocking.wait(ms)
    return reply(answers.waited(ms))


def upstream(request):
    ms = params.ms(request.GET.getlist("ms"))
    calls = params.calls(request.GET.getlist("calls"))
    serial = params.serial(request.GET.getlist("serial"))
    return reply(answers.called(ms, blocking.upstream(ms, calls, serial)))


def db(request):
    ms = params.ms(request.GET.getlist("ms"))
    return reply(answers.queried(ms, blocking.db(ms)))


def disk(request):
    kib = params.disk_kib(request.GET.getlist("kib"))
    inline = params.inline(request.GET.getlist("inline"))
    return reply(answers.stored(kib, blocking.disk(kib, inline)))


def upload(request):
    length = params.content_length(request.headers.get("Content-Length"))
    return reply(answers.received(length, blocking.upload(request.read, length)))


def download(request):
    kib = params.download_kib(request.GET.getlist("kib"))
    headers = {"Content-Length": str(kib * 1024)}
    return StreamingHttpResponse(blocking.download(kib), content_type=answers.BYTES, headers=headers)


def cpu(request):
    ksteps = params.ksteps(request.GET.getlist("ksteps"))
    inline = params.inline(request.GET.getlist("inline"))
    return reply(answers.computed(ksteps, blocking.cpu(ksteps, inline)))


def cpu_native(request):
    n = params.n(request.GET.getlist("n"))
    inline = params.inline(request.GET.getlist("inline"))
    return reply(answers.multiplied(n, blocking.cpu_native(n, inline)))


application = tally.CountedWsgi(get_wsgi_application())
