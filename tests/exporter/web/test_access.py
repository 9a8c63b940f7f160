"""Who may scrape: TLS, certificates and passwords on a real socket, and files that change under it."""

from __future__ import annotations

import http.client
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bpf.errors import TcplatError
from tests.core.handshakes import MS, S, handshake
from tests.exporter.scraped import Scraped
from tests.exporter.web.certificates import make_authority, make_certificate
from tests.exporter.web.test_passwords import ABC, A, basic
from tools.prometheus_server import PrometheusServer, found
from tui.exporter.address import address
from tui.exporter.server import MetricsServer, Patience, access

PATIENCE_S = 10.0
TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
CLIENTS = TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"
USERS = f"basic_auth_users:\n  ann: {ABC.decode()}\n"
Reply = tuple[int, dict[str, str], bytes]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server's and a client's certificate, and another authority's."""
    directory = tmp_path_factory.mktemp("certificates")
    make_authority(directory)
    make_authority(directory, "stranger")
    make_certificate(directory, "server", "IP:127.0.0.1")
    make_certificate(directory, "client", "DNS:prometheus.example,IP:2001:db8::1")
    make_certificate(directory, "intruder", "DNS:prometheus.example", "stranger")
    return directory


class Box:
    """A box that serves metrics by the rules of a file, and its scraper."""

    def __init__(self, directory: Path, text: str, patience: Patience | None) -> None:
        self.directory = directory
        self.write(text)
        self.scraped = Scraped()
        self.scraped.take([handshake("192.0.2.1", S, 3 * MS)])
        self.server = MetricsServer(
            address(":0"), self.scraped.exporter, patience, access(directory / "web.yml")
        )

    def write(self, text: str) -> None:
        (self.directory / "web.yml").write_text(text)

    @property
    def where(self) -> tuple[str, int]:
        split = urlsplit(self.server.url)
        assert split.hostname and split.port
        return split.hostname, split.port

    def get(
        self, path: str = "/metrics", authorization: str = "", client: str = "", **tls: ssl.TLSVersion
    ) -> Reply:
        """A reply; by TLS if it speaks that. Raises OSError."""
        if self.server.url.startswith("https"):
            context = self.context(client)
            for name, value in tls.items():
                setattr(context, name, value)
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                *self.where, timeout=PATIENCE_S, context=context
            )
        else:
            connection = http.client.HTTPConnection(*self.where, timeout=PATIENCE_S)
        try:
            connection.request("GET", path, headers={"Authorization": authorization} if authorization else {})
            reply = connection.getresponse()
            return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()
        finally:
            connection.close()

    def status(self, authorization: str = "", client: str = "", **tls: ssl.TLSVersion) -> int:
        """Of a scrape; 0: it was hung up on."""
        with suppress(OSError, http.client.RemoteDisconnected):
            return self.get("/metrics", authorization, client, **tls)[0]
        return 0

    def secured(self, plain: socket.socket) -> ssl.SSLSocket:
        return self.context().wrap_socket(plain, server_hostname="127.0.0.1")

    def connected(self) -> ssl.SSLSocket:
        return self.secured(socket.create_connection(self.where, PATIENCE_S))

    def context(self, client: str = "") -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.directory / "ca.crt")
        if client:
            context.load_cert_chain(self.directory / f"{client}.crt", self.directory / f"{client}.key")
        return context


@contextmanager
def serving(directory: Path, text: str, patience: Patience | None = None) -> Iterator[Box]:
    box = Box(directory, text, patience)
    box.server.start()
    try:
        yield box
    finally:
        box.server.close()


