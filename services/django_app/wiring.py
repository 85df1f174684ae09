"""Django's own part: exact routes, and the form of every response and refusal."""

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpResponse
from django.urls import path
from django.utils.decorators import sync_and_async_middleware
from work import responses


def reply(body, status=200, media_type=responses.JSON, headers=None):
    return HttpResponse(body, media_type, status, headers=headers)


def refuse(status, body, headers=None):
    return reply(body, status, responses.PROBLEM, headers)


@sync_and_async_middleware
def refusal(get_response):
    """Middleware that turns a view's refusal into a response."""

    def middleware(request):
        return get_response(request)

    def process_exception(request, error):
        if isinstance(error, responses.Refusal):
            return refuse(error.status, responses.problem(error.status, str(error)))
        return None

    if iscoroutinefunction(get_response):
        markcoroutinefunction(middleware)
    middleware.process_exception = process_exception
    return middleware


def not_found(request, exception):
    return refuse(404, responses.NOT_FOUND)


def method_not_allowed(allowed):
    return refuse(405, responses.METHOD_NOT_ALLOWED, {"Allow": allowed})


def server_error(request):
    return refuse(500, responses.SERVER_ERROR)


def route(method, pattern, view):
    def only(request):
        return view(request) if request.method == method else method_not_allowed(method)

    async def only_awaited(request):
        return await view(request) if request.method == method else method_not_allowed(method)

    return path(pattern, only_awaited if iscoroutinefunction(view) else only)
