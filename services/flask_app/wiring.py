"""Flask's own part: the app, exact routes, and the form of every response and refusal."""

from flask import Flask, Response
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Rule
from work import responses


class ExactRule(Rule):
    """A route that accepts only the methods that it names. By default werkzeug adds HEAD to GET."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.methods.discard("HEAD")


class Service(Flask):
    url_rule_class = ExactRule


app = Service(__name__, static_folder=None)
app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
app.url_map.merge_slashes = False


def reply(body, status=200, media_type=responses.JSON, headers=None):
    return Response(body, status, headers, content_type=media_type)


def refuse(status, body, headers=None):
    return reply(body, status, responses.PROBLEM, headers)


@app.errorhandler(responses.Refusal)
def refusal(error):
    return refuse(error.status, responses.problem(error.status, str(error)))


@app.errorhandler(NotFound)
def not_found(error):
    return refuse(404, responses.NOT_FOUND)


@app.errorhandler(MethodNotAllowed)
def method_not_allowed(error):
    return refuse(405, responses.METHOD_NOT_ALLOWED, {"Allow": ", ".join(error.valid_methods)})


@app.errorhandler(500)
def server_error(error):
    return refuse(500, responses.SERVER_ERROR)
