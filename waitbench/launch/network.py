"""The containers' network, from the load container: whom its names lead to.

That a name leads somewhere says nothing. What Docker does not know it asks the machine's resolvers, with their search
domains, and some of those have an answer to everything: a name may lead to a stranger.
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
"""For a service that Compose has seen healthy."""

Address = IPv4Address | IPv6Address
Near = Callable[[Address], bool]


def container_url(name: str) -> str:
    """Of a service in containers; WAITBENCH_PORT is theirs."""
    return f"http://{name}:{os.environ.get('WAITBENCH_PORT', '8000')}"


def on_own_network(address: Address) -> bool:
    """Whether this container reaches it without a router. Its own loopback does not count: nothing measured is here."""
    return not address.is_loopback and any(_together(address, ip, mask) for ip, mask in _interfaces())


def not_started(variant: Variant, near: Near = on_own_network) -> str:
    """Why a variant can't be had in containers, with what to do; "" where it is up, and says itself that it is that."""
    why = not_contained(variant)
    if why or (_leads(variant.name, near) and _says(variant.name)):
        return why
    profile = f"COMPOSE_PROFILES={variant.profile}" if variant.profile else "docker compose up"
    return f"its container is not there; start it with {profile}"


def require_near(external: Iterable[External], near: Near = on_own_network) -> None:
    """Raises UsageError for a service of the reader's own whose name leads elsewhere."""
    for item in external:
        host = urlsplit(item.base_url).hostname or ""
        if not _leads(host, lambda address: address.is_loopback or near(address)):
            raise UsageError(
                f"external {item.name!r}: {host} leads to nothing on the containers' network; mend the name, or, if it "
                "is elsewhere and yours to load, say --allow-remote"
            )


def _leads(name: str, near: Near) -> bool:
    """Whether a name is known, and every address of it is near. Nothing is sent to any of them."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return bool(found) and all(near(_address(str(where[0]))) for *_, where in found)


def _says(name: str) -> bool:
    """Whether what answers there says that it is the variant of that name."""
    with Service(container_url(name), timeout_s=ANSWER_S) as service:
        try:
            info: object = service.info()
        except WaitbenchError:
            return False
    return isinstance(info, dict) and info.get("variant") == name


def _interfaces() -> list[tuple[Address, Address]]:
    """Address and mask of each."""
    every = [each for interface in psutil.net_if_addrs().values() for each in interface]
    inet = [each for each in every if each.family in (socket.AF_INET, socket.AF_INET6)]
    return [(_address(each.address), _address(each.netmask)) for each in inet if each.netmask]


def _together(address: Address, ip: Address, mask: Address) -> bool:
    return address.version == ip.version and int(address) & int(mask) == int(ip) & int(mask)


def _address(text: str) -> Address:
    """Without the interface that a link-local one is told with."""
    return ip_address(text.partition("%")[0])
