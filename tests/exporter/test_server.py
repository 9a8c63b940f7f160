"""The server: what it answers, whom it listens to, and that no client can hold it up."""

from __future__ import annotations

import gzip
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

import pytest

from bpf.errors import TcplatError
from tests.core.handshakes import MS, S, handshake
from tests.exporter.scraped import Scraped, openmetrics_families, series_of, text_families, total_of
from tui.exporter.address import Address, address
from tui.exporter.exporter import Exporter
from tui.exporter.server import CLIENTS, CLIENTS_EACH, MetricsServer, Patience

PATIENCE_S = 10.0
OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
Reply = tuple[int, dict[str, str], bytes]


@contextmanager
def serving(exporter: Exporter, patience: Patience | None = None) -> Iterator[tuple[str, int]]:
    """Serve on a port that the system chooses; yield where."""
    server = MetricsServer(address(":0"), exporter, patience)
    try:
        server.start()
        where = urlsplit(server.url)
        assert where.hostname and where.port
        yield where.hostname, where.port
    finally:
        server.close()


@pytest.fixture
def scraped() -> Scraped:
    scraped = Scraped()
    scraped.take([handshake("192.0.2.1", S, 3 * MS)])
    return scraped


@pytest.fixture
def where(scraped: Scraped) -> Iterator[tuple[str, int]]:
    with serving(scraped.exporter) as found:
        yield found


