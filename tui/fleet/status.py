"""What the screen of a fleet says in words: whom it asks, how old the figures are, and what is doubtful about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.core.format import Glyphs, count_text, rate_text
from tui.core.grouping import direction_text
from tui.core.window import Window
from tui.fleet.answer import OUTCOMES, Answer
from tui.fleet.columns import estimate_text, number_text
from tui.fleet.question import FleetGrouping, Question
from tui.fleet.rows import FleetRows

_NAMED = 3
"""So many boxes are named; of more, how many they are."""
_NO_METRICS = """\
{server} knows no box that runs tcplat.

On each: tcplat eth0 --listen 0.0.0.0:9811; then let Prometheus scrape it."""
_NOTHING_COUNTED = """\
No box has seen a handshake{direction} {window}.

w changes the window, d the direction."""


@dataclass(slots=True)
class Standing:
    """How it stands with the server. The UI thread's."""

    server: str
    """Without any secret."""
    wanted: Question
    answer: Answer | None = None
    answered_s: float = 0.0
    """When that was asked for, by `time.monotonic`."""
    trouble: str = ""
    """Why the last question was not answered; empty: it was."""
    is_paused: bool = False

    def age_s(self, now_s: float) -> float:
        """How old the figures are."""
        return max(0.0, now_s - self.answered_s)

    @property
    def is_current(self) -> bool:
        """Whether what is shown is what was asked for."""
        return self.answer is not None and self.answer.question == self.wanted


def title_text(standing: Standing, rows: FleetRows, now_s: float, glyphs: Glyphs) -> str:
    """The line on top. What makes figures doubtful stands before them: a narrow terminal cuts off the end."""
    answer = standing.answer
    parts = [
        "PAUSED (Space resumes)" if standing.is_paused else "tcplat",
        standing.server,
        _trouble(standing, now_s),
        "" if standing.is_current or standing.trouble else "asking...",
    ]
    if answer:
        parts += [*_doubts(answer, standing, now_s), *_asked(answer), _number_of_rows(answer, rows)]
        parts += [
            "ORDER HELD" if rows.is_frozen else "",
            "" if rows.marked_for_s is None else f"baseline {_seconds(rows.marked_for_s)} ago",
            f"{rate_text(rows.totals.rate)} conn/s",
            f"median {estimate_text(rows.totals.quantile(0.5), glyphs)}",
            f"p99 {estimate_text(rows.totals.quantile(0.99), glyphs)}",
        ]
    return "  ".join(filter(None, parts))


def _trouble(standing: Standing, now_s: float) -> str:
    if not standing.trouble:
        return ""
    if not standing.answer:
        return "NO ANSWER YET"
    return f"NO ANSWER: figures of {_seconds(standing.age_s(now_s))} ago"


def _doubts(answer: Answer, standing: Standing, now_s: float) -> list[str]:
    lost, down = round(answer.events_lost), len(answer.down)
    age_s = standing.age_s(now_s)
    is_old = not standing.trouble and age_s > max(10.0, 2 * answer.scrape_interval_s)
    return [
        f"figures of {_seconds(age_s)} ago" if is_old else "",
        f"{count_text(lost)} EVENTS LOST" if lost else "",
        f"{count_text(len(answer.boxes))} box{'es' * (len(answer.boxes) != 1)}",
        f"{count_text(down)} DOWN" if down else "",
        "COUNTED TWICE" if answer.doubled else "",
        "PARTIAL" if answer.warnings else "",
    ]


def _asked(answer: Answer) -> list[str]:
    question = answer.question
    return [
        "since each began" if answer.window_s is None else f"last {window_text(answer)}",
        "" if question.direction is None else f"{direction_text(question.direction)} only",
    ]


def window_text(answer: Answer) -> str:
    """How long the window is; longer than asked for if it would hold too few scrapes."""
    assert answer.window_s is not None
    asked_s = {Window.MINUTE: 60, Window.MINUTES_5: 300, Window.MINUTES_15: 900}[answer.question.window]
    if round(answer.window_s) <= asked_s:
        return answer.question.window.value
    return f"{_seconds(answer.window_s)} (4 scrapes)"


def _number_of_rows(answer: Answer, rows: FleetRows) -> str:
    what = {FleetGrouping.PAIR: "pair", FleetGrouping.REMOTE: "remote", FleetGrouping.BOX: "box"}[
        answer.question.grouping
    ]
    plural = what if len(rows) == 1 else "boxes" if what == "box" else f"{what}s"
    busiest = f" (the busiest of {count_text(answer.known)})" if answer.known > len(rows) else ""
    shown = f"{count_text(rows.shown)} of " if rows.shown != len(rows) else ""
    return f"{shown}{count_text(len(rows))} {plural}{busiest}"


def account_text(standing: Standing, rows: FleetRows) -> str:
    """The line below the table: what is wrong, then what became of handshakes."""
    answer = standing.answer
    parts = [standing.trouble]
    if answer:
        parts += [
            f"DOWN: {_names(answer.down)}" if answer.down else "",
            f"COUNTED TWICE, since several jobs scrape it: {_names(answer.doubled)}"
            if answer.doubled
            else "",
            f"PARTIAL: {'; '.join(answer.warnings)}" if answer.warnings else "",
            f"remotes given up (raise --max-series) at {_names(answer.evicting)}: their sums jump"
            if answer.evicting
            else "",
            _outcomes(rows),
        ]
    return "  ".join(filter(None, parts))


def _outcomes(rows: FleetRows) -> str:
    counts, is_estimated = rows.totals.counts, rows.totals.is_estimated
    told = {name: counts.outcomes.get(name, 0.0) for name in OUTCOMES}
    return ", ".join(
        f"{number_text(count, is_estimated=is_estimated)} {name}"
        for name, count in told.items()
        if count or name == "established"
    )


def empty_text(standing: Standing, rows: FleetRows, filter_: str) -> str:
    """Why there is no row, and what to do about it."""
    answer = standing.answer
    if answer is None:
        if standing.trouble:
            return f"No answer from {standing.server}: {standing.trouble}\n\nIt is asked again; q quits."
        return f"Asking {standing.server}..."
    if len(rows):
        return f"The filter {filter_!r} hides all {len(rows)} rows.\n\nEsc clears it."
    if not answer.boxes:
        return _NO_METRICS.format(server=standing.server)
    direction = answer.question.direction
    return _NOTHING_COUNTED.format(
        direction="" if direction is None else f" {direction_text(direction)}bound",
        window="yet" if answer.window_s is None else f"in the last {window_text(answer)}",
    )


def _names(names: Sequence[str]) -> str:
    if len(names) <= _NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED:,} more"


def _seconds(seconds: float) -> str:
    """ "12 s", "3 min", "2 h"."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    return f"{whole // 60} min" if whole < 7200 else f"{whole // 3600} h"
