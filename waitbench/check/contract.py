"""Checks whether a service responds as services/openapi.yaml says: the correct bytes, and every refusal."""

from collections.abc import Iterable, Iterator
from typing import Any

from waitbench.catalog.parameters import NO_YES, Parameter, Params
from waitbench.catalog.proofs import RefusedLengths
from waitbench.catalog.variants import Variant
from waitbench.catalog.workload import Workload
from waitbench.catalog.workloads import WORKLOADS
from waitbench.check.concurrent_calls import caller, heard
from waitbench.check.finding import Finding
from waitbench.launch.client import Service
from waitbench.records.payload import pattern

JSON, PROBLEM, BYTES = "application/json", "application/problem+json", "application/octet-stream"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
REFUSED_WITHIN_S = 5.0
"""The time limit for a refusal that must not wait for the body, because the body is never sent."""


def check_contract(service: Service, variant: Variant, workloads: Iterable[Workload]) -> Iterator[Finding]:
    for workload in workloads:
        for params in _asked(workload):
            yield _response(service, workload, params)
        for method in METHODS:
            if method != workload.method:
                yield _refusal(service, method, workload.path(workload.sample), 405, workload.method)
        for query in bad_queries(workload, workload.sample):
            yield _refusal(service, workload.method, f"/{workload.name}?{query}", 400)
        for proof in workload.proofs:
            if isinstance(proof, RefusedLengths):
                yield from _lengths(service, workload, proof)
    for path in ("/", "/nope", "/wait/", "/wait/5", *_unserved(variant)):
        yield _refusal(service, "GET", path, 404)


def _asked(workload: Workload) -> Iterator[Params]:
    """Yield the parameters to try: the sample, each switch on, only required parameters, and their lowest values."""
    sample = workload.sample
    yield sample
    for name, parameter in workload.parameters.items():
        if parameter == NO_YES:
            yield {**sample, name: 1}
    required = {name: value for name, value in sample.items() if workload.parameters[name].default is None}
    if required != sample:
        yield required
    if required:
        yield {name: workload.parameters[name].low for name in required}


def bad_queries(workload: Workload, sample: Params) -> Iterator[str]:
    """Yield queries that each have one mistake.

    Values that int() accepts and the contract refuses are within the bounds, so only the rule about the form can refuse
    them.
    """
    sent = {name: parameter for name, parameter in workload.parameters.items() if not parameter.client}
    for name, parameter in sent.items():
        others = [f"{other}={sample[other]}" for other in sent if other != name and other in sample]
        value = sample.get(name, parameter.low)
        for bad in _bad_values(value, parameter):
            yield "&".join([*others, f"{name}={bad}"])
        yield "&".join([*others, f"{name}={value}", f"{name}={value}"])
        if parameter.default is None:
            yield "&".join(others)


def _bad_values(value: int, parameter: Parameter) -> list[str]:
    arabic = "".join(f"%D9%A{digit}" for digit in str(value))
    outside = [parameter.low - 1, parameter.high + 1]
    return ["", "-1", "1.5", "abc", f"+{value}", f"%2B{value}", f"%20{value}", arabic, f"0_{value}"] + [
        str(number) for number in outside if number >= 0
    ]


def _unserved(variant: Variant) -> list[str]:
    """The paths of the workloads that the variant does not serve. They have to be refused like any unknown path."""
    return [f"/{name}" for name in WORKLOADS if not variant.serves(name)]


def _response(service: Service, workload: Workload, params: Params) -> Finding:
    asked = workload.exchange(params)
    response = service.send(asked.method, asked.path, pattern(asked.sends))
    what = f"{asked.method} {asked.path}" + (f" with {asked.sends} bytes" if workload.sends else "")
    if asked.receives is not None:
        return Finding("contract", what, not (wrong := _wrong_bytes(response, asked.receives)), wrong)
    found, right = (response.status_code, _media_type(response), response.text), (200, JSON, asked.body or "")
    detail = "" if found == right else f"got {_short(found)}; expected {_short(right)}"
    return Finding("contract", what, not detail, detail)


def _wrong_bytes(response: Any, count: int) -> str:
    """Describe how a response differs from `count` bytes of the pattern; "" if it does not differ."""
    found = (response.status_code, _media_type(response), response.headers.get("content-length"))
    if found != (200, BYTES, str(count)):
        return f"got {found[0]}, {found[1]}, Content-Length {found[2]}; expected 200, {BYTES}, {count}"
    right = pattern(count)
    if response.content == right:
        return ""
    pairs = enumerate(zip(response.content, right, strict=False))
    first = next((number for number, (one, other) in pairs if one != other), len(response.content))
    return f"got {len(response.content)} bytes; byte {first} is the first wrong one"


def _refusal(service: Service, method: str, path: str, status: int, allow: str = "") -> Finding:
    response = service.send(method, path)
    what = f"{method} {path} is refused with {status}"
    if response.status_code != status or _media_type(response) != PROBLEM:
        return Finding("contract", what, False, f"got {response.status_code}, {_media_type(response)}")
    if allow and response.headers.get("allow") != allow:
        return Finding("contract", what, False, f"Allow is {response.headers.get('allow')!r}, not {allow!r}")
    if method != "HEAD" and _problem(response).get("status") != status:
        return Finding("contract", what, False, f"the body does not give this status: {response.text[:200]}")
    return Finding("contract", what, True)


def _lengths(service: Service, workload: Workload, proof: RefusedLengths) -> Iterator[Finding]:
    """Check that a body without a length, or with too great a length, is refused. Only the header is sent."""
    path = workload.path({})
    for header, value, status in (
        ("Transfer-Encoding", "chunked", 411),
        ("Content-Length", str(proof.largest + 1), 413),
    ):
        what = f"{workload.method} {path} with {header}: {value} is refused with {status}"
        with heard(service, path), caller(service, REFUSED_WITHIN_S) as connection:
            connection.putrequest(workload.method, path)
            connection.putheader(header, value)
            connection.endheaders()
            response = connection.getresponse()
            found = (response.status, (response.headers.get("content-type") or "").partition(";")[0])
        detail = "" if found == (status, PROBLEM) else f"got {found[0]}, {found[1]}"
        yield Finding("contract", what, not detail, detail)


def _problem(response: Any) -> dict[str, Any]:
    """The body of a refusal; empty if it is not a JSON object."""
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _media_type(response: Any) -> str:
    return str(response.headers.get("content-type", "")).partition(";")[0]


def _short(found: tuple[int, str, str]) -> str:
    status, media_type, text = found
    return f"{status}, {media_type}, {text[:120]}{'…' if len(text) > 120 else ''}"