def get(where: tuple[str, int], path: str, method: str = "GET", **headers: str) -> Reply:
    connection = http.client.HTTPConnection(*where, timeout=PATIENCE_S)
    connection.request(
        method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    return reply.status, {name.lower(): value for name, value in reply.getheaders()}, body


def test_metrics_are_text_unless_openmetrics_is_asked_for(where: tuple[str, int], scraped: Scraped) -> None:
    status, headers, body = get(where, "/metrics")
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert int(headers["content-length"]) == len(body)
    assert series_of(text_families(body)) == scraped.series()
    status, headers, body = get(where, "/metrics", Accept=OPENMETRICS)
    assert (status, headers["content-type"].split(";")[0]) == (200, "application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
    assert series_of(openmetrics_families(body)) == scraped.series()


def test_who_would_rather_have_protobuf_takes_text(where: tuple[str, int], scraped: Scraped) -> None:
    """As Prometheus asks where native histograms are on."""
    protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
    _, headers, body = get(where, "/metrics", Accept=f"{protobuf},{OPENMETRICS};q=0.4")
    assert headers["content-type"].startswith("application/openmetrics-text;")
    assert series_of(openmetrics_families(body)) == scraped.series()


def test_a_scraper_may_ask_for_less(where: tuple[str, int]) -> None:
    _, _, packed = get(where, "/metrics", Accept_Encoding="gzip")
    _, _, plain = get(where, "/metrics")
    assert gzip.decompress(packed) == plain
    _, _, one = get(where, "/metrics?name[]=tcplat_build_info")
    assert [family.name for family in text_families(one)] == ["tcplat_build_info"]


def test_elsewhere_there_is_one_line(where: tuple[str, int]) -> None:
    assert get(where, "/")[::2] == (200, b"tcplat: the metrics are at /metrics\n")
    for path in ("/metrics/", "/metric", "//[", "/favicon.ico", "/../metrics"):
        status, _, body = get(where, path)
        assert (status, body) == (404, b"there is nothing here; the metrics are at /metrics\n")
    assert get(where, "/metrics", "POST")[0] == 501


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text;version=x",
        "application/openmetrics-text;version=1.0.0.x",
        "application/openmetrics-text; version=1.1.0\r\n injected: yes",
        "application/openmetrics-text;version=" + "9" * 5000,
        "text/plain;version=1.x.0;escaping=values",
    ],
)
def test_an_odd_wish_is_not_heard(
    accept: str, where: tuple[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(where, PATIENCE_S) as client:
        client.sendall(f"GET /metrics HTTP/1.0\r\nAccept: {accept}\r\n\r\n".encode())
        reply = received(client)
    head = reply.partition(b"\r\n\r\n")[0]
    assert b"200 OK" in head and b"text/plain; version=0.0.4" in head and b"injected" not in head
    assert capsys.readouterr().err == ""


def received(client: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    client.settimeout(PATIENCE_S)
    pieces = []
    with suppress(ConnectionResetError):
        while piece := client.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


def test_it_listens_on_loopback_unless_told_otherwise(where: tuple[str, int]) -> None:
    assert where[0] == "127.0.0.1"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", where[1]), PATIENCE_S)


def test_it_listens_where_it_is_told_to(scraped: Scraped) -> None:
    server = MetricsServer(address("0.0.0.0:0"), scraped.exporter)
    server.start()
    port = urlsplit(server.url).port
    assert port
    assert get(("127.0.0.2", port), "/")[0] == 200
    server.close()


def test_a_port_in_use_is_one_clear_line(where: tuple[str, int], scraped: Scraped) -> None:
    with pytest.raises(TcplatError, match=r"^cannot listen on 127\.0\.0\.1:\d+: Address already in use; "):
        MetricsServer(Address(*where), scraped.exporter)


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "a..b", "x" * 300, "::ffff:0:0:0:0"])
def test_an_address_that_is_not_ours_is_one_clear_line(host: str, scraped: Scraped) -> None:
    with pytest.raises(TcplatError, match=r"^cannot listen on \S+: .+; choose another \[HOST\]:PORT$"):
        MetricsServer(Address(host, 0), scraped.exporter)


def test_a_closed_server_gives_its_port_back(scraped: Scraped) -> None:
    with serving(scraped.exporter) as where:
        get(where, "/metrics")
    unstarted = MetricsServer(Address(*where), scraped.exporter)
    unstarted.close()
    MetricsServer(Address(*where), scraped.exporter).close()


def drip(client: socket.socket, is_over: threading.Event) -> None:
    """Send a byte now and then, as if more were to come."""
    with suppress(OSError):
        while not is_over.wait(0.02):
            client.send(b"G")


def swallow_nothing(client: socket.socket, is_over: threading.Event) -> None:
    """Ask, and never take the reply."""
    client.send(b"GET /metrics HTTP/1.0\r\n\r\n")
    is_over.wait(PATIENCE_S)


def say_nothing(client: socket.socket, is_over: threading.Event) -> None:
    del client
    is_over.wait(PATIENCE_S)


def wait_until(wanted: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not wanted():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("stall", [drip, swallow_nothing, say_nothing])
def test_a_stuck_client_does_not_stay(
    stall: Callable[[socket.socket, threading.Event], None], capsys: pytest.CaptureFixture[str]
) -> None:
    scraped = Scraped()
    scraped.take([handshake(f"10.0.{n >> 8}.{n & 255}", S, MS) for n in range(1000)])
    is_over = threading.Event()
    with serving(scraped.exporter, Patience(0.5, 0.5)) as where, socket.socket() as client:
        idle = threading.active_count()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # The reply is more than sockets hold.
        client.connect(where)
        wait_until(lambda: threading.active_count() == idle + 1)
        stalling = threading.Thread(target=stall, args=(client, is_over))
        stalling.start()
        try:
            wait_until(lambda: threading.active_count() <= idle + stalling.is_alive())
            assert stalling.is_alive() or stall is drip
        finally:
            is_over.set()
            stalling.join()
        assert get(where, "/")[0] == 200
    assert capsys.readouterr().err == ""


def connected(where: tuple[str, int], source: str) -> socket.socket:
    return socket.create_connection(where, PATIENCE_S, (source, 0))


def test_clients_are_few(scraped: Scraped) -> None:
    """Who comes when there are many is turned away; the others are served all the same."""
    before = threading.active_count()
    sources = [f"127.0.0.{2 + number // CLIENTS_EACH}" for number in range(CLIENTS)]
    with serving(scraped.exporter, Patience(PATIENCE_S, PATIENCE_S)) as where, ExitStack() as stack:
        served = [stack.enter_context(connected(where, source)) for source in sources]
        wait_until(lambda: threading.active_count() == before + 1 + CLIENTS)
        for number in range(2 * CLIENTS):
            with connected(where, f"127.0.1.{number}") as turned_away:
                assert received(turned_away) == b""
        assert threading.active_count() == before + 1 + CLIENTS
        for client in served:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert b"200 OK" in received(client)
        wait_until(lambda: threading.active_count() == before + 1)
        assert get(where, "/")[0] == 200


def test_who_holds_what_one_address_may_keeps_nobody_else_out(scraped: Scraped) -> None:
    with serving(scraped.exporter, Patience(PATIENCE_S, PATIENCE_S)) as where, ExitStack() as stack:
        for _ in range(CLIENTS_EACH):
            stack.enter_context(connected(where, "127.0.0.2"))
        for _ in range(CLIENTS):
            assert received(stack.enter_context(connected(where, "127.0.0.2"))) == b""
        assert get(where, "/metrics")[0] == 200


def test_a_request_without_end_is_not_read_for_ever(where: tuple[str, int]) -> None:
    with socket.create_connection(where, PATIENCE_S) as client:
        with suppress(ConnectionError):
            client.sendall(b"x" * 100_000_000)  # More than any socket holds: it was closed to us.
        assert received(client) == b""


def test_a_scrape_is_of_one_moment() -> None:
    """What one batch holds is in a scrape as a whole, or not at all."""
    scraped = Scraped()
    batch = [handshake(f"192.0.2.{number}", S, MS) for number in range(10)]
    is_over = threading.Event()

    def go_on_taking() -> None:
        while not is_over.is_set():
            scraped.take(batch)

    taker = threading.Thread(target=go_on_taking)
    taker.start()
    try:
        with serving(scraped.exporter) as where:
            totals = [
                total_of(series_of(text_families(get(where, "/metrics")[2])), name)
                for name in ["tcplat_handshakes_total", "tcplat_handshake_latency_seconds_count"] * 5
            ]
    finally:
        is_over.set()
        taker.join()
    assert all(total % 10 == 0 for total in totals)
    assert totals == sorted(totals) and totals[-1] > 0
