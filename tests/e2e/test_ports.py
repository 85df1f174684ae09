"""Ports of services that are started together."""

import pytest

from waitbench.launch import local
from waitbench.launch.local import first_of_clients, free_ports


def test_ports_that_are_drawn_together_differ() -> None:
    """The kernel has some 14,000 ports. It would give one twice among so many, unless each one is kept open."""
    for _ in range(5):
        assert len(set(free_ports(200))) == 200


def test_no_client_can_get_a_port_before_its_service_listens_on_it() -> None:
    assert max(free_ports(200)) < first_of_clients()


@pytest.mark.parametrize("first", [local.FIRST_PORT + 3, local.FIRST_PORT, 1024])
def test_there_are_enough_ports_even_if_clients_have_nearly_all_of_them(
    monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    monkeypatch.setattr(local, "first_of_clients", lambda: first)
    assert len(set(free_ports(20))) == 20
