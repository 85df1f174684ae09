"""The slow endpoints in Django, as `async def` views on an event loop."""

import os

from django.core.asgi import get_asgi_application
from django.http import StreamingHttpResponse
from work import answers, nonblocking, params, tally

from django_app.asgi import AroundDjango
from django_app.wiring import reply

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_app.settings")


async def health(request):
    return reply(answers.HEALTH)


async def info(request):
    return reply(answers.encode(nonblocking.info()))


async def usage(request):
    return reply(answers.encode(tally.usage()))


async def reset_usage(request):
    tally.reset_peaks()
    return reply(answers.encode(tally.usage()))


async def fast(request):
    return reply(answers.FAST)


async def wait(request):
    ms = params.ms(request.GET.getlist("ms"))
    await nonblocking.wait(ms)
    return reply(answers.waited(ms))


async def upstream(request):
    ms = params.ms(request.GET.getlist("ms"))
    calls = params.calls(request.GET.getlist("calls"))
    serial = params.serial(request.GET.getlist("serial"))
    return reply(answers.called(ms, await nonblocking.upstream(ms, calls, serial)))


async def db(request):
    ms = params.ms(request.GET.getlist("ms"))
    return reply(answers.queried(ms, await nonblocking.db(ms)))


async def disk(request):
    kib = params.disk_kib(request.GET.getlist("kib"))
    inline = params.inline(request.GET.getlist("inline"))
    return reply(answers.stored(kib, await nonblocking.disk(kib, inline)))


async def upload(request):
    length = params.content_length(request.headers.get("Content-Length"))
    return reply(answers.received(length, await nonblocking.upload_read(request.read, length)))


async def download(request):
    kib = params.download_kib(request.GET.getlist("kib"))
    headers = {"Content-Length": str(kib * 1024)}
    return StreamingHttpResponse(nonblocking.download(kib), content_type=answers.BYTES, headers=headers)


async def cpu(request):
    ksteps = params.ksteps(request.GET.getlist("ksteps"))
    inline = params.inline(request.GET.getlist("inline"))
    return reply(answers.computed(ksteps, await nonblocking.cpu(ksteps, inline)))


async def cpu_native(request):
    n = params.n(request.GET.getlist("n"))
    inline = params.inline(request.GET.getlist("inline"))
    return reply(answers.multiplied(n, await nonblocking.cpu_native(n, inline)))


application = tally.CountedUntilAnswered(AroundDjango(get_asgi_application(), nonblocking.lifespan))
