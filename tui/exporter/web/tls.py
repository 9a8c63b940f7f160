"""TLS, of the server's side: what is spoken, and a connection that speaks it."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tui.exporter.web.config import TlsConfig
from tui.exporter.web.document import Wrong


class Tls:
    """How connections are secured. Any thread."""

    def __init__(self, config: TlsConfig) -> None:
        """Read the certificates. Raises Wrong."""
        self._names = config.client_names
        self._context = context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version, context.maximum_version = config.oldest, config.newest
        context.verify_mode = config.clients
        if not config.prefers_own_ciphers:
            context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
        with _explained(f"{config.certificate} and {config.key} are no certificate and its key"):
            # Without a password given, OpenSSL would ask the terminal.
            context.load_cert_chain(config.certificate, config.key, lambda: "")
        if config.ciphers:
            with _explained("tls_server_config.cipher_suites has none that there is"):
                context.set_ciphers(":".join(config.ciphers))
        if config.client_ca:
            with _explained(f"{config.client_ca} holds no certificate"):
                context.load_verify_locations(config.client_ca)

    @contextmanager
    def secured(self, connection: socket.socket, until: float) -> Iterator[socket.socket]:
        """Speak TLS on a connection, and end it; the connection given is no longer one. Raises OSError.

        `until`: by then, on the monotonic clock, both sides must have agreed.
        """
        with self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as secure:
            secure.settimeout(max(0.001, until - time.monotonic()))
            secure.do_handshake()
            if self._names and not self._names & _names_of(secure.getpeercert()):
                raise ssl.SSLError("the client's certificate has another name")
            yield secure
            with suppress(OSError, ValueError):
                secure.settimeout(0)  # What the other side says to the end is not waited for.
                secure.unwrap()


def _names_of(certificate: Any) -> frozenset[str]:
    """The subject alternative names: of DNS, addresses, mailboxes, URIs."""
    names = (certificate or {}).get("subjectAltName", ())
    return frozenset(_address(text) if kind == "IP Address" else text for kind, text in names)


def _address(text: str) -> str:
    """As it is usually written: OpenSSL does not shorten those of IPv6."""
    with suppress(ValueError):
        return str(ipaddress.ip_address(text.strip()))
    return text


@contextmanager
def _explained(text: str) -> Iterator[None]:
    try:
        yield
    except ssl.SSLError as error:
        why = (error.reason or "it cannot be read").lower().replace("_", " ")
        raise Wrong(f"{text}: {why}") from error
    except OSError as error:
        raise Wrong(f"{text}: {error.strerror or error}") from error
