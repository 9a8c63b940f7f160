"""Where the server is: the URL as typed, taken apart, and what of it may be shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

_PORTS = {"http": 80, "https": 443}
_EXAMPLE = "such as http://127.0.0.1:9090 or https://prometheus.example/path"


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A server, and who asks it. Two of one origin may be told the same secrets."""

    scheme: str
    host: str
    port: int
    path: str = ""
    """What stands before `/api/v1`: empty, or begins with a slash and does not end with one."""
    user: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        """The address as it may be shown: without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    @property
    def name(self) -> str:
        """The same, as short as a title needs it."""
        return str(self).partition("://")[2]

    @property
    def origin(self) -> tuple[str, str, int]:
        """What tells servers apart."""
        return self.scheme, self.host, self.port


def server_address(text: str) -> ServerAddress:
    """Read a URL; raises ValueError, which says what is wrong with it and quotes nothing that may be a password."""
    if not text.isprintable() or " " in text:
        raise ValueError(f"there is a blank in the URL; write one {_EXAMPLE}")
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port
    except ValueError as error:
        raise ValueError(f"the URL has no host and port that make sense; write one {_EXAMPLE}") from error
    trouble = _trouble(parts)
    if trouble:
        raise ValueError(f"{trouble}; write one {_EXAMPLE}")
    return ServerAddress(
        parts.scheme,
        parts.hostname or "",
        port or _PORTS[parts.scheme],
        parts.path.rstrip("/").removesuffix("/api/v1"),
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )


def _trouble(parts: SplitResult) -> str:
    if parts.scheme not in _PORTS:
        return "the URL begins neither with http:// nor with https://"
    if not parts.hostname:
        return "the URL names no host"
    if parts.port == 0:
        return "port 0 is no port"
    return "the URL has a ? or # in it" if parts.query or parts.fragment else ""
