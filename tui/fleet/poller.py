"""The worker thread's loop: it alone waits for the server; what is wanted, and what comes of it, are handed over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from bpf.errors import TcplatError
from bpf.event import printable
from tui.fleet.answer import Answer
from tui.fleet.asking import Asking
from tui.fleet.asking_detail import detail_of, step_s, trends_of
from tui.fleet.detail import FleetDetail
from tui.fleet.http import NoAnswer
from tui.fleet.question import Question, RowKey
from tui.fleet.server import Server

_OFTEN = 2
"""So many rounds of questions for a scrape: more would bring nothing new."""
_KEYS_MAX = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the screen needs now."""

    question: Question
    in_sight: Sequence[RowKey] = ()
    """Rows whose trends are drawn."""
    detailed: RowKey | None = None
    """The row whose details are drawn."""
    least_s: float = 1.0
    """Ask no oftener than this."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The table's figures."""

    answer: Answer
    asked_s: float
    """When it was asked for, by `time.monotonic`."""


@dataclass(frozen=True, slots=True)
class TrendsFound:
    """The sparklines of rows in sight."""

    question: Question
    levels: dict[RowKey, bytes]


@dataclass(frozen=True, slots=True)
class DetailFound:
    """The details of the row that was wanted."""

    detail: FleetDetail


@dataclass(frozen=True, slots=True)
class NotAnswered:
    """The server did not say what was asked; it is asked again."""

    reason: str
    """Printable."""


News = Answered | TrendsFound | DetailFound | NotAnswered


class Poller:
    """Made, told and ended by the UI thread; none of these waits.

    Its own thread is a daemon: a server that hangs keeps nobody from quitting.
    """

    def __init__(self, server: Server, post: Callable[[News], object]) -> None:
        """`post` is called in the worker thread."""
        self._http, self._api = server.connect()
        self._box_label = server.box_label
        self._asking = Asking(self._api, server.box_label)
        self._post = post
        self._changed = threading.Condition()
        # Both only with the lock.
        self._wanted = Wanted(Question())
        self._is_ended = False
        # The worker's.
        self._tried: Wanted | None = None
        """What was asked for last, whether or not it was answered."""
        self._due_s = -inf
        self._answer: Answer | None = None
        self._trended: set[RowKey] = set()
        """Rows whose trends are known, until then:"""
        self._trends_until_s = -inf

    def start(self) -> None:
        """Begin to ask."""
        threading.Thread(target=self._run, name="tcplat-fleet", daemon=True).start()

    def want(self, wanted: Wanted) -> None:
        """Ask for this from now on; for what has not been asked for yet, at once."""
        with self._changed:
            self._wanted = wanted
            self._changed.notify_all()

    def ask_now(self) -> None:
        """Ask anew without waiting for the next round."""
        with self._changed:
            self._due_s = -inf
            self._changed.notify_all()

    def end(self) -> None:
        """Ask no more."""
        with self._changed:
            self._is_ended = True
            self._changed.notify_all()

    def _run(self) -> None:
        while (wanted := self._next()) is not None:
            began_s = time.monotonic()
            is_due = began_s >= self._due_s
            try:
                self._ask(wanted, is_due=is_due)
            except (NoAnswer, TcplatError) as error:
                self._post(NotAnswered(printable(str(error))))
            except Exception as error:  # The thread's edge: a bug here must reach the screen, not vanish.
                self._post(NotAnswered(printable(f"{type(error).__name__}: {error}")))
            self._tried = wanted
            if is_due:
                took_s = time.monotonic() - began_s
                # A server that takes long is left alone for as long.
                self._due_s = began_s + took_s + max(wanted.least_s, self._pause_s(), took_s)
        self._http.close()

    def _next(self) -> Wanted | None:
        """Wait until something is to be asked; None: the end."""
        with self._changed:
            while not self._is_ended:
                left_s = self._due_s - time.monotonic()
                if left_s <= 0 or self._is_news(self._wanted):
                    return self._wanted
                self._changed.wait(left_s)
            return None

    def _is_news(self, wanted: Wanted) -> bool:
        """Whether there is more to ask than the last time."""
        tried = self._tried
        if tried is None or (wanted.question, wanted.detailed) != (tried.question, tried.detailed):
            return True
        return wanted.in_sight != tried.in_sight and not self._trended.issuperset(wanted.in_sight)

    def _pause_s(self) -> float:
        answer = self._answer
        return answer.scrape_interval_s / _OFTEN if answer and answer.is_interval_known else 0.0

    def _ask(self, wanted: Wanted, *, is_due: bool) -> None:
        tried, answer = self._tried, self._answer
        is_due = is_due or tried is None or tried.question != wanted.question
        if is_due:
            began_s = time.monotonic()
            if answer is None or answer.question != wanted.question:
                self._trended.clear()
            self._answer = answer = self._asking.answer(wanted.question)
            self._post(Answered(answer, began_s))
        if answer is None or answer.question != wanted.question:
            return  # It was asked in vain a moment ago: it has its turn again.
        if wanted.detailed and (is_due or tried is None or tried.detailed != wanted.detailed):
            self._post(DetailFound(detail_of(self._api, self._box_label, answer, wanted.detailed)))
        self._find_trends(answer, wanted.in_sight)

    def _find_trends(self, answer: Answer, in_sight: Sequence[RowKey]) -> None:
        step = step_s(answer.scrape_interval_s)
        until_s = (answer.at_s // step + 1) * step
        if until_s != self._trends_until_s:
            self._trended.clear()
            self._trends_until_s = until_s
        missing = [key for key in in_sight[:_KEYS_MAX] if key not in self._trended]
        if missing:
            levels = trends_of(self._api, self._box_label, answer, missing)
            self._trended.update(missing)
            self._post(TrendsFound(answer.question, levels))
