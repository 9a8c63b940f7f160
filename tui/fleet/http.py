"""HTTP with bounds: one connection that is kept, a deadline for each answer, and so many bytes of it at most."""

from __future__ import annotations

import io
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit

from tui.fleet.address import ServerAddress, server_address

_CHUNK = 65_536
_REDIRECTS = {301, 302, 303, 307, 308}
_REDIRECTS_MAX = 3
_GZIP = 31
"""What zlib calls the format, with the largest window."""


class NoAnswer(Exception):
    """There was none that can be used; says why, in a few words."""


class Bounds(NamedTuple):
    """What an answer may take."""

    seconds: float = 30.0
    """From connecting to its last byte."""
    bytes: int = 64 << 20
    """Of what it says, unpacked."""


class Reply(NamedTuple):
    """An answer, whatever it says."""

    status: int
    content_type: str
    body: bytes


class Http:
    """Asks one server. One thread; every call blocks, for as long as `bounds` say, but for the look-up of a name."""

    def __init__(self, address: ServerAddress, bounds: Bounds | None = None) -> None:
        self._address = address
        self._bounds = bounds or Bounds()
        self._connection: HTTPConnection | None = None

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def post(self, path: str, form: Mapping[str, str], authorization: str = "") -> Reply:
        """Ask, with a form; raises NoAnswer. A server that sends us elsewhere on itself is followed."""
        until_s = time.monotonic() + self._bounds.seconds
        body = urlencode(form)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": "tcplat",
        }
        if authorization:
            headers["Authorization"] = authorization
        for _ in range(_REDIRECTS_MAX + 1):
            response = self._ask(self._address.path + path, body, headers, until_s)
            target = response.getheader("Location")
            if response.status not in _REDIRECTS or not target:
                return self._reply(response)
            self.close()
            self._follow(target, path)
        raise NoAnswer(f"{self._address.name} sends us round in circles")

    def _follow(self, target: str, path: str) -> None:
        """Move to where a server sends us: a secret is for its own origin, or for the same host by https."""
        where = urljoin(str(self._address) + path, target)
        try:
            moved = server_address(urlsplit(where)._replace(query="", fragment="").geturl())
        except ValueError:
            raise NoAnswer(f"{self._address.name} sends us to what is no address") from None
        is_same = moved.origin == self._address.origin
        is_upgrade = (moved.scheme, moved.host) == ("https", self._address.host)
        if not (is_same or is_upgrade):
            raise NoAnswer(f"it sends us to {moved}: name that, or what is behind it")
        if not moved.path.endswith(path):
            raise NoAnswer(f"it sends us to {moved}, perhaps to log in")
        self._address = ServerAddress(moved.scheme, moved.host, moved.port, moved.path.removesuffix(path))

    def _ask(self, path: str, body: str, headers: Mapping[str, str], until_s: float) -> HTTPResponse:
        is_new = self._connection is None
        try:
            return self._ask_once(path, body, headers, until_s)
        except (HTTPException, OSError) as error:
            self.close()
            # One that was kept may have been closed meanwhile; that says nothing about the server.
            if is_new or isinstance(error, TimeoutError):
                raise NoAnswer(_why(error, self._bounds)) from error
        try:
            return self._ask_once(path, body, headers, until_s)
        except (HTTPException, OSError) as error:
            self.close()
            raise NoAnswer(_why(error, self._bounds)) from error

    def _ask_once(self, path: str, body: str, headers: Mapping[str, str], until_s: float) -> HTTPResponse:
        connection = self._connection
        if connection is None:
            connection = self._connection = self._connect(until_s)
        connection.sock.settimeout(_left_s(until_s))
        connection.response_class = partial(_Response, until_s=until_s)  # type: ignore[assignment]
        connection.request("POST", path, body, dict(headers))
        return connection.getresponse()

    def _connect(self, until_s: float) -> HTTPConnection:
        host, port, left_s = self._address.host, self._address.port, _left_s(until_s)
        if self._address.scheme == "https":
            connection: HTTPConnection = HTTPSConnection(
                host, port, timeout=left_s, context=ssl.create_default_context()
            )
        else:
            connection = HTTPConnection(host, port, timeout=left_s)
        connection.connect()
        return connection

    def _reply(self, response: HTTPResponse) -> Reply:
        try:
            body = self._body(response)
        except (HTTPException, OSError, zlib.error) as error:
            self.close()
            raise NoAnswer(_why(error, self._bounds)) from error
        if response.will_close:
            self.close()
        return Reply(response.status, response.getheader("Content-Type", ""), body)

    def _body(self, response: HTTPResponse) -> bytes:
        is_packed = response.getheader("Content-Encoding", "").lower() == "gzip"
        unpack = zlib.decompressobj(_GZIP) if is_packed else None
        pieces: list[bytes] = []
        size = 0
        while True:
            piece = response.read1(_CHUNK)
            if not piece:
                break
            if unpack:
                piece = unpack.decompress(piece, self._bounds.bytes - size + 1)
            pieces.append(piece)
            size += len(piece)
            if size > self._bounds.bytes:
                self.close()
                raise NoAnswer(f"the answer is longer than {self._bounds.bytes >> 20} MiB")
        if unpack and not unpack.eof:
            raise HTTPException("it ends too early")
        if response.length:
            raise HTTPException("it ends too early")
        response.close()  # Else the connection would wait for it.
        return b"".join(pieces)


class _Response(HTTPResponse):
    """Reads until a deadline, whatever it is that comes: headers, a body, or what separates its pieces."""

    def __init__(self, sock: socket.socket, method: str | None = None, *, until_s: float) -> None:
        super().__init__(sock, method=method)
        self.fp.close()
        self.fp = io.BufferedReader(_Arriving(sock, until_s))


class _Arriving(io.RawIOBase):
    """What comes from a socket; each piece is waited for no longer than all of it may take."""

    def __init__(self, sock: socket.socket, until_s: float) -> None:
        self._sock = sock
        self._file = sock.makefile("rb", buffering=0)
        self._until_s = until_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]
        self._sock.settimeout(_left_s(self._until_s))
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


def _left_s(until_s: float) -> float:
    left_s = until_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def _why(error: Exception, bounds: Bounds) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing within {bounds.seconds:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}); SSL_CERT_FILE names another CA"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    if isinstance(error, OSError):
        return str(error.strerror or error).lower()
    return f"what came is no HTTP ({error or type(error).__name__})"
