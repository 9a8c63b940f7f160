"""Choosing another interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from bpf.errors import printable
from bpf.source import ANY

if TYPE_CHECKING:
    from bpf.interfaces import Interface


class InterfaceScreen(ModalScreen[str | None]):
    """A list of interfaces; answers with the name of the one chosen, `ANY`, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,i,q", "dismiss", "Cancel", id="interfaces.close"),
        Binding("j", "cursor(1)", "Next", show=False, id="interfaces.down"),
        Binding("k", "cursor(-1)", "Previous", show=False, id="interfaces.up"),
    ]

    def __init__(self, interfaces: Sequence[Interface], selection: Sequence[str]) -> None:
        super().__init__()
        self._interfaces = interfaces
        self._names = [ANY, *(interface.name for interface in interfaces)]
        self._selection = selection

    def compose(self) -> ComposeResult:
        every = Option(Text(f"{self._mark(ANY)} {ANY:<16} all that are up"))
        options = OptionList(every, *map(self._option, self._interfaces), id="interfaces")
        options.border_title = "watch which interface?"
        options.border_subtitle = "Enter watches, Esc cancels"
        yield options

    def on_mount(self) -> None:
        options = self.query_one(OptionList)
        watched = [place for place, name in enumerate(self._names) if printable(name) in self._selection]
        options.highlighted = watched[0] if watched else 0
        options.focus()

    def action_cursor(self, step: int) -> None:
        options = self.query_one(OptionList)
        options.action_cursor_down() if step > 0 else options.action_cursor_up()

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._names[event.option_index])

    def _mark(self, name: str) -> str:
        return "*" if printable(name) in self._selection else " "

    def _option(self, interface: Interface) -> Option:
        state = "up" if interface.is_up else "down"
        layer = interface.layer.value if interface.layer else "cannot be read"
        mark = self._mark(interface.name)
        return Option(
            Text(f"{mark} {printable(interface.name):<16} {state:<5} {layer}"),
            disabled=interface.layer is None,
        )
