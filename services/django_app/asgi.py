"""The parts that Django lacks on ASGI: a lifespan, refusal before a body is read, and a folder for bodies."""

import tempfile

from work import responses
from work.settings import settings
from workloads import upload

# Django reads a whole body before it calls a view: up to 2.5 MB into memory, more into a temporary file. That file is
# in the default folder (FILE_UPLOAD_TEMP_DIR is only for forms), which is often kept in memory. This one is on a disk.
tempfile.tempdir = settings.scratch_dir


class AroundDjango:
    """Django's ASGI application, with the parts that it lacks."""

    def __init__(self, django, lifespan):
        self._django = django
        self._lifespan = lifespan

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif not await self._refused(scope, send):
            await self._django(scope, receive, send)

    async def _live(self, receive, send):
        await receive()
        async with self._lifespan(self):
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _refused(self, scope, send):
        """Refuse an upload without a length, or too long a one. A view would see it only after the whole body."""
        if (scope["method"], scope["path"]) != ("POST", "/upload"):
            return False
        length = dict(scope["headers"]).get(b"content-length")
        try:
            upload.content_length(length and length.decode("latin-1"))
        except responses.Refusal as error:
            body = responses.problem(error.status, str(error))
            headers = [(b"content-type", responses.PROBLEM.encode()), (b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": error.status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return True
        return False
