"""TLS: whom SSL_CERT_FILE lets us trust, and whom it does not."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tests.exporter.web.certificates import make_authority, make_certificate
from tests.fleet.answering import answering
from tui.fleet.address import server_address
from tui.fleet.http import Http, NoAnswer

PATH = "/api/v1/query"


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    make_authority(tmp_path)
    make_authority(tmp_path, "other")
    make_certificate(tmp_path, "server", "IP:127.0.0.1")
    make_certificate(tmp_path, "elsewhere", "DNS:elsewhere.example")
    return tmp_path


def context(certificates: Path, name: str) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificates / f"{name}.crt", certificates / f"{name}.key")
    return made


def ask(certificates: Path, name: str = "server") -> bytes:
    with answering(lambda request: request.say(b"yes"), context(certificates, name)) as there:
        http = Http(server_address(there.url))
        try:
            return b"".join(http.post(PATH, {"query": "up"}).body for _ in range(2))
        finally:
            http.close()


def test_who_is_vouched_for_is_asked(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.crt"))
    assert ask(certificates) == b"yesyes"


def test_who_is_not_is_told_nothing(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "other.crt"))
    with pytest.raises(NoAnswer, match=r"not trusted \(.*\); SSL_CERT_FILE names another CA"):
        ask(certificates)


def test_a_certificate_of_another_host_is_not_enough(
    certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.crt"))
    with pytest.raises(NoAnswer, match=r"not trusted .*127\.0\.0\.1"):
        ask(certificates, "elsewhere")
