"""Maps paths to views: those of async_app on an event loop, else those of sync_app."""

from work.settings import settings

from django_app.wiring import not_found, route, server_error

if settings.model == "asyncio":
    from django_app import async_app as views
else:
    from django_app import sync_app as views


def workloads():
    """Yield the route of each workload, whose view is named after its method and its path: `get_wait`."""
    for name, view in vars(views).items():
        method, _, path = name.partition("_")
        if method in ("get", "post"):
            yield route(method.upper(), path, view)


urlpatterns = [
    route("GET", "health", views.health),
    route("GET", "info", views.info),
    route("GET", "usage", views.usage),
    route("POST", "usage/reset", views.reset_usage),
    *workloads(),
]
handler404 = not_found
handler500 = server_error
