"""The slow endpoints in Django."""

import os

from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path
from work import answers, blocking, params, tally

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_app.settings")


def reply(body, status=200, media_type=answers.JSON, headers=None):
    return HttpResponse(body, media_type, status, headers=headers)


def refuse(status, body, headers=None):
    return reply(body, status, answers.PROBLEM, headers)


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


def refusal(get_response):
    """Middleware: what a view refuses becomes its answer."""

    def middleware(request):
        return get_response(request)

    def process_exception(request, error):
        if isinstance(error, answers.Refusal):
            return refuse(error.status, answers.problem(error.status, str(error)))
        return None

    middleware.process_exception = process_exception
    return middleware


def not_found(request, exception):
    return refuse(404, answers.NOT_FOUND)


def method_not_allowed(allowed):
    return refuse(405, answers.METHOD_NOT_ALLOWED, {"Allow": allowed})


def server_error(request):
    return refuse(500, answers.SERVER_ERROR)


def route(method, pattern, view):
    def only(request):
        return view(request) if request.method == method else method_not_allowed(method)

    return path(pattern, only)


urlpatterns = [
    route("GET", "health", health),
    route("GET", "info", info),
    route("GET", "usage", usage),
    route("POST", "usage/reset", reset_usage),
    route("GET", "fast", fast),
    route("GET", "wait", wait),
    route("GET", "upstream", upstream),
    route("GET", "db", db),
    route("GET", "disk", disk),
    route("POST", "upload", upload),
    route("GET", "download", download),
    route("GET", "cpu", cpu),
    route("GET", "cpu_native", cpu_native),
]
handler404 = not_found
handler500 = server_error

blocking.open_pool()
application = tally.CountedWsgi(get_wsgi_application())
