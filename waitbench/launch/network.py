"""Checks, from the load container, which services are on the containers' network.

A name that resolves proves nothing. Docker passes unknown names to the machine's resolvers with their search domains,
and some of these resolve every name, so it may lead to an unrelated machine.
"""

import os
import socket
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import psutil

from waitbench.catalog.variants import Variant
from waitbench.errors import UsageError, WaitbenchError
from waitbench.launch.client import Service
from waitbench.plan.availability import not_contained
from waitbench.plan.plan import External

ANSWER_S = 5.0
"""The timeout for a service that Compose has found healthy."""

Address = IPv4Address | IPv6Address
Near = Callable[[Address], bool]


def container_url(name: str) -> str:
    """Return the URL of a service in containers. They all use the port WAITBENCH_PORT."""
    return f"http://{name}:{os.environ.get('WAITBENCH_PORT', '8000')}"


def on_own_network(address: Address) -> bool:
    """Whether this container reaches the address without a router. Loopback does not count: no service is there."""
    return not address.is_loopback and any(_together(address, ip, mask) for ip, mask in _interfaces())


def not_started(variant: Variant, near: Near = on_own_network) -> str:
    """Say why a variant is not available in containers, with advice; "" if it runs and its `/info` names it."""
    why = not_contained(variant)
    if why or (_leads(variant.name, near) and _says(variant.name)):
        return why
    profile = f"COMPOSE_PROFILES={variant.profile}" if variant.profile else "docker compose up"
    return f"its container is not running; start it with {profile}"


def require_near(external: Iterable[External], near: Near = on_own_network) -> None:
    """Raise UsageError for an external service whose name leads outside the containers' network."""
    for item in external:
        host = urlsplit(item.base_url).hostname or ""
        if not _leads(host, lambda address: address.is_loopback or near(address)):
            raise UsageError(
                f"external {item.name!r}: {host} is not on the containers' network; correct the name, or add "
                "--allow-remote if the service is elsewhere and you may put load on it"
            )


def _leads(name: str, near: Near) -> bool:
    """Whether a name resolves and every address of it is near. Nothing is sent to these addresses."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return bool(found) and all(near(_address(str(where[0]))) for *_, where in found)


def _says(name: str) -> bool:
    """Whether the service at this name responds to `/info` with the same variant name."""
    with Service(container_url(name), timeout_s=ANSWER_S) as service:
        try:
            info: object = service.info()
        except WaitbenchError:
            return False
    return isinstance(info, dict) and info.get("variant") == name


def _interfaces() -> list[tuple[Address, Address]]:
    """Return the address and mask of each network interface."""
    every = [each for interface in psutil.net_if_addrs().values() for each in interface]
    inet = [each for each in every if each.family in (socket.AF_INET, socket.AF_INET6)]
    return [(_address(each.address), _address(each.netmask)) for each in inet if each.netmask]


def _together(address: Address, ip: Address, mask: Address) -> bool:
    return address.version == ip.version and int(address) & int(mask) == int(ip) & int(mask)


def _address(text: str) -> Address:
    """Parse an address without the interface name that a link-local address carries."""
    return ip_address(text.partition("%")[0])
