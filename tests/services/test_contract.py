"""services/openapi.yaml against each live service, and against the code that states the same."""

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from work import database, remote
from work.responses import METHOD_NOT_ALLOWED, NOT_FOUND, BadInput, Refusal, problem
from workloads import disk, upload

from tests.conftest import EVERY_APP, installed
from waitbench.catalog.variants import Variant, load_variants
from waitbench.catalog.workloads import WORKLOADS, Parameter
from waitbench.launch.client import Service
from waitbench.launch.local import LocalStack
from waitbench.paths import CONTRACT

pytestmark = pytest.mark.live

VARIANTS = load_variants()
EVERY_FRAMEWORK = ("flask-threads", "django-gevent", "fastapi-asyncio", "go", "node", "null")
EXAMPLES = 10
ENOUGH = {"ms": 50, "kib": 64, "ksteps": 5, "n": 50}
"""Values from which on a larger one would prove no more."""


PROMISED = 4_000
"""The contract promises nothing for a request line of more bytes."""


class TooLong(Exception):
    """A generated request line is longer than the contract promises anything for."""


class SmallAmounts(requests.Session):
    """Sends generated requests, but reduces amounts that the contract allows, since 60 s would prove no more."""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        assert request.url is not None
        path = urlsplit(request.url).path

        def cut_down(found: re.Match[str]) -> str:
            name, amount = found[2], int(found[3])
            known = WORKLOADS[path[1:]].parameters if path[1:] in WORKLOADS else {}
            limit = known[name].high if name in known else 0
            return found[1] + str(amount % ENOUGH[name] + 1 if ENOUGH[name] < amount <= limit else amount)

        request.url = re.sub(rf"([?&]({'|'.join(ENOUGH)})=)([0-9]{{1,9}})(?=&|$)", cut_down, request.url)
        if len(request.url.partition("//")[2]) > PROMISED:
            raise TooLong
        return super().send(request, **options)


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with SmallAmounts() as own:
        own.trust_env = False
        yield own


def _load() -> Any:
    """Load the contract, with all checks of schemathesis, which are on by default."""
    config = SchemathesisConfig()
    project = config.projects.default
    project.generation.update(max_examples=EXAMPLES, deterministic=True, modes=list(GenerationMode))
    project.phases.coverage.generate_duplicate_query_parameters = True
    project.phases.coverage.unexpected_methods = {"head", "options", "get", "post", "put", "patch", "delete", "trace"}
    return schemathesis.openapi.from_path(CONTRACT, config=config)


api = _load()


def _workloads(contract: dict[str, Any]) -> set[str]:
    """Return the paths of the contract that are workloads."""
    return {
        path
        for path, methods in contract["paths"].items()
        for operation in methods.values()
        if "workload" in operation["tags"]
    }


MEASURED = _workloads(yaml.safe_load(CONTRACT.read_text()))


def _serves(variant: Variant, path: str) -> bool:
    """Return whether the variant serves this path of the contract. An instrument lacks some workloads."""
    return path not in MEASURED or variant.serves(path[1:])


# One service of each framework, and a test for every operation. The next test shows that the other services respond the
# same. The fixtures hold a connection, and nothing that an example leaves behind.
@pytest.mark.fault(
    "input",
    "a request breaks the contract in one of the ways that schemathesis knows",
    "a response of the contract, as 400 with a problem document",
)
@pytest.mark.parametrize(
    "variant", ["flask-threads", "django-gevent", "fastapi-asyncio", "go", "node", "null"], indirect=True
)
@api.parametrize()
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, database=None)
def test_every_service_keeps_the_contract(
    case: schemathesis.Case, service: Service, variant: Variant, session: requests.Session
) -> None:
    with suppress(TooLong):
        if _serves(variant, case.path):
            case.call_and_validate(base_url=service.base_url, session=session, timeout=30)
        else:
            assert case.call(base_url=service.base_url, session=session, timeout=30).status_code == 404


METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE")
PATHS = ("/fast", "/health", "/usage/reset", *sorted(MEASURED - {"/fast"}))
ODD_PATHS = (
    "/", "//", "/wait/", "/WAIT", "/w%61it", "/wait%2F", "/wait%2f..%2ffast", "/fast/../wait", "/./fast",
    "/fast;a=b", "/fast%20", "/fast%00", "/%FF", "/%zz", "/usage/", "/usage//reset", "/openapi.json",
    "/docs", "/redoc", "/static/x", "/favicon.ico", "/admin/",
)  # fmt: skip
NAMES = ("ms", "calls", "serial", "kib", "ksteps", "n", "inline", "MS", "m%73", "ms%20", "+ms", "ms[]", "", "x")
RIGHT = ("ms=5", "kib=5", "ksteps=5", "n=5")
VALUES = (
    "0", "5", "20", "007", "000000005", "0000000005", "21", "60001", "999999999", "9" * 20, "-1", "-0", "+5", "%2B5",
    "%205", "5%20", "5%0A", "5%00", "1e1", "0x5", "1_0", "5.0", "5,0", "%D9%A5", "%FF", "%E2%82", "%zz", "%", "",
)  # fmt: skip


def _query() -> st.SearchStrategy[str]:
    pair = st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)).map("=".join)
    part = st.sampled_from(RIGHT) | pair | st.sampled_from(NAMES)
    return st.lists(part, max_size=4).map(lambda parts: "?" + "&".join(parts) if parts else "")


def _response(base_url: str, method: str, target: str) -> tuple[int, str | None, str | None, bytes]:
    """Send a target as it is written. A client library would normalise it first."""
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=30)
    try:
        connection.request(method, target)
        response = connection.getresponse()
        headers = response.headers
        return response.status, headers.get("content-type"), headers.get("allow"), response.read()
    finally:
        connection.close()


@pytest.mark.fault(
    "input",
    "a request has an odd method, path, parameter or number, as 0x5, %00, 007 or the same one twice",
    "every service gives the same response, byte for byte",
)
@given(
    method=st.sampled_from(METHODS) | st.just("GET"),
    path=st.sampled_from(PATHS) | st.sampled_from(ODD_PATHS),
    query=_query(),
)
@settings(max_examples=2 * settings().max_examples, deadline=None, database=None, derandomize=True)
def test_every_service_gives_the_same_response_to_every_request(
    stack: LocalStack, method: str, path: str, query: str
) -> None:
    responses = {name: _response(stack.base_urls[name], method, path + query) for name in installed(EVERY_APP)}
    without = {responses.pop(name) for name in list(responses) if not _serves(VARIANTS[name], path)}
    assert without <= {_response(stack.base_urls["flask-threads"], method, "/nope")}
    if (path, method) == ("/usage/reset", "POST"):
        responses = {name: (*response[:3], b"") for name, response in responses.items()}  # each has its own figures
    assert len(set(responses.values())) == 1, responses


