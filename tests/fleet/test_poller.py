"""The worker thread: when it asks, what it asks again, and servers that do all that servers do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.fleet.answering import Answering, Request, answering, vector
from tests.fleet.screened import screened
from tools.prometheus_server import PATIENCE_S
from tui.core.window import Window
from tui.fleet.address import server_address
from tui.fleet.credentials import Credentials
from tui.fleet.http import Bounds
from tui.fleet.poller import Answered, DetailFound, News, NotAnswered, Poller, TrendsFound, Wanted
from tui.fleet.question import FleetGrouping, Question
from tui.fleet.server import Server

ROW = {"instance": "a:1", "job": "tcplat", "remote": "192.0.2.1"}


def well(request: Request) -> None:
    """One box, one remote, ten handshakes."""
    query, at_s = request.form["query"], float(request.form.get("time", 1000.0))
    request.say(_well(query, at_s, request.path))


def _well(query: str, at_s: float, path: str) -> bytes:
    if path.endswith("query_range"):
        return b'{"status":"success","data":{"resultType":"matrix","result":[]}}'
    if query == "time()":
        return b'{"status":"success","data":{"resultType":"scalar","result":[1000,"1000"]}}'
    if "_bucket" in query:
        return vector(({**ROW, "le": "0.1"}, 9.0), ({**ROW, "le": "+Inf"}, 10.0))
    if "handshakes_total" in query:
        return vector(({**ROW, "outcome": "established"}, 10.0))
    if query.startswith("timestamp("):
        return vector((ROW, at_s))
    return vector()


@contextmanager
def polling(server: Server, wanted: Wanted) -> Iterator[tuple[Poller, list[News]]]:
    news: list[News] = []
    poller = Poller(server, news.append)
    poller.want(wanted)
    poller.start()
    try:
        yield poller, news
    finally:
        poller.end()


def until(wanted: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def count(news: list[News], kind: type) -> int:
    return sum(isinstance(each, kind) for each in news)


def server_of(there: Answering, bounds: Bounds | None = None) -> Server:
    return Server(server_address(there.url), bounds=bounds or Bounds())


def test_it_asks_no_oftener_than_it_may_and_one_thing_at_a_time() -> None:
    under_way, most = 0, 0
    lock = threading.Lock()

    def answer(request: Request) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        well(request)
        with lock:
            under_way -= 1

    with answering(answer) as there, polling(server_of(there), Wanted(Question(), least_s=0.2)) as (_, news):
        began = time.monotonic()
        until(lambda: count(news, Answered) >= 4)
        took_s = time.monotonic() - began
    assert most == 1
    assert took_s >= 3 * 0.2
    assert [each for each in news if isinstance(each, NotAnswered)] == []


def test_another_question_is_asked_at_once() -> None:
    with (
        answering(well) as there,
        polling(server_of(there), Wanted(Question(), least_s=60)) as (poller, news),
    ):
        until(lambda: count(news, Answered) == 1)
        other = Question(FleetGrouping.BOX, Window.ALL)
        poller.want(Wanted(other, least_s=60))
        until(lambda: count(news, Answered) == 2)
        assert isinstance(news[-1], Answered) and news[-1].answer.question == other
        poller.want(Wanted(other, least_s=60))
        poller.ask_now()
        until(lambda: count(news, Answered) == 3)
        # The same question is not news.
        poller.want(Wanted(other, least_s=60))
        assert len(news) == 3


def test_details_are_of_the_window_that_is_asked_for() -> None:
    key = ("a:1", "192.0.2.1")
    with answering(well) as there:
        server = server_of(there)
        with polling(server, Wanted(Question(), (), key, least_s=60)) as (poller, news):
            until(lambda: count(news, DetailFound) == 1)
            poller.want(Wanted(Question(window=Window.MINUTE), (), key, least_s=60))
            until(lambda: count(news, DetailFound) == 2)
            assert isinstance(news[-1], DetailFound) and news[-1].detail.window_s == 60


def test_trends_and_details_are_asked_for_when_they_are_wanted() -> None:
    key = ("a:1", "192.0.2.1")
    with (
        answering(well) as there,
        polling(server_of(there), Wanted(Question(), least_s=60)) as (poller, news),
    ):
        until(lambda: count(news, Answered) == 1)
        asked = len(there.asked)
        poller.want(Wanted(Question(), (key,), least_s=60))
        until(lambda: count(news, TrendsFound) == 1)
        assert [path for path, _, _ in there.asked[asked:]] == ["/api/v1/query_range"]
        assert 'instance="a:1",remote="192.0.2.1"' in there.asked[-1][1]["query"]
        poller.want(Wanted(Question(), (key,), key, least_s=60))
        until(lambda: count(news, DetailFound) == 1)
        assert count(news, Answered) == 1 and count(news, TrendsFound) == 1


def test_a_server_that_fails_is_asked_again_and_its_own_words_are_told() -> None:
    is_well = threading.Event()

    def answer(request: Request) -> None:
        if is_well.is_set():
            well(request)
        else:
            request.say(
                b'{"status":"error","errorType":"execution","error":"query processing would load too many samples"}',
                422,
            )

    with answering(answer) as there, polling(server_of(there), Wanted(Question(), least_s=0.05)) as (_, news):
        until(lambda: count(news, NotAnswered) >= 3)
        assert isinstance(news[0], NotAnswered)
        assert news[0].reason == "it says: query processing would load too many samples"
        is_well.set()
        until(lambda: count(news, Answered) >= 1)


def test_a_question_that_fails_is_not_asked_over_and_over_at_once() -> None:
    with (
        answering(lambda request: request.say(b"no", 500, "text/plain")) as there,
        polling(server_of(there), Wanted(Question(), least_s=0.5)) as (poller, news),
    ):
        until(lambda: news)
        began = len(there.asked)
        for number in range(20):
            poller.want(Wanted(Question(), (("a:1", str(number)),), least_s=0.5))
            time.sleep(0.01)
        assert len(there.asked) - began <= 1


def test_quitting_does_not_wait_for_a_server_that_hangs() -> None:
    hangs = threading.Event()

    def answer(request: Request) -> None:
        hangs.wait(PATIENCE_S)

    with answering(answer) as there:
        with polling(server_of(there), Wanted(Question())) as (poller, _):
            until(lambda: there.asked)
            began = time.monotonic()
            poller.end()
            assert time.monotonic() - began < 1
        hangs.set()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            lambda request: request.say(b"<html>Sign in", kind="text/html"),
            "is that the log-in page of a proxy?",
        ),
        (
            lambda request: request.say(b"", 302, Location="https://sso.example/login"),
            "it sends us to https://sso.example/login",
        ),
        (
            lambda request: request.say(b"Unauthorized", 401, "text/plain"),
            "it wants to know who asks (HTTP 401)",
        ),
        (lambda request: request.say(b"oops", 500, "text/plain"), "HTTP 500, text/plain instead of JSON"),
        (
            lambda request: request.say(b'{"status":"error","error":"expired \\u001b[2J"}', 503),
            "it says: expired ?[2J",
        ),
        (lambda request: request.say(b" " * (3 << 20)), "longer than 1 MiB"),
        (lambda request: time.sleep(1.5), "nothing within 1 s"),
    ],
    ids=["html", "redirect", "unauthorized", "500", "error", "huge", "slow"],
)
async def test_whatever_is_wrong_is_said_on_the_screen(answer: Callable[[Request], None], said: str) -> None:
    with answering(answer) as there:
        server = server_of(there, Bounds(seconds=1.0, bytes=1 << 20))
        async with screened(server, (140, 40)) as screen:
            await screen.until(lambda: "NO ANSWER YET" in screen.title)
            assert said in " ".join(screen.text.split())
            assert said in screen.account


async def test_the_screen_answers_keys_while_the_server_is_silent() -> None:
    hangs = threading.Event()

    def answer(request: Request) -> None:
        hangs.wait(PATIENCE_S)

    with answering(answer) as there:
        async with screened(server_of(there)) as screen:
            await screen.until(lambda: there.asked)
            began = time.monotonic()
            await screen.press("question_mark")
            assert "keys: everywhere" in screen.text
            await screen.press("escape")
            assert time.monotonic() - began < 5
        hangs.set()


async def test_a_partial_answer_is_called_one() -> None:
    def answer(request: Request) -> None:
        if "_bucket" in request.form["query"] and not request.path.endswith("range"):
            request.say(vector(({**ROW, "le": "+Inf"}, 10.0), warnings=["store 2 did not answer"]))
        else:
            well(request)

    with answering(answer) as there:
        async with screened(server_of(there)) as screen:
            await screen.until(lambda: "PARTIAL" in screen.title)
            assert "PARTIAL: store 2 did not answer" in screen.account


async def test_secrets_are_sent_and_never_shown(tmp_path: object) -> None:
    with answering(lambda request: request.say(b'{"status":"error","error":"no"}', 401)) as there:
        url = there.url.replace("http://", "http://me:s3cret@")
        server = Server(server_address(url), Credentials("me"))
        async with screened(server) as screen:
            await screen.until(lambda: "NO ANSWER YET" in screen.title)
            assert "s3cret" not in screen.text and "me@" not in screen.text
            assert "s3cret" not in repr(server)
    assert there.asked[0][2]["Authorization"].startswith("Basic ")
