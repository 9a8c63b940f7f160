"""The line that `/` opens: a filter, live as it is typed, with completion, history, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.highlighter import Highlighter
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

if TYPE_CHECKING:  # What a filter means is imported when one is typed.
    from tui.core.filter import Filter

_HISTORY = 50
Known = Callable[[], Mapping[str, Sequence[str]]]
"""The values that keys have at this moment."""


class FilterLine(Horizontal):
    """Stays in sight while it holds a filter. While what is typed is wrong, the last good filter stays."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority, the app handles it in its turn: the next key may be there already, and is the view's.
        Binding("enter", "app.keep_filter", "Keep", priority=True, id="filter.keep"),
        Binding("tab", "complete", "Complete", priority=True, id="filter.complete"),
        Binding("up", "recall(-1)", "Filter before", id="filter.before"),
        Binding("down", "recall(1)", "Filter after", id="filter.after"),
        Binding("escape", "app.back_out", "Clear", id="filter.clear"),
    ]

    @dataclass
    class Narrowed(Message):
        """Another filter is to be used."""

        filter: Filter

    def __init__(self, known: Known, text: str = "") -> None:
        super().__init__()
        self._known = known
        self._mark = _ErrorMark()
        self._begins_with = text
        self._input = Input(
            placeholder="words, or p95>80ms, port:443, !ip:10.0.0.0/8; Tab completes, Enter keeps, Esc clears",
            compact=True,
            highlighter=self._mark,
            suggester=_Completer(known),
        )
        self._told = Static(id="filter-told", markup=False)
        self._history: list[str] = []
        self._place = 0
        self._count = ""
        self._error = ""

    def compose(self) -> ComposeResult:
        yield Static("/", id="filter-slash")
        yield self._input
        yield self._told

    def on_mount(self) -> None:
        # Not before: an Input that is given a value asks for the app.
        self._input.value = self._begins_with
        self.set_class(bool(self.value), "-open")

    @property
    def value(self) -> str:
        """What is in it."""
        return self._input.value

    @property
    def is_typed_in(self) -> bool:
        """Whether it has the keys."""
        return self.screen.focused is self._input

    def open(self) -> None:
        """Show it and take the keys from now on (`focus()` would let those already on their way pass)."""
        self.add_class("-open")
        # What is in it already need not be recalled.
        self._place = len(self._history) - (self.value in self._history[-1:])
        self.screen.set_focus(self._input)

    def keep(self) -> None:
        """Let the filter stay. What was typed of it may still be on its way."""
        self._input.call_later(self._remember)

    def _remember(self) -> None:
        if self.value and self.value not in self._history[-1:]:
            self._history = [*self._history, self.value][-_HISTORY:]
        self._place = len(self._history)
        self.set_class(bool(self.value), "-open")

    def clear_and_close(self) -> None:
        """Drop the filter and hide."""
        self._input.value = ""
        self.remove_class("-open")

    def draw(self, shown: int, known: int) -> None:
        """Say how many rows the filter lets through."""
        self._count = f"{shown:,} of {known:,}" if self.value else ""
        self._tell()

    def _tell(self) -> None:
        text = self._error or self._count
        self._told.set_class(bool(self._error), "-error")
        if str(self._told.content) != text:
            self._told.update(text)

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        from tui.core.filter import FilterError, parse

        event.stop()
        try:
            parsed = parse(event.value)
        except FilterError as error:
            self._error, self._mark.span = error.message, (error.start, error.end)
        else:
            self._error, self._mark.span = "", None
            self.post_message(self.Narrowed(parsed))
        self._tell()

    def action_recall(self, step: int) -> None:
        self._place = min(max(0, self._place + step), len(self._history))
        recalled = self._history[self._place] if self._place < len(self._history) else ""
        self._input.value = recalled
        self._input.cursor_position = len(recalled)

    def action_complete(self) -> None:
        """Take the first completion; with none, leave the text alone."""
        from tui.core.filter import complete

        found = complete(self.value, self._input.cursor_position, self._known())
        if found:
            first = found[0]
            self._input.value = self.value[: first.start] + first.text + self.value[first.end :]
            self._input.cursor_position = first.start + len(first.text)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.is_typed_in if action == "complete" else super().check_action(action, parameters)


class _ErrorMark(Highlighter):
    """Marks the part that is wrong."""

    def __init__(self) -> None:
        self.span: tuple[int, int] | None = None

    def highlight(self, text: Text) -> None:
        if self.span:
            text.stylize("reverse", *self.span)


class _Completer(Suggester):
    """Shows what Tab would add at the end."""

    def __init__(self, known: Known) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._known = known

    async def get_suggestion(self, value: str) -> str | None:
        from tui.core.filter import complete

        for found in complete(value, len(value), self._known()):
            suggested = value[: found.start] + found.text
            if suggested.startswith(value) and suggested != value:
                return suggested
        return None
