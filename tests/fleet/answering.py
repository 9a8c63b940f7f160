"""A server that says what a test wants it to, well or badly, and remembers what it was asked."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

Answer = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """A question that came."""

    protocol_version = "HTTP/1.1"
    server: _Server
    form: dict[str, str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.form = dict(parse_qsl(body.decode()))
        self.server.asked.append((self.path, self.form, dict(self.headers)))
        self.server.answer(self)

    def say(self, body: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    answer: Answer
    asked: list[tuple[str, dict[str, str], dict[str, str]]]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has had enough is no error."""


@dataclass
class Answering:
    """A server that is there."""

    url: str
    asked: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    """Paths, forms and headers."""


@contextmanager
def answering(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Answering]:
    """Serve on a port of loopback; `answer` is called in a thread."""
    server = _Server(("127.0.0.1", 0), Request)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.answer, server.asked = answer, []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Answering(f"http{'s' * bool(tls)}://127.0.0.1:{server.server_address[1]}", server.asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def vector(
    *series: tuple[dict[str, str], float], at_s: float = 1000.0, warnings: list[str] | None = None
) -> bytes:
    """An instant vector, as the API has it."""
    result = [{"metric": labels, "value": [at_s, str(value)]} for labels, value in series]
    told: dict[str, Any] = {"status": "success", "data": {"resultType": "vector", "result": result}}
    return json.dumps({**told, "warnings": warnings} if warnings else told).encode()