def _schema(contract: dict[str, Any], name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": contract["components"]})


def _follow(contract: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Return a node, or the component to which it refers."""
    while "$ref" in node:
        place: Any = contract
        for key in node["$ref"].removeprefix("#/").split("/"):
            place = place[key]
        node = place
    return node


def _operation(contract: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the only operation of a path."""
    (found,) = contract["paths"][path].values()
    return dict(found)


def _body_schema(contract: dict[str, Any], path: str, status: str) -> Draft202012Validator:
    content = _follow(contract, _operation(contract, path)["responses"][status])["content"]
    (found,) = content.values()
    return _schema(contract, found["schema"]["$ref"].rpartition("/")[2])


def _parameters(contract: dict[str, Any], path: str) -> dict[str, Parameter]:
    found = {}
    for entry in _operation(contract, path).get("parameters", []):
        parameter = _follow(contract, entry)
        schema = parameter["schema"]
        assert parameter["in"] == "query"
        assert schema["type"] == "integer"
        assert parameter["required"] == ("default" not in schema)
        found[parameter["name"]] = Parameter(schema["minimum"], schema["maximum"], schema.get("default"))
    return found


def test_every_workload_is_in_the_contract_and_the_contract_names_no_other(contract: dict[str, Any]) -> None:
    assert _workloads(contract) == {f"/{name}" for name in WORKLOADS}


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_harness_and_the_contract_state_the_same_parameters(contract: dict[str, Any], name: str) -> None:
    # A parameter may belong to the client, such as the pace at which it sends. The service does not get it.
    sent = {key: p for key, p in WORKLOADS[name].parameters.items() if not getattr(p, "client", False)}
    assert _parameters(contract, f"/{name}") == sent


@pytest.mark.parametrize("path", sorted(MEASURED))
def test_the_services_accept_the_parameters_of_the_contract(contract: dict[str, Any], path: str) -> None:
    for parameter, bounds in _parameters(contract, path).items():
        read = getattr(import_module(f"workloads.{path[1:]}"), parameter)
        assert (read([str(bounds.low)]), read([str(bounds.high)])) == (bounds.low, bounds.high)
        for outside in (bounds.low - 1, bounds.high + 1):
            with pytest.raises(BadInput) as refused:
                read([str(outside)])
            assert _body_schema(contract, path, "400").is_valid(json.loads(problem(400, str(refused.value))))
        if bounds.default is None:
            with pytest.raises(BadInput):
                read([])
        else:
            assert read([]) == bounds.default


JSON_WORKLOADS = [name for name in WORKLOADS if name != "download"]


@given(data=st.data())
@pytest.mark.parametrize("name", JSON_WORKLOADS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, database=None, derandomize=True)
def test_the_contract_allows_what_the_harness_calls_correct(
    contract: dict[str, Any], name: str, data: st.DataObject
) -> None:
    workload = WORKLOADS[name]
    params = {key: data.draw(st.integers(p.low, p.high)) for key, p in workload.parameters.items()}
    assert _body_schema(contract, f"/{name}", "200").is_valid(json.loads(workload.body(params)))


@pytest.mark.parametrize("name", JSON_WORKLOADS)
def test_the_contract_allows_no_body_with_a_missing_or_an_extra_key(contract: dict[str, Any], name: str) -> None:
    needed = {key: p.low for key, p in WORKLOADS[name].parameters.items() if p.default is None}
    right = json.loads(WORKLOADS[name].body(needed))
    allowed = _body_schema(contract, f"/{name}", "200")
    wrong = [{key: right[key] for key in right if key != lost} for lost in right]
    wrong += [{**right, "more": 1}, *({**right, key: None} for key in right)]
    assert [body for body in wrong if allowed.is_valid(body)] == []


def test_an_unknown_path_is_refused_as_the_contract_says(contract: dict[str, Any], service: Service) -> None:
    response = service.get("/nope")
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
    assert _schema(contract, "NotFoundProblem").is_valid(response.json())


def test_every_example_in_the_contract_is_allowed_by_it(contract: dict[str, Any]) -> None:
    seen = 0
    places = [*contract["components"]["responses"].values()]
    places += [
        _follow(contract, response)
        for methods in contract["paths"].values()
        for operation in methods.values()
        for response in operation["responses"].values()
    ]
    for content in (media for place in places for media in place["content"].values() if "example" in media):
        assert _schema(contract, content["schema"]["$ref"].rpartition("/")[2]).is_valid(content["example"])
        seen += 1
    assert seen


def _refused_length(given: str | None) -> bytes:
    with pytest.raises(Refusal) as refused:
        upload.content_length(given)
    return problem(refused.value.status, str(refused.value))


def test_every_refusal_in_the_contract_is_what_the_services_send(contract: dict[str, Any]) -> None:
    sent = {
        "NotFoundProblem": NOT_FOUND,
        "MethodProblem": METHOD_NOT_ALLOWED,
        "UpstreamProblem": problem(503, remote.FAILED),
        "DatabaseProblem": problem(503, database.FAILED),
        "DiskProblem": problem(503, disk.FAILED),
        "LengthProblem": _refused_length(None),
        "TooLargeProblem": _refused_length(str(upload.LARGEST + 1)),
    }
    assert [name for name, body in sent.items() if not _schema(contract, name).is_valid(json.loads(body))] == []
