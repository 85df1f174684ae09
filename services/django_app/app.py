"""The slow endpoints in Django."""

import os

from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
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
    return reply(answers.called(ms, blocking.upstream(ms, calls)))


def db(request):
    ms = params.ms(request.GET.getlist("ms"))
    return reply(answers.queried(ms, blocking.db(ms)))


def refuse_failures(get_response):
    """Middleware: the two failures a view may raise become their answers."""

    def middleware(request):
        return get_response(request)

    def process_exception(request, error):
        if isinstance(error, answers.BadInput):
            return refuse(400, answers.problem(400, str(error)))
        if isinstance(error, answers.DependencyFailed):
            return refuse(503, answers.problem(503, str(error)))
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
]
handler404 = not_found
handler500 = server_error

blocking.open_pool()
application = tally.CountedWsgi(get_wsgi_application())
