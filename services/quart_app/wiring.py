"""Quart's own part: the app, exact routes, and the form of every response and refusal."""

from quart import Quart, Response
from quart.routing import QuartRule
from quart.wrappers.response import IterableBody
from werkzeug.exceptions import HTTPException
from work import responses


class OnlyNamedMethods(QuartRule):
    """Without HEAD, which werkzeug adds to GET by default."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.methods.discard("HEAD")


class Exact(Quart):
    url_rule_class = OnlyNamedMethods


service = Exact(__name__, static_folder=None)
service.url_map.merge_slashes = False
# A body may be as long as the contract allows, and as slow as the client; the contract's limits are in the handlers.
service.config.update(
    PROVIDE_AUTOMATIC_OPTIONS=False, MAX_CONTENT_LENGTH=None, BODY_TIMEOUT=None, RESPONSE_TIMEOUT=None
)


def reply(body, status=200, media_type=responses.JSON, headers=None):
    return Response(body, status, headers, content_type=media_type)


def stream(pieces, size):
    """Return a response whose pieces are sent as they come."""
    return reply(IterableBody(pieces), 200, responses.BYTES, {"Content-Length": str(size)})


@service.errorhandler(responses.Refusal)
async def refusal(error):
    return reply(responses.problem(error.status, str(error)), error.status, responses.PROBLEM)


@service.errorhandler(HTTPException)
async def refused_by_quart(error):
    bodies = {404: responses.NOT_FOUND, 405: responses.METHOD_NOT_ALLOWED}
    allowed = {"Allow": ", ".join(error.valid_methods)} if error.code == 405 else None
    return reply(bodies.get(error.code, responses.SERVER_ERROR), error.code, responses.PROBLEM, allowed)


@service.errorhandler(500)
async def failed(error):
    return reply(responses.SERVER_ERROR, 500, responses.PROBLEM)


def lifetime(context):
    """Enter the context when the service starts, and leave it when the service ends."""

    @service.while_serving
    async def serving():
        async with context(service):
            yield
