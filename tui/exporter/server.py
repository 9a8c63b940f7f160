"""The HTTP server: `/metrics` and nothing else, for few clients at a time, none of which can hold it up."""

from __future__ import annotations

import io
import re
import socket
import socketserver
import sys
import threading
import time
from contextlib import suppress
from http.server import HTTPServer
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, MetricsHandler

from bpf.errors import TcplatError
from bpf.event import printable
from tui.exporter.address import Address
from tui.exporter.exporter import Exporter

PATH = "/metrics"
CLIENTS = 8
"""So many are served at a time; who comes then is turned away at once."""
_REQUEST_BYTES = 16_384
_END = b"\r\n\r\n"
_odd_version = re.compile(r"version=(?!\d{1,3}(\.\d{1,3}){0,3}\s*([;,]|\Z))", re.ASCII).search
"""In `Accept`: the library compares numbers, and says again what it was told."""


class Patience(NamedTuple):
    """How long a client may take, however much of it the client has done by then."""

    request_s: float = 5.0
    """To send its request."""
    reply_s: float = 10.0
    """To take the reply."""


class MetricsServer:
    """Listens from the moment it is made; serves once it is started, in threads of its own."""

    def __init__(self, address: Address, exporter: Exporter, patience: Patience | None = None) -> None:
        """Bind the address. Blocks while a name is looked up; raises TcplatError."""
        registry = CollectorRegistry(support_collectors_without_names=True)
        registry.register(exporter)
        try:
            self._server = _bound(address, _Handler.factory(registry), patience or Patience())
        except (OSError, UnicodeError) as error:  # The latter: no name server could be asked for such a name.
            why = getattr(error, "strerror", None) or error
            raise TcplatError(f"cannot listen on {address}: {why}", "choose another [HOST]:PORT") from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="tcplat-listen", daemon=True
        )

    @property
    def url(self) -> str:
        """Where the metrics are."""
        host, port = self._server.server_address[:2]
        return f"http://{Address(str(host), int(port))}{PATH}"

    def start(self) -> None:
        """Serve, until it is closed."""
        self._thread.start()

    def close(self) -> None:
        """Close the port; what is being served is not waited for."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True
    # A second tcplat must not listen beside this one, but a new one may where connections of an old one linger.
    allow_reuse_port = False
    allow_reuse_address = True

    def __init__(self, family: socket.AddressFamily, where: Any, handler: type, patience: Patience) -> None:
        self.address_family = family
        self.patience = patience
        self._places = threading.BoundedSemaphore(CLIENTS)
        self.rendering = threading.Lock()
        """One at a time: two would keep the thread that drains from its turn for twice as long."""
        super().__init__(where, handler)

    def server_bind(self) -> None:
        # HTTPServer's would ask the name server what we are called.
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # No thread was begun.
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error of ours; anything else is said in one line."""
        del request, client_address
        error = sys.exc_info()[1]
        if not isinstance(error, OSError) and sys.stderr:
            print(printable(f"tcplat: a scrape failed: {type(error).__name__}: {error}"), file=sys.stderr)


class _Handler(MetricsHandler):
    server: _Server

    def setup(self) -> None:
        super().setup()
        patience = self.server.patience
        self.rfile = io.BufferedReader(io.BytesIO(_request(self.connection, patience.request_s)))
        # Of a write as a whole, however slowly it is taken.
        self.connection.settimeout(patience.reply_s)

    def version_string(self) -> str:
        return "tcplat"

    def do_GET(self) -> None:  # noqa: N802 (named so by http.server)
        """Serve a scraper, or tell a person where to look."""
        path = self.path.partition("?")[0]
        if path == PATH:
            if _odd_version(self.headers.get("Accept", "")):
                del self.headers["Accept"]
            self.wfile.write(self._rendered())
        elif path == "/":
            self._say(200, f"tcplat: the metrics are at {PATH}\n")
        else:
            self._say(404, f"there is nothing here; the metrics are at {PATH}\n")

    def _rendered(self) -> bytes:
        """The library's reply as a whole, and how long it is: one that is cut short must not pass for all."""
        client, self.wfile = self.wfile, (reply := io.BytesIO())
        try:
            with self.server.rendering:
                super().do_GET()
        finally:
            self.wfile = client
        head, end, body = reply.getvalue().partition(_END)
        return b"%b\r\nContent-Length: %d%b%b" % (head, len(body), end, body)

    def _say(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _bound(address: Address, handler: type, patience: Patience) -> _Server:
    """Bind the first that can be of what the name stands for."""
    found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, _, _, _, where in found[:-1]:
        with suppress(OSError):
            return _Server(family, where, handler, patience)
    family, _, _, _, where = found[-1]
    return _Server(family, where, handler, patience)


def _request(connection: socket.socket, patience_s: float) -> bytes:
    """Read a request's head; empty if it does not come in time, or is too long. Raises OSError."""
    until = time.monotonic() + patience_s
    head = b""
    while _END not in head:
        left_s = until - time.monotonic()
        if left_s <= 0 or len(head) > _REQUEST_BYTES:
            return b""
        connection.settimeout(left_s)
        piece = connection.recv(4096)
        if not piece:
            return b""
        head += piece
    return head
