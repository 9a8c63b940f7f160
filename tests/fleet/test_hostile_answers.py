"""A server, or a box it scrapes, that means harm: whatever labels, edges and values say, the screen goes on."""

from __future__ import annotations

import json
from itertools import product

import pytest

from tests.fleet.answering import Request, answering
from tests.fleet.screened import screened
from tui.fleet.address import server_address
from tui.fleet.screen.app import FleetTitle
from tui.fleet.server import Server

EVIL = "\x1b]0;title\x07\x1b[31m[red]x[/]\u202e\u200f\n\t"
LABELS = {
    "instance": ["a", EVIL, ""],
    "remote": ["192.0.2.1", EVIL, "10.0.0.0/99", "1.2.3.4:99999"],
    "le": ["0.1", "nan", "-inf", "-5", "1e308", "1e400", "x", "+Inf"],
    "outcome": ["established", EVIL],
}
KEYS = [*"Ss", "enter", "escape", "a", "enter", "escape", *"awwwd", "slash", *"p95>1", "enter"]


def told(request: Request, now: str, value: str) -> dict[str, object]:
    """The same series, whatever is asked."""
    if request.form["query"] == "time()":
        return {"resultType": "scalar", "result": [1.7e9, now]}
    found = [dict(zip(LABELS, each, strict=True)) for each in product(*LABELS.values())]
    if "start" in request.form:
        at_s = float(request.form["start"])
        points = [[at_s, value], [at_s + 60, value]]
        return {"resultType": "matrix", "result": [{"metric": each, "values": points} for each in found]}
    return {"resultType": "vector", "result": [{"metric": each, "value": [1.7e9, value]} for each in found]}


@pytest.mark.parametrize("value", ["5", "-5", "1e18", "1e308"])
async def test_the_screen_goes_on_and_shows_it_as_text(value: str) -> None:
    def answer(request: Request) -> None:
        request.say(json.dumps({"status": "success", "data": told(request, "1.7e9", value)}).encode())

    with answering(answer) as server:
        async with screened(Server(server_address(server.url))) as screen:
            await screen.until(lambda: "3 boxes" in screen.title)
            for key in KEYS:
                await screen.press(key)
                assert "".join(screen.lines).isprintable(), key
            await screen.press("escape")
            await screen.until(lambda: "[red]x[/]" in screen.account)


@pytest.mark.parametrize("now", ["1e17", "-1", "NaN"])
async def test_a_clock_that_tells_no_time_is_no_answer(now: str) -> None:
    def answer(request: Request) -> None:
        request.say(json.dumps({"status": "success", "data": told(request, now, "5")}).encode())

    with answering(answer) as server:
        async with screened(Server(server_address(server.url))) as screen:
            await screen.until(lambda: "it does not say what time it is" in screen.text)


def test_of_a_line_without_end_no_more_is_drawn_than_a_terminal_has() -> None:
    line = FleetTitle()
    line.draw("x" * 1_000_000)
    assert 500 < len(line.render()) < 10_000