@pytest.fixture
def place(certificates: Path, tmp_path: Path) -> Path:
    """A directory that has the certificates."""
    shutil.copytree(certificates, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_without_a_password_there_is_nothing(place: Path) -> None:
    headers = "http_server_config: {headers: {X-Frame-Options: deny}}\n"
    with serving(place, USERS + headers) as box:
        assert box.server.url.startswith("http://")
        for path in ("/metrics", "/", "/other"):
            status, said, body = box.get(path)
            assert (status, said["www-authenticate"], said["x-frame-options"]) == (401, "Basic", "deny")
            assert int(said["content-length"]) == len(body) and b"tcplat_" not in body
        assert box.status(basic("ann", "wrong")) == 401
        status, said, body = box.get("/metrics", basic("ann", "abc"))
        assert (status, said["x-frame-options"]) == (200, "deny") and "www-authenticate" not in said
        assert b"tcplat_handshakes_total{" in body


def test_it_speaks_tls(place: Path) -> None:
    with serving(place, TLS + USERS) as box:
        assert box.server.url.startswith("https://127.0.0.1:")
        assert box.status() == 401
        assert box.status(basic("ann", "abc")) == 200
        assert box.status(basic("ann", "abc"), maximum_version=ssl.TLSVersion.TLSv1_2) == 200
        with socket.create_connection(box.where, PATIENCE_S) as plain:
            plain.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            assert b"HTTP" not in _received(plain)


def test_versions_and_ciphers_are_those_that_were_chosen(place: Path) -> None:
    suite = "ECDHE-ECDSA-AES256-GCM-SHA384"
    text = f"{TLS}  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n"
    with serving(place, text) as box:
        with box.connected() as secure:
            assert (secure.version(), secure.cipher()) == ("TLSv1.2", (suite, "TLSv1.2", 256))
        assert box.status(minimum_version=ssl.TLSVersion.TLSv1_3) == 0
    with serving(place, f"{TLS}  min_version: TLS13\n") as box:
        assert box.status(maximum_version=ssl.TLSVersion.TLSv1_2) == 0
        assert box.status() == 200


def test_a_client_needs_the_right_certificate(place: Path) -> None:
    with serving(place, CLIENTS) as box:
        assert [box.status(client=each) for each in ("", "intruder", "server", "client")] == [0, 0, 200, 200]
        for names, status in (
            ("prometheus.example", 200),
            ("other.example, '2001:db8::1'", 200),
            ("other.example", 0),
        ):
            box.write(f"{CLIENTS}  client_allowed_sans: [{names}]\n")
            assert box.status(client="client") == status
    with serving(place, CLIENTS.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven")) as box:
        assert [box.status(client=each) for each in ("", "intruder", "client")] == [200, 0, 200]


def test_a_new_password_and_a_new_certificate_are_used_at_once(place: Path) -> None:
    with serving(place, TLS + USERS) as box:
        assert box.status(basic("ann", "abc")) == 200
        box.write(TLS + USERS.replace(ABC.decode(), A.decode()))
        assert [box.status(basic("ann", each)) for each in ("abc", "a")] == [401, 200]
        before = _certificate(box)
        make_certificate(place, "server", "IP:127.0.0.1")
        assert _certificate(box) != before
        assert box.status(basic("ann", "a")) == 200


def test_while_a_file_is_wrong_nobody_is_served(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(place, TLS + USERS) as box:
        key = (place / "server.key").read_bytes()
        box.write(f"{TLS}{USERS}  bob: secret\n")
        assert [box.status(basic("ann", "abc")) for _ in range(3)] == [0, 0, 0]
        (place / "server.key").write_bytes((place / "client.key").read_bytes())
        box.write(TLS + USERS)
        assert [box.status(basic("ann", "abc")) for _ in range(3)] == [0, 0, 0]
        (place / "web.yml").unlink()
        assert box.status(basic("ann", "abc")) == 0
        (place / "server.key").write_bytes(key)
        box.write(TLS + USERS)
        assert box.status(basic("ann", "abc")) == 200
    said = capsys.readouterr().err.splitlines()
    complaint = f"tcplat: nobody is served while {place}/web.yml is wrong"
    assert said == [
        f"{complaint}: line 6: basic_auth_users.bob: what is there is no hash by bcrypt",
        f"{complaint}: {place}/server.crt and {place}/server.key are no certificate and its key: key values mismatch",
        f"{complaint}: No such file or directory",
    ]


@pytest.mark.parametrize(
    ("begun_with", "left"), [(USERS, ""), (TLS + USERS, USERS), (TLS + USERS, TLS), (TLS, "")]
)
def test_a_file_that_loses_what_it_had_opens_nothing(begun_with: str, left: str, place: Path) -> None:
    with serving(place, begun_with) as box:
        box.write(left)
        assert box.status() == 0
        with socket.create_connection(box.where, PATIENCE_S) as plain:
            plain.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            assert b"tcplat_" not in _received(plain)
        box.write(begun_with)
        assert box.status(basic("ann", "abc")) == 200


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("tls: {}", "line 1: tls is not known here"),
        (TLS.replace("server.crt", "none.crt"), "DIR/none.crt: No such file or directory"),
        (TLS.replace("server.key", "client.key"), "key values mismatch"),
        (TLS.replace("server.key", "locked.key"), "no certificate and its key"),
        (CLIENTS.replace("ca.crt", "empty.crt"), "DIR/empty.crt holds no certificate: "),
        (TLS.replace("server.crt", "/dev/zero"), "/dev/zero: more than a MiB"),
    ],
)
def test_what_cannot_be_used_is_one_clear_line(text: str, complaint: str, place: Path) -> None:
    (place / "empty.crt").touch()
    words = ["openssl", "ec", "-in", "server.key", "-aes128", "-passout", "pass:secret", "-out", "locked.key"]
    subprocess.run(words, cwd=place, check=True, capture_output=True)
    with pytest.raises(TcplatError) as caught:
        Box(place, text, None)
    said = str(caught.value)
    assert said.startswith(f"cannot use {place}/web.yml: ") and said.endswith("; put the file right")
    assert complaint.replace("DIR", str(place)) in said and "\n" not in said


def test_there_must_be_a_file(tmp_path: Path) -> None:
    with pytest.raises(TcplatError, match=r"none\.yml: No such file or directory; put the file right$"):
        access(tmp_path / "none.yml")


@pytest.mark.parametrize("stall", ["says nothing", "says half", "takes nothing"])
def test_a_client_that_stalls_within_tls_does_not_stay(
    stall: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    idle = threading.active_count()
    with serving(place, TLS, Patience(0.5, 0.5)) as box, socket.socket() as client:
        box.scraped.take([handshake(f"10.0.{n >> 8}.{n & 255}", S, MS) for n in range(1000)])
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # The reply is more than sockets hold.
        client.settimeout(PATIENCE_S)
        client.connect(box.where)
        if stall == "says half":
            client.send(b"\x16\x03\x01\x02\x00\x01")
        elif stall == "takes nothing":
            client = box.secured(client)
            client.send(b"GET /metrics HTTP/1.0\r\n\r\n")
        until = time.monotonic() + PATIENCE_S
        _wait_for(lambda: threading.active_count() == idle + 2, until)
        _wait_for(lambda: threading.active_count() == idle + 1, until)
        assert box.status() == 200
        client.close()
    assert capsys.readouterr().err == ""


def test_prometheus_scrapes_with_certificate_and_password(place: Path) -> None:
    """Its own API is behind the same file; both take it as it is."""
    text = CLIENTS + USERS
    check = subprocess.run(
        [found("promtool"), "check", "web-config", str(place / "web.yml")], capture_output=True
    )
    assert check.returncode == 1  # There is none yet.
    with serving(place, text) as box:
        subprocess.run([found("promtool"), "check", "web-config", str(place / "web.yml")], check=True)
        host, port = box.where
        job = {
            "job_name": "tcplat",
            "scheme": "https",
            "basic_auth": {"username": "ann", "password": "abc"},
            "tls_config": {name: str(place / file) for name, file in _SCRAPER_FILES.items()},
            "static_configs": [{"targets": [f"{host}:{port}"]}],
        }
        with PrometheusServer(place / "prometheus", [job], interval_s=0.2) as prometheus:
            assert prometheus.wait_until('tcplat_handshakes_total{outcome="established"}') == 1


_SCRAPER_FILES = {"ca_file": "ca.crt", "cert_file": "client.crt", "key_file": "client.key"}


def _received(client: socket.socket) -> bytes:
    pieces = []
    with suppress(ConnectionResetError):
        while piece := client.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


def _certificate(box: Box) -> bytes:
    with box.connected() as secure:
        return secure.getpeercert(True) or b""


def _wait_for(wanted: Callable[[], bool], until: float) -> None:
    while not wanted():
        assert time.monotonic() < until
        time.sleep(0.01)
