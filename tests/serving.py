"""Servers that only tests use. Each runs in its own process and first prints its port."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


class Server:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.pid = process.pid
        self._out = process.stdout

    def numbers(self) -> list[int]:
        """The numbers on the next line that it prints."""
        assert self._out is not None
        return [int(number) for number in self._out.readline().split()]


@contextmanager
def serving(module: ModuleType, own_session: bool = False) -> Iterator[Server]:
    """Run a module as a server, and kill it at the end."""
    assert module.__file__
    command = [sys.executable, module.__file__]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=own_session) as process:
        try:
            yield Server(process)
        finally:
            process.kill()


@contextmanager
def listening(module: ModuleType) -> Iterator[str]:
    """The address of a server that prints one port."""
    with serving(module) as server:
        [port] = server.numbers()
        yield f"http://127.0.0.1:{port}"
