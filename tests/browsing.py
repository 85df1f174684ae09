"""A real browser for tests that look at a page."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--hide-scrollbars",
]  # fmt: skip
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
"""The first of them that starts is used; .ci/run looks for the same ones."""


def usable(name: str) -> str | None:
    """The path of a browser, if it starts. If a browser is a snap, a program of its name may only print a hint."""
    path = shutil.which(name)
    if path and subprocess.run([path, "--version"], capture_output=True, timeout=60).returncode == 0:
        return path
    return None


def unavailable(what: str) -> NoReturn:
    """Skip the test with the reason, or fail it where a browser is required, as in CI."""
    if os.environ.get("WAITBENCH_REQUIRE_BROWSER") == "1":
        pytest.fail(f"{what}, and WAITBENCH_REQUIRE_BROWSER is 1")
    pytest.skip(f"{what}: the report is not tested in a browser")


@contextmanager
def chromium() -> "Iterator[Browser]":
    path = next(filter(None, map(usable, BROWSERS)), None)
    if path is None:
        unavailable(f"this machine has none of {', '.join(BROWSERS)}")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unavailable("the package playwright is not installed")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield launched
        launched.close()


class Site(ThreadingHTTPServer):
    """Another web site, on a port of its own."""

    def __init__(self, pages: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.pages, self.asked = pages, list[str]()
        self.address = f"http://localhost:{self.server_port}"


class _Page(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        body = self.server.pages.get(self.path, "").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def site(pages: Mapping[str, str]) -> Iterator[Site]:
    with Site(pages) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
