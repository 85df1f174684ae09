"""What Django leaves to others on ASGI: the lifespan, a refusal before the body is read, and where bodies go."""

import tempfile

from work import answers, params
from work.settings import settings

# Django has the whole of a body before it calls a view: up to 2.5 MB in memory, more in a temporary file. It makes that
# in the default folder (FILE_UPLOAD_TEMP_DIR is for forms alone), which is often kept in memory; this one is on a disk.
tempfile.tempdir = settings.scratch_dir


class AroundDjango:
    """An ASGI application: Django's, with what it lacks."""

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
        """An upload of no said length, or of too much: a view would see it when all of it has come."""
        if (scope["method"], scope["path"]) != ("POST", "/upload"):
            return False
        length = dict(scope["headers"]).get(b"content-length")
        try:
            params.content_length(length and length.decode("latin-1"))
        except answers.Refusal as error:
            body = answers.problem(error.status, str(error))
            headers = [(b"content-type", answers.PROBLEM.encode()), (b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": error.status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return True
        return False
