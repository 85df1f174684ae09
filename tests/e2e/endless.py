"""A service whose responses never end: `python endless.py` prints its port."""

import socketserver
import time

PIECE = 64 * 1024
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


class Endless(socketserver.StreamRequestHandler):
    """Sends a response without end.

    `/drip...` sends one byte every 50 ms, and other paths send as fast as the client reads.
    If the path contains `head`, the head of the response never ends, else its body.
    """

    def handle(self) -> None:
        path = self.rfile.readline().split()[1].decode()
        while self.rfile.readline() not in (b"\r\n", b""):
            pass
        piece, begin = b"a" * PIECE, HEAD + b"\r\n"
        if "head" in path:
            begin = HEAD + b"X-Endless: "
        elif "chunks" in path:
            piece, begin = b"10000\r\n" + piece + b"\r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
        try:
            self.wfile.write(begin)
            while True:
                if path.startswith("/drip"):
                    time.sleep(0.05)
                    piece = b"a"
                self.wfile.write(piece)
        except OSError:  # the client has left
            pass


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


if __name__ == "__main__":
    with Server(("127.0.0.1", 0), Endless) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
