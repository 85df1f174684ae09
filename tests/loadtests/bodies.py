"""A server that receives and sends bodies: `python bodies.py` prints its port.

- `/take` responds with the SHA-256 of the body that it received.
- `/take/N` reads at most N bytes of the body, and then nothing more.
- `/take/N/reset` ends the connection then.
- `/give/N` responds with N bytes of the pattern.
- `/account` shows when each piece of the last body came or was given to the kernel, on the machine's shared clock.
"""

import hashlib
import json
import socket
import struct
import threading
import time

SEND_BUFFER = 65_536
"""Small, so that a slow reader soon stops the server from sending."""
PIECE = 16_384
PATTERN = bytes(n % 251 for n in range(251 + PIECE))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"

account: list[tuple[int, int]] = []
"""For the last body: times, and how many bytes had gone by then."""


def note(gone: int) -> None:
    account.append((time.perf_counter_ns(), gone))


def take(connection: socket.socket, body: bytes, length: int) -> bytes:
    """Read up to `length` bytes of a body, whose first bytes came with the head."""
    account.clear()
    note(len(body))
    while len(body) < length and (received := connection.recv(65_536)):
        body += received
        note(len(body))
    return body


def give(connection: socket.socket, length: int) -> None:
    account.clear()
    connection.sendall(OK % length)
    for begin in range(0, length, PIECE):
        connection.sendall(PATTERN[begin % 251 :][: min(PIECE, length - begin)])
        note(min(begin + PIECE, length))


def respond(connection: socket.socket, path: str, body: bytes, length: int) -> bool:
    """Respond to one request. Returns whether the connection can be used again."""
    verb, *rest = path.strip("/").split("/")
    if verb == "give":
        give(connection, int(rest[0]))
        return True
    if verb == "account":
        response = json.dumps(account).encode()
    else:
        body = take(connection, body, min(length, *(int(limit) for limit in rest[:1]), length))
        response = hashlib.sha256(body).hexdigest().encode()
        if rest[1:] == ["reset"]:  # closing with a linger of zero sends RST
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if rest:
            time.sleep(3.0)
            return False
    connection.sendall(OK % len(response) + response)
    return True


def serve(connection: socket.socket) -> None:
    with connection:
        try:
            while head := connection.recv(65_536):
                while b"\r\n\r\n" not in head:
                    head += connection.recv(65_536)
                asked, _, body = head.partition(b"\r\n\r\n")
                _, _, length = asked.partition(b"Content-Length: ")
                if not respond(connection, asked.split()[1].decode(), body, int(length or 0)):
                    return
        except OSError:
            return  # the client left, as it does when it loses patience


def main() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            threading.Thread(target=serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
