"""Maps paths to views: those of async_app on an event loop, else those of sync_app."""

from work.settings import settings

from django_app.wiring import not_found, route, server_error

if settings.model == "asyncio":
    from django_app import async_app as views
else:
    from django_app import sync_app as views

urlpatterns = [
    route("GET", "health", views.health),
    route("GET", "info", views.info),
    route("GET", "usage", views.usage),
    route("POST", "usage/reset", views.reset_usage),
    route("GET", "fast", views.get_fast),
    route("GET", "wait", views.get_wait),
    route("GET", "upstream", views.get_upstream),
    route("GET", "db", views.get_db),
    route("GET", "disk", views.get_disk),
    route("POST", "upload", views.post_upload),
    route("GET", "download", views.get_download),
    route("GET", "cpu", views.get_cpu),
    route("GET", "cpu_native", views.get_cpu_native),
]
handler404 = not_found
handler500 = server_error
