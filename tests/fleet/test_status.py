"""What the screen of a fleet says in words, of every state it can be in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fleet.answers import answer, counts
from tests.fleet.test_rows import Labels
from tui.core.format import UNICODE
from tui.core.window import Window
from tui.fleet.answer import Answer
from tui.fleet.question import FleetGrouping, Question, rate_s, window_s
from tui.fleet.rows import FleetRows
from tui.fleet.status import Standing, account_text, empty_text, title_text

PAIR, REMOTE, BOX = FleetGrouping
NOW_S = 1000.0


def standing(answered: Answer | None = None, age_s: float = 1.0, trouble: str = "") -> Standing:
    wanted = answered.question if answered else Question()
    return Standing("prom.example", wanted, answered, NOW_S - age_s, trouble)


def rows_of(answered: Answer | None) -> FleetRows:
    rows = FleetRows(Labels())
    if answered:
        rows.take(answered)
    return rows


def title(stands: Standing) -> str:
    return title_text(stands, rows_of(stands.answer), NOW_S, UNICODE)


def account(stands: Standing) -> str:
    return account_text(stands, rows_of(stands.answer))


def test_all_is_well() -> None:
    stands = standing(answer())
    assert title(stands) == (
        "tcplat  prom.example  3 boxes  1 DOWN  last 5m  7 pairs  1.00 conn/s  median ~438µs  p99 >10.0s"
    )
    assert account(stands) == "DOWN: 10.0.0.3:9811  ~301 established, ~7 refused"


def test_what_makes_figures_doubtful_is_said_before_them() -> None:
    stands = standing(
        answer(events_lost=12, evicting=["b1", "b2"], warnings=["store 2 is away"], known=5321), age_s=95
    )
    assert title(stands).startswith(
        "tcplat  prom.example  figures of 95 s ago  12 EVENTS LOST  3 boxes  1 DOWN  PARTIAL  last 5m  "
        "7 pairs (the busiest of 5,321)"
    )
    assert "PARTIAL: store 2 is away" in account(stands)
    assert "remotes given up (raise --max-series) at b1, b2: their sums jump" in account(stands)


def test_what_is_counted_twice_is_said_to_be() -> None:
    stands = standing(answer(doubled=["b1:9811"]))
    assert "COUNTED TWICE" in title(stands)
    assert "COUNTED TWICE, since several jobs scrape it: b1:9811" in account(stands)


def test_no_answer_yet_and_none_any_more() -> None:
    never = standing(trouble="connection refused")
    assert title(never) == "tcplat  prom.example  NO ANSWER YET"
    assert "No answer from prom.example: connection refused" in empty_text(never, rows_of(None), "")
    gone = standing(answer(), age_s=200, trouble="nothing within 10 s")
    assert title(gone).startswith("tcplat  prom.example  NO ANSWER: figures of 3 min ago  ")
    assert account(gone).startswith("nothing within 10 s  ")


def test_what_is_asked_for_and_what_is_shown_are_not_mixed_up() -> None:
    stands = replace(standing(answer()), wanted=Question(REMOTE, Window.ALL))
    assert "asking..." in title(stands) and "last 5m" in title(stands) and "7 pairs" in title(stands)


def test_a_pause() -> None:
    assert title(replace(standing(answer()), is_paused=True)).startswith("PAUSED")


@pytest.mark.parametrize(
    ("answered", "said"),
    [
        (answer(Question(PAIR, Window.ALL), window_s=None), "since each began"),
        (answer(Question(PAIR, Window.MINUTE), window_s=240.0), "last 4 min (4 scrapes)"),
        (answer(Question(PAIR, Window.MINUTE), window_s=90.0), "last 90 s (4 scrapes)"),
        (answer(Question(PAIR, Window.MINUTES_15), window_s=14400.0), "last 4 h (4 scrapes)"),
        (answer(Question(PAIR, Window.MINUTES_5, 1)), "last 5m  in only"),
        (answer(Question(BOX), {("a", ""): counts(1.0)}), "  1 box  "),
        (answer(Question(REMOTE), {("", "192.0.2.1"): counts(1.0)}), "  1 remote  "),
    ],
)
def test_what_was_asked(answered: Answer, said: str) -> None:
    assert said in title(standing(answered))


def test_why_there_is_nothing() -> None:
    nothing = rows_of(None)
    assert empty_text(standing(), nothing, "") == "Asking prom.example..."
    assert "knows no box that runs tcplat" in empty_text(standing(answer(rows={}, boxes=())), nothing, "")
    assert "in the last 5m" in empty_text(standing(answer(rows={})), nothing, "")
    one_way = answer(Question(PAIR, Window.ALL, 0), {}, window_s=None)
    assert "handshake outbound yet" in empty_text(standing(one_way), nothing, "")
    assert "hides all 7 rows" in empty_text(standing(answer()), rows_of(answer()), "max>0")


def test_many_boxes_that_are_down_are_counted() -> None:
    box = answer().boxes[2]
    answered = answer(boxes=[replace(box, name=f"b{number}") for number in range(2000)])
    assert "2,000 boxes  2,000 DOWN" in title(standing(answered))
    assert "DOWN: b0, b1, b2 and 1,997 more" in account(standing(answered))


@pytest.mark.parametrize(
    ("window", "interval_s", "long_s"),
    [
        (Window.MINUTE, 1, 60),
        (Window.MINUTE, 15, 60),
        (Window.MINUTE, 60, 240),
        (Window.MINUTES_15, 60, 900),
        (Window.MINUTES_15, 300, 1200),
        (Window.ALL, 300, None),
    ],
)
def test_a_window_holds_four_scrapes(window: Window, interval_s: float, long_s: float | None) -> None:
    assert window_s(window, interval_s) == long_s
    assert rate_s(window, interval_s) >= 4 * interval_s
