"""A server that holds only a few connections: `python limited.py` prints its port.

The others wait to be accepted until one of them ends, as with a gevent worker's limit. It begins with a stall.
"""

import socket
import threading
import time

CONNECTIONS, FIRST_S = 3, 0.3
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def main() -> None:
    room = threading.Semaphore(CONNECTIONS)
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            room.acquire()
            connection, _ = listener.accept()
            threading.Thread(target=hold, args=(connection, room), daemon=True).start()


until: list[float] = []
"""When the stall is over; empty before the first request."""


def hold(connection: socket.socket, room: threading.Semaphore) -> None:
    with connection:
        while connection.recv(65_536):
            until.append(time.monotonic() + FIRST_S)
            time.sleep(max(0.0, until[0] - time.monotonic()))
            connection.sendall(ANSWER)
    room.release()


if __name__ == "__main__":
    main()
