"""Ports for what is started together."""

from waitbench.launch.local import free_ports


def test_ports_that_are_drawn_together_differ() -> None:
    """Of some 14,000 the kernel draws one twice in so many, unless each is held."""
    for _ in range(5):
        assert len(set(free_ports(200))) == 200
