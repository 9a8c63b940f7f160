"""Choosing one of a few things."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option


class ChoiceScreen(ModalScreen[str | None]):
    """Answers with the key of the one chosen, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Cancel", id="choice.close"),
        Binding("j", "cursor(1)", "Next", show=False, id="choice.down"),
        Binding("k", "cursor(-1)", "Previous", show=False, id="choice.up"),
        Binding("g", "to_end(False)", "First", show=False, id="choice.first"),
        Binding("G", "to_end(True)", "Last", show=False, id="choice.last"),
    ]

    def __init__(self, title: str, choices: Mapping[str, str]) -> None:
        """`choices`: what each key stands for, in words."""
        super().__init__()
        self._asked = title
        self._choices = choices

    def compose(self) -> ComposeResult:
        options = OptionList(*(Option(Text(text)) for text in self._choices.values()), id="choices")
        options.border_title = self._asked
        options.border_subtitle = "Enter chooses, Esc cancels"
        yield options

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()

    def action_cursor(self, step: int) -> None:
        options = self.query_one(OptionList)
        options.action_cursor_down() if step > 0 else options.action_cursor_up()

    def action_to_end(self, is_last: bool) -> None:
        options = self.query_one(OptionList)
        options.action_last() if is_last else options.action_first()

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(list(self._choices)[event.option_index])
