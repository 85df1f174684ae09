"""Tests the names of the containers' network, with a resolver that resolves every name."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

import pytest

from waitbench.catalog.variants import load_variants
from waitbench.errors import UsageError
from waitbench.launch.network import Address, not_started, on_own_network, require_near
from waitbench.plan.plan import External

KNOWN = load_variants()
RESOLVE = socket.getaddrinfo
STRANGER = "203.0.113.7"
"""An address of the range for examples, which no machine has."""


class Told(BaseHTTPRequestHandler):
    """Responds with the text of its server, and keeps each requested path."""

    server: "Telling"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.says)

    def log_message(self, *_: object) -> None:
        pass


class Telling(ThreadingHTTPServer):
    says = b""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Told)
        self.asked: list[str] = []


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Telling]:
    """A server on the port of the services: an unrelated one, or a service."""
    with Telling() as telling:
        thread = threading.Thread(target=telling.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("WAITBENCH_PORT", str(telling.server_port))
        yield telling
        telling.shutdown()
        thread.join()


def every_name_leads_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def resolve(name: Any, port: Any, *rest: Any, **options: Any) -> Any:
        return [found for address in addresses for found in RESOLVE(address, port, *rest, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def in_here(address: Address) -> bool:
    """Whether an address is on this test's containers' network, which is loopback."""
    return address.is_loopback


@pytest.mark.parametrize("name", ["go", "flask-threads"])
def test_a_name_that_leads_to_a_stranger_is_not_a_service_and_gets_no_request(
    name: str, host: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.says = json.dumps({"variant": name}).encode()
    every_name_leads_to(monkeypatch, "127.0.0.1")
    assert "its container is not running" in not_started(KNOWN[name], near=lambda _: False)
    every_name_leads_to(monkeypatch, "127.0.0.1", STRANGER)
    assert "its container is not running" in not_started(KNOWN[name], near=in_here)
    assert host.asked == []


@pytest.mark.parametrize("says", [b'{"variant": "node"}', b'{"hello": "world"}', b'["go"]', b"go", b""])
def test_a_near_service_that_does_not_name_the_variant_is_not_that_variant(
    says: bytes, host: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.says = says
    every_name_leads_to(monkeypatch, "127.0.0.1")
    assert not_started(KNOWN["go"], near=in_here) == (
        "its container is not running; start it with COMPOSE_PROFILES=references"
    )
    assert host.asked == ["/info"]


def test_a_near_service_that_names_the_variant_is_that_variant(host: Telling, monkeypatch: pytest.MonkeyPatch) -> None:
    host.says = b'{"variant": "go"}'
    every_name_leads_to(monkeypatch, "127.0.0.1")
    assert not_started(KNOWN["go"], near=in_here) == ""


def test_a_name_that_does_not_resolve_is_not_a_service() -> None:
    assert "COMPOSE_PROFILES=matrix" in not_started(KNOWN["flask-sync"], near=lambda _: True)


def test_a_variant_without_a_container_is_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    every_name_leads_to(monkeypatch, STRANGER)
    assert "--engine local" in not_started(KNOWN["flask-free-threaded"], near=lambda _: pytest.fail("it was"))


@pytest.mark.parametrize(
    ("address", "near"),
    [
        ("172.20.0.5", True),
        ("172.20.255.254", True),
        ("172.21.0.5", False),
        ("203.0.113.7", False),
        ("127.0.0.1", False),
        ("fd00:1::9", True),
        ("fd00:2::9", False),
        ("::1", False),
    ],
)
def test_an_address_is_near_if_an_interface_is_on_its_network(
    address: str, near: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    interfaces: dict[str, list[tuple[int, str, str | None]]] = {
        "lo": [(socket.AF_INET, "127.0.0.1", "255.0.0.0")],
        "eth0": [(socket.AF_INET, "172.20.0.2", "255.255.0.0"), (socket.AF_PACKET, "02:42:ac:14:00:02", None)],
        "eth1": [(socket.AF_INET6, "fd00:1::2", "ffff:ffff:ffff:ffff::")],
        "eth2": [(socket.AF_INET6, "fe80::42%eth2", "ffff:ffff:ffff:ffff::")],
    }
    found = {
        name: [SimpleNamespace(family=family, address=ip, netmask=mask) for family, ip, mask in every]
        for name, every in interfaces.items()
    }
    monkeypatch.setattr("psutil.net_if_addrs", lambda: found)
    assert on_own_network(ip_address(address)) == near


def external(url: str) -> External:
    return External(name="mine", base_url=url, paths={"wait": "/sleep"})


def test_an_external_service_is_accepted_only_on_the_containers_network_and_on_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require_near([external("http://127.0.0.1:9000")], near=lambda _: False)
    every_name_leads_to(monkeypatch, "172.20.0.5")
    require_near([external("http://mine:9000")], near=lambda address: str(address) == "172.20.0.5")
    every_name_leads_to(monkeypatch, STRANGER)
    with pytest.raises(UsageError, match="external 'mine': mine is not on the containers' network"):
        require_near([external("http://mine:9000")], near=lambda address: str(address) == "172.20.0.5")
