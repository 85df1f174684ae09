"""Restricts Locust's web UI to its own pages in a browser of this machine, and to programs that are not browsers.

Locust accepts every host name, lets every origin read every response (CORS), and starts a load for anyone who posts a
form. So any page in a browser of this machine could end a run or start a load.

Three checks replace a token against forged requests (CSRF), which Locust's bundled front end cannot send:

- `Host` must be a name of this machine with the port of the UI. A page of another site whose name leads here (DNS
  rebinding) sends its own name.
- `Origin`, if present, must be the UI itself. Browsers send it with each request that is not GET or HEAD, and no page
  can change it.
- `Sec-Fetch-Site`, if present, must say that the UI itself sends the request, or a person who typed the address. It
  covers a browser that leaves `Origin` out.
"""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Response

CHANGES = {"/swarm", "/stop", "/stats/reset"}
"""The requests that may change something: those that the UI's buttons send. All others are refused, such as /user,
which would change the Locust users, and those that another version of Locust adds."""
SAFE = {"GET", "HEAD", "OPTIONS"}
LARGEST_FORM = 64 * 1024
"""In bytes. A start form has some hundred."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not no-referrer: a browser would then say `Origin: null` with the UI's own forms.
    "Referrer-Policy": "same-origin",
}
Environ = dict[str, Any]
StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]


class Guard:
    """A WSGI application around Locust's own."""

    def __init__(self, app: App, hosts: set[str], address: str) -> None:
        self._app, self._hosts, self._address = app, hosts, address
        self._origins = {f"http://{host}" for host in hosts}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            own = [pair for pair in headers if not pair[0].lower().startswith("access-control-")]
            return start_response(status, [*own, *HEADERS.items()], *more)

        app: Any = Response(why, 403, mimetype="text/plain") if (why := self.refusal(environ)) else self._app
        body: Iterable[bytes] = app(environ, start)
        return body

    def refusal(self, environ: Environ) -> str:
        """Return why a request is refused and what to do; "" if it is allowed."""
        method, path = environ.get("REQUEST_METHOD", ""), environ.get("PATH_INFO", "")
        host, origin = environ.get("HTTP_HOST", ""), environ.get("HTTP_ORIGIN")
        if host.lower() not in self._hosts:
            return (
                f"the web UI is not reached by the name {host!r}; open {self._address} (a tunnel needs that port too)\n"
            )
        if origin is not None and origin.lower() not in self._origins:
            return f"pages of {origin} may not use this web UI; open {self._address}\n"
        if method in SAFE:
            return ""
        if environ.get("HTTP_SEC_FETCH_SITE", "none") not in ("same-origin", "none"):
            return f"another page may not do this; open {self._address}\n"
        return "" if path in CHANGES else f"this web UI does not accept {method} {path}\n"


def hosts(named: str, ports: Iterable[int]) -> set[str]:
    """Return the values of `Host` that lead to this UI. `named` is the address that it listens on, or any."""
    names = {"127.0.0.1", "localhost", "[::1]"} | ({named.lower()} - {"", "*", "::", "0.0.0.0"})  # noqa: S104 - removed here
    found = {f"{name}:{port}" for name in names for port in ports}
    return found | (names if 80 in ports else set())
