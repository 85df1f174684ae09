"""A server whose every byte is programmed: `python answering.py` prints its port and runs one script for each path.

A script is a list of steps: bytes to send, a number of seconds to wait, or a word. It runs once for each request on a
connection. `/connections` shows how many connections there have been. `/paths` with any query shows how many different
paths this connection was asked for.
"""

import socket
import struct
import threading
import time
from collections.abc import Sequence

Step = bytes | float | str
OK = b"HTTP/1.1 200 OK\r\n"
CLOSE, RESET = "close", "reset"

TOO_LARGE = b"HTTP/1.1 413 Too much\r\n%sContent-Length: 4\r\n\r\nless"
AND_CLOSES = TOO_LARGE % b"Connection: close\r\n"
PATTERN = bytes(n % 251 for n in range(200_000))
OF_PATTERN = OK + b"Content-Length: 20000\r\n\r\n"
READS_NO_MORE = 10.0
"""How long the server does not read what else the client sends: longer than any test waits."""
DRIP: tuple[Step, ...] = (b"x", 0.1) * 60

SCRIPTS: dict[str, Sequence[Step]] = {
    "/plain": [OK + b"Content-Length: 5\r\n\r\nhello"],
    "/empty": [OK + b"Content-Length: 0\r\n\r\n"],
    "/teapot": [b"HTTP/1.1 418 I'm a teapot\r\nContent-Length: 5\r\n\r\nshort"],
    "/in-pieces": [OK + b"Content-", 0.02, b"Length: 10\r\n\r", 0.02, b"\nhello", 0.02, b"wo", 0.02, b"rld"],
    "/chunked": [OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 0.02, b"6;x=y\r\n world\r\n0\r\n\r\n"],
    "/large": [OK + b"Content-Length: 1000000\r\n\r\n" + b"x" * 1_000_000],
    "/then-closes": [OK + b"Connection: close\r\nContent-Length: 3\r\n\r\nbye", CLOSE],
    "/old": [b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold", CLOSE],
    "/until-closed": [OK + b"\r\nto the", 0.02, b" end", CLOSE],
    "/until-closed-in-pieces": [OK, 0.02, b"\r\nto the", 0.02, b" end", CLOSE],
    "/other-protocol": [b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello"],
    "/go-on-first": [b"HTTP/1.1 100 Continue\r\n\r\n", 0.02, OK + b"Content-Length: 5\r\n\r\nhello"],
    "/more-than-said": [OK + b"Content-Length: 2\r\n\r\nhello"],
    "/closes-unsaid": [OK + b"Content-Length: 3\r\n\r\nbye", CLOSE],
    "/closes-at-once": [CLOSE],
    "/resets-at-once": [RESET],
    "/resets-in-the-body": [OK + b"Content-Length: 10\r\n\r\nhel", 0.05, RESET],
    "/short": [OK + b"Content-Length: 10\r\n\r\nhel", CLOSE],
    "/short-chunk": [OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel", CLOSE],
    "/headers-only": [OK + b"Content-Length: 10\r\n\r\n", CLOSE],
    "/no-http": [b"SSH-2.0-OpenSSH_9.6\r\n"],
    "/bad-length": [OK + b"Content-Length: many\r\n\r\nhello"],
    "/bad-chunk": [OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n"],
    "/silent": [3.0],
    "/silent-in-the-body": [OK + b"Content-Length: 10\r\n\r\nhel", 3.0],
    "/too-large": [TOO_LARGE % b"", READS_NO_MORE, CLOSE],
    "/too-large-and-closes": [AND_CLOSES, CLOSE],
    "/too-large-and-resets": [AND_CLOSES, 0.05, RESET],
    "/pattern": [OF_PATTERN + PATTERN[:20_000]],
    "/pattern-with-a-wrong-byte": [OF_PATTERN + PATTERN[:11_000] + b"\xff" + PATTERN[11_001:20_000]],
    "/pattern-with-a-piece-missing": [OF_PATTERN + PATTERN[:11_000] + PATTERN[11_016:20_016]],
    "/pattern-and-a-byte": [OK + b"Content-Length: 20001\r\n\r\n" + PATTERN[:20_001]],
    "/pattern-but-a-byte": [OK + b"Content-Length: 19999\r\n\r\n" + PATTERN[:19_999]],
    "/pattern-and-far-more": [OK + b"Content-Length: 200000\r\n\r\n" + PATTERN],
    "/pattern-in-chunks": [
        OK + b"Transfer-Encoding: chunked\r\n\r\n",
        *(b"3e8\r\n" + PATTERN[n * 1000 : (n + 1) * 1000] + b"\r\n" for n in range(10)),
        b"0\r\n\r\n",
    ],
    "/resets-in-the-pattern": [OF_PATTERN + PATTERN[:3000], 0.2, RESET],
    "/closes-in-the-pattern": [OF_PATTERN + PATTERN[:3000], CLOSE],
    "/drips": [OK + b"Content-Length: 100\r\n\r\n", *DRIP],
}


def play(connection: socket.socket, script: Sequence[Step]) -> bool:
    """Run a script. Returns whether the connection can be used again."""
    for step in script:
        if isinstance(step, bytes):
            connection.sendall(step)
        elif isinstance(step, float):
            time.sleep(step)
        else:
            if step == RESET:  # closing with a linger of zero sends RST
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
    return True


def serve(connection: socket.socket, count: int) -> None:
    with connection:
        waiting, paths = b"", set[str]()
        try:
            while received := connection.recv(65_536):
                waiting = waiting[-65_536:] + received  # a body is not kept: searching all of it takes half a second
                while b"\r\n\r\n" in waiting:
                    head, _, waiting = waiting.partition(b"\r\n\r\n")
                    path = head.split()[1].decode()
                    paths.add(path)
                    body = str(count).encode() if path == "/connections" else head
                    if path.startswith("/paths?"):
                        body = str(len(paths)).encode()
                    response = OK + b"Content-Length: %d\r\n\r\n" % len(body) + body
                    if not play(connection, SCRIPTS.get(path, [response])):
                        return
        except OSError:
            return  # the client left, as it does when it loses patience


def main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        count = 0
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            count += 1
            threading.Thread(target=serve, args=(connection, count), daemon=True).start()


if __name__ == "__main__":
    main()
