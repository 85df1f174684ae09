"""An external service, as a plan names it under [[external]]: `python sleeping.py` prints its port.

`/sleep?ms=` responds after that time. Every path returns how many connections and slow requests there have been.
"""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    lock = threading.Lock()
    connections = 0
    requests = 0


class Sleeping(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/sleep":
            with self.server.lock:
                self.server.requests += 1
            time.sleep(int(parse_qs(url.query)["ms"][0]) / 1000)
        body = json.dumps({"connections": self.server.connections, "requests": self.server.requests}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    with Server(("127.0.0.1", 0), Sleeping) as server:
        print(server.server_port, flush=True)
        server.serve_forever()
