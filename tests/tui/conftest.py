"""What the screen knows of the machine that it is tested on: nothing that differs from one to another."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tui.names import service_of

SERVICES = {22: "ssh", 80: "http", 443: "https", 5432: "postgresql", 8080: "http-alt"}


@pytest.fixture(autouse=True)
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A few services by name, whatever is in /etc/services, which a small machine does not have."""

    def getservbyport(port: int, protocol: str = "tcp") -> str:
        if port not in SERVICES:
            raise OSError("port/proto not found")
        return SERVICES[port]

    monkeypatch.setattr(socket, "getservbyport", getservbyport)
    service_of.cache_clear()
    yield
    service_of.cache_clear()
