"""HTTP: bounds, redirects, connections that are kept and lost, and every way in which there is no answer."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from contextlib import suppress

import pytest

from tests.fleet.answering import Request, answering
from tui.fleet.address import server_address
from tui.fleet.http import Bounds, Http, NoAnswer

PATH = "/api/v1/query"
QUICK_S = 0.3


def wait(for_: threading.Event) -> None:
    for_.wait(10)


def ask(url: str, bounds: Bounds | None = None, authorization: str = "") -> bytes:
    return Http(server_address(url), bounds).post(PATH, {"query": "up"}, authorization).body


def test_it_asks_by_a_form_and_keeps_the_connection() -> None:
    peers = []

    def answer(request: Request) -> None:
        peers.append(request.client_address)
        request.say(b"yes")

    with answering(answer) as server:
        http = Http(server_address(f"{server.url}/prefix"))
        for query in ("up", 'a{b="ü&=+"}'):
            assert http.post(PATH, {"query": query}).body == b"yes"
            assert server.asked[-1][:2] == (f"/prefix{PATH}", {"query": query})
        http.close()
    assert len(set(peers)) == 1


def test_a_connection_that_the_server_has_closed_is_opened_again() -> None:
    def answer(request: Request) -> None:
        request.say(b"yes")
        # Without having said that it would.
        request.close_connection = True

    with answering(answer) as server:
        http = Http(server_address(server.url))
        for _ in range(3):
            assert http.post(PATH, {}).body == b"yes"
        http.close()
    assert len(server.asked) == 3


def test_what_is_packed_is_unpacked() -> None:
    with answering(lambda request: request.say(gzip.compress(b"yes"), Content_Encoding="gzip")) as server:
        assert ask(server.url) == b"yes"
        assert server.asked[0][2]["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize("header", [("Content-Length", "1000000"), ("Connection", "close")])
def test_an_answer_that_never_ends_is_given_up(header: tuple[str, str]) -> None:
    def drip(request: Request) -> None:
        request.send_response(200)
        request.send_header(*header)
        request.end_headers()
        with suppress(OSError):
            while True:
                request.wfile.write(b" ")
                time.sleep(0.02)

    with answering(drip) as server:
        began = time.monotonic()
        with pytest.raises(NoAnswer, match=r"nothing within 0.3 s"):
            ask(server.url, Bounds(seconds=QUICK_S))
        assert time.monotonic() - began < 10 * QUICK_S


def test_so_is_one_that_drips_on_a_connection_that_is_to_be_closed() -> None:
    def drip(request: Request) -> None:
        request.send_response(200)
        request.send_header("Connection", "close")
        request.end_headers()
        with suppress(OSError):
            while True:
                request.wfile.write(b" ")
                time.sleep(0.02)

    with answering(drip) as server, pytest.raises(NoAnswer, match=r"nothing within 0.3 s"):
        ask(server.url, Bounds(seconds=QUICK_S))


ENDLESS = {
    "headers": b"HTTP/1.1 200 OK\r\nX-Long: ",
    "headers before the last": b"",
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
    "trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
}
REPEATED = {"headers before the last": b"HTTP/1.1 100 Continue\r\n\r\n", "trailers": b"X: y\r\n"}


@pytest.mark.parametrize("where", ENDLESS)
def test_so_is_one_that_never_ends_elsewhere(where: str) -> None:
    over = threading.Event()

    def drip(request: Request) -> None:
        request.wfile.write(ENDLESS[where])
        with suppress(OSError):
            while not over.wait(0.02):
                request.wfile.write(REPEATED.get(where, b"x"))

    def ask_it(url: str, said: list[str]) -> None:
        try:
            ask(url, Bounds(seconds=QUICK_S))
        except NoAnswer as error:
            said.append(str(error))

    with answering(drip) as server:
        said: list[str] = []
        thread = threading.Thread(target=ask_it, args=(server.url, said))
        thread.start()
        thread.join(10 * QUICK_S)
        over.set()
        assert said == ["nothing within 0.3 s"]


def test_a_server_that_says_nothing_is_given_up() -> None:
    silent = threading.Event()
    with answering(lambda _: wait(silent)) as server:
        with pytest.raises(NoAnswer, match=r"nothing within 0.3 s"):
            ask(server.url, Bounds(seconds=QUICK_S))
        silent.set()


def test_an_answer_that_is_too_long_is_given_up() -> None:
    bounds = Bounds(bytes=1 << 20)
    with answering(lambda request: request.say(b"x" * (1 << 20))) as server:
        assert len(ask(server.url, bounds)) == 1 << 20
    with (
        answering(lambda request: request.say(b"x" * (1 + (1 << 20)))) as server,
        pytest.raises(NoAnswer, match="longer than 1 MiB"),
    ):
        ask(server.url, bounds)


def test_one_that_is_long_once_unpacked_is_given_up_before_it_fills_the_memory() -> None:
    bomb = gzip.compress(b"\0" * (64 << 20))
    with (
        answering(lambda request: request.say(bomb, Content_Encoding="gzip")) as server,
        pytest.raises(NoAnswer, match="longer than 1 MiB"),
    ):
        ask(server.url, Bounds(bytes=1 << 20))


@pytest.mark.parametrize("is_packed", [False, True])
def test_one_that_is_cut_short_does_not_pass_for_all(is_packed: bool) -> None:
    body = gzip.compress(b"yes" * 1000)[:-9] if is_packed else b"yes"

    def cut(request: Request) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(body) + (0 if is_packed else 5)))
        if is_packed:
            request.send_header("Content-Encoding", "gzip")
        request.end_headers()
        request.wfile.write(body)
        request.close_connection = True

    with answering(cut) as server, pytest.raises(NoAnswer, match="no HTTP"):
        ask(server.url)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(NoAnswer, match="connection refused"):
        ask(f"http://127.0.0.1:{port}")


def test_no_such_name() -> None:
    with pytest.raises(NoAnswer, match=r"name|resol"):
        ask("http://no-such-host.invalid")


def test_what_is_no_http() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def say() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=say)
        thread.start()
        with pytest.raises(NoAnswer, match="no HTTP"):
            ask(f"http://127.0.0.1:{listening.getsockname()[1]}")
        thread.join()


def test_plain_http_where_tls_is_expected() -> None:
    with answering(lambda request: request.say(b"yes")) as server, pytest.raises(NoAnswer, match="TLS"):
        ask(server.url.replace("http://", "https://"))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_another_path_of_the_same_server_is_followed_with_the_question_and_the_secret(status: int) -> None:
    def answer(request: Request) -> None:
        if request.path.startswith("/new"):
            request.say(b"yes")
        else:
            request.say(b"", status, Location=f"/new{PATH}")

    with answering(answer) as server:
        http = Http(server_address(server.url))
        for _ in range(2):
            assert http.post(PATH, {"query": "up"}, "Bearer s3cret").body == b"yes"
        http.close()
    assert [path for path, _, _ in server.asked] == [PATH, f"/new{PATH}", f"/new{PATH}"]
    assert all(form == {"query": "up"} and headers["Authorization"] for _, form, headers in server.asked)


def test_another_server_is_told_nothing() -> None:
    with answering(lambda request: request.say(b"yes")) as other:
        where = f"{other.url}{PATH}"
        with (
            answering(lambda request: request.say(b"", 302, Location=where)) as server,
            pytest.raises(NoAnswer, match=f"sends us to {other.url}"),
        ):
            ask(server.url, authorization="Bearer s3cret")
        assert not other.asked


def test_a_page_to_log_in_is_called_one() -> None:
    with (
        answering(lambda request: request.say(b"", 302, Location="/login?next=/api")) as server,
        pytest.raises(NoAnswer, match="perhaps to log in"),
    ):
        ask(server.url)


def test_going_round_in_circles_ends() -> None:
    with (
        answering(lambda request: request.say(b"", 307, Location=PATH)) as server,
        pytest.raises(NoAnswer, match="circles"),
    ):
        ask(server.url)
    assert len(server.asked) == 4
