"""What the screen of a fleet shows, apart from how: rows, details, and how it stands with the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tui.core.filter import Filter
from tui.core.window import Window
from tui.fleet.detail import FleetDetail
from tui.fleet.poller import Answered, DetailFound, News, NotAnswered, TrendsFound
from tui.fleet.question import FleetGrouping, Question
from tui.fleet.rows import FleetRows
from tui.fleet.status import Standing
from tui.labels import ScreenLabels
from tui.names import Resolver
from tui.options import ScreenOptions
from tui.widgets.table_view import DIRECTIONS, after


class FleetModel:
    """The UI thread's; no call blocks."""

    def __init__(self, server: str, options: ScreenOptions) -> None:
        """`server`: what it is called, without any secret."""
        self._resolver = Resolver()
        self._is_resolving = False
        self.labels = ScreenLabels(self._resolver)
        self.rows = FleetRows(self.labels)
        self.standing = Standing(server, Question(window=_window(options)))
        self.detail: FleetDetail | None = None
        """The last that came."""
        self.filter = Filter()
        self._waiting: list[News] = []
        """What came during a pause."""
        if options.has_names:
            self.toggle_names()
        _sort(self.rows, options)

    def take(self, news: News) -> None:
        """Take over what the worker thread found out; during a pause, afterwards."""
        standing = self.standing
        if standing.is_paused:
            self._waiting = [*self._waiting[-9:], news]
        elif isinstance(news, Answered):
            standing.answer, standing.trouble = news.answer, ""
            standing.answered_s = news.asked_s
            self.rows.take(news.answer)
        elif isinstance(news, TrendsFound):
            self.rows.take_trends(news.question, news.levels)
        elif isinstance(news, DetailFound):
            self.detail = news.detail
        elif isinstance(news, NotAnswered):
            standing.trouble = news.reason

    def pause(self) -> None:
        """Stand still, or go on."""
        self.standing.is_paused = not self.standing.is_paused
        waiting, self._waiting = self._waiting, []
        for news in waiting:
            self.take(news)

    def _want(self, question: Question) -> None:
        self.standing.wanted = question

    def next_grouping(self) -> None:
        """Let rows stand for something else, once there is an answer to that."""
        wanted = self.standing.wanted
        self._want(replace(wanted, grouping=after(tuple(FleetGrouping), wanted.grouping)))

    def next_window(self) -> None:
        """Make figures of another window."""
        wanted = self.standing.wanted
        self._want(replace(wanted, window=after(tuple(Window), wanted.window)))

    def next_direction(self) -> None:
        """Of both directions, only out, only in."""
        wanted = self.standing.wanted
        self._want(replace(wanted, direction=after(DIRECTIONS, wanted.direction)))

    def narrow(self, filter_: Filter) -> None:
        """Show only what a filter lets through."""
        self.filter = filter_
        self.rows.narrow(filter_.predicate() if filter_.root is not None else None)

    def refresh(self) -> None:
        """Ask the filter anew if names came."""
        if self.filter.root is not None and self.labels.has_names and self._resolver.changed():
            self.narrow(self.filter)

    def toggle_names(self) -> None:
        """Show remotes by their names, or by address again."""
        self.labels.has_names = not self.labels.has_names
        if self.labels.has_names and not self._is_resolving:
            self._is_resolving = True
            self._resolver.start()

    def known_values(self) -> Mapping[str, Sequence[str]]:
        """What can stand after the keys of a filter."""
        answer = self.standing.answer
        return {"box": [box.name for box in answer.boxes] if answer else []}

    def close(self) -> None:
        """Look up no names any more."""
        if self._is_resolving:
            self._resolver.stop()


def _window(options: ScreenOptions) -> Window:
    """A fleet's own unless another is set: of all that was ever counted, what is slow now is a small part."""
    return Window.MINUTES_5 if options.window is Window.ALL else options.window


def _sort(rows: FleetRows, options: ScreenOptions) -> None:
    try:
        rows.sort_by(options.sort)
    except (KeyError, ValueError):
        return
    if options.is_reversed:
        rows.sort_by(options.sort, not rows.sorting[1])
