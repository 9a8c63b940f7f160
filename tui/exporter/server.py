"""The HTTP server: `/metrics` and nothing else, for few clients at a time, none of which can hold it up."""

from __future__ import annotations

import io
import re
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from http.server import HTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, MetricsHandler

from bpf.errors import TcplatError
from bpf.event import printable
from tui.exporter.address import Address
from tui.exporter.exporter import Exporter
from tui.exporter.places import Places
from tui.exporter.web.access import Access, Rules
from tui.exporter.web.document import Wrong

PATH = "/metrics"
CLIENTS = 8
"""So many are served at a time; who comes then is turned away at once."""
CLIENTS_EACH = 4
"""... and so many from one address, which cannot keep all others out."""
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


def access(web_config: Path | None) -> Access:
    """Read the web configuration file; None: there is none. Raises TcplatError."""
    try:
        return Access(web_config)
    except Wrong as error:
        is_closed = isinstance(error.__cause__, PermissionError)
        next_step = "let the user that it runs as read it" if is_closed else "put the file right"
        raise TcplatError(f"cannot use {web_config}: {error}", next_step) from error


class MetricsServer:
    """Listens from the moment it is made; serves once it is started, in threads of its own."""

    def __init__(
        self,
        address: Address,
        exporter: Exporter,
        patience: Patience | None = None,
        access: Access | None = None,
    ) -> None:
        """Bind the address. Blocks while a name is looked up; raises TcplatError."""
        registry = CollectorRegistry(support_collectors_without_names=True)
        registry.register(exporter)
        handler = _Handler.factory(registry)
        self._access = access or Access(None)
        try:
            self._server = _bound(address, handler, patience or Patience(), self._access)
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
        return f"{self._access.scheme}://{Address(str(host), int(port))}{PATH}"

    def start(self) -> None:
        """Serve, until it is closed."""
        self._thread.start()

    def close(self) -> None:
        """Close the port; what is being served is not waited for."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


class _Client(NamedTuple):
    """What a handler is given in place of a socket."""

    connection: socket.socket
    rules: Rules
    until: float
    """When it must have asked."""


class _Server(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True
    # A second tcplat must not listen beside this one, but a new one may where connections of an old one linger.
    allow_reuse_port = False
    allow_reuse_address = True

    def __init__(
        self, family: socket.AddressFamily, where: Any, handler: type, patience: Patience, access: Access
    ) -> None:
        self.address_family = family
        self.patience = patience
        self.access = access
        self._complaint = ""
        self._places = Places(CLIENTS, CLIENTS_EACH)
        self.rendering = threading.Lock()
        """One at a time: two would keep the thread that drains from its turn for twice as long."""
        super().__init__(where, handler)

    def server_bind(self) -> None:
        # HTTPServer's would ask the name server what we are called.
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.take(client_address[0]):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # No thread was begun.
            self._places.give_back(client_address[0])
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.give_back(client_address[0])

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve a client, by TLS where that is asked for."""
        until = time.monotonic() + self.patience.request_s
        try:
            rules = self.access.rules()
        except Wrong as error:
            self._complain(f"nobody is served while {self.access.path} is wrong: {error}")
            return
        self._complain("")
        secured = rules.tls.secured(request, until) if rules.tls else nullcontext(request)
        with secured as connection:
            self.RequestHandlerClass(_Client(connection, rules, until), client_address, self)  # type: ignore[arg-type]

    def _complain(self, complaint: str) -> None:
        """Say it once, until something else is to be said; empty: there is nothing."""
        if complaint and complaint != self._complaint and sys.stderr:
            print(printable(f"tcplat: {complaint}"), file=sys.stderr)
        self._complaint = complaint

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error of ours; anything else is said in one line."""
        del request, client_address
        error = sys.exc_info()[1]
        if not isinstance(error, OSError) and sys.stderr:
            print(printable(f"tcplat: a scrape failed: {type(error).__name__}: {error}"), file=sys.stderr)


class _Handler(MetricsHandler):
    server: _Server

    def setup(self) -> None:
        self.request, self.rules, until = self.request
        super().setup()
        self.rfile = io.BufferedReader(io.BytesIO(_request(self.connection, until)))
        self.wfile = _Reply(self.connection, self.server.patience.reply_s)

    def version_string(self) -> str:
        return "tcplat"

    def do_GET(self) -> None:  # noqa: N802 (named so by http.server)
        """Serve a scraper, or tell a person where to look."""
        path = self.path.partition("?")[0]
        passwords = self.rules.passwords
        if passwords and not passwords.admit(self.headers.get("Authorization", "")):
            self._say(401, "name and password, please\n", {"WWW-Authenticate": "Basic"})
        elif path == PATH:
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

    def end_headers(self) -> None:
        """After those that the rules add to any reply."""
        for name, value in self.rules.headers.items():
            self.send_header(name, value)
        super().end_headers()

    def _say(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Reply(io.BufferedIOBase):
    """What is written goes to a client, which has so long to take it, however slowly it does."""

    def __init__(self, connection: socket.socket, patience_s: float) -> None:
        self._connection = connection
        self._patience_s = patience_s

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        until = time.monotonic() + self._patience_s
        with memoryview(data) as view:
            sent = 0
            while sent < len(view):
                self._connection.settimeout(_left_s(until))
                sent += self._connection.send(view[sent:])
        return sent


def _left_s(until: float) -> float:
    """Raises TimeoutError when it is over."""
    left_s = until - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def _bound(address: Address, handler: type, patience: Patience, access: Access) -> _Server:
    """Bind the first that can be of what the name stands for."""
    found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, _, _, _, where in found[:-1]:
        with suppress(OSError):
            return _Server(family, where, handler, patience, access)
    family, _, _, _, where = found[-1]
    return _Server(family, where, handler, patience, access)


def _request(connection: socket.socket, until: float) -> bytes:
    """Read a request's head; empty if it is too long, or ends. Raises OSError, also if it does not come in time."""
    head = b""
    while _END not in head:
        if len(head) > _REQUEST_BYTES:
            return b""
        connection.settimeout(_left_s(until))
        piece = connection.recv(4096)
        if not piece:
            return b""
        head += piece
    return head
