"""What the keys do, told to people: the help, and the palette, in which each key is a command."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen

from tui.core.format import ASCII
from tui.widgets.filter_line import FilterLine

if TYPE_CHECKING:
    from textual.app import App

    from tui.options import ScreenOptions
    from tui.screens.help import Told
    from tui.switched import Switched

    _Base = App[None]
else:
    _Base = object

_TWICE = "app.interrupt"
"""Quit is among the commands already."""


class Commands(_Base):
    """The part of the app that knows all its keys."""

    views: Switched
    options: ScreenOptions

    def is_of_use(self, binding: Binding) -> bool:
        """Whether a key does something now."""
        del binding
        return True

    def told(self) -> Told:
        """What the help says besides keys."""
        from tui.screens.help import HERE

        return HERE

    def get_system_commands(self, screen: Screen[object]) -> Iterator[SystemCommand]:
        """Every key is a command of the palette, too; one of a view goes to that view first."""
        for binding in self._keys_of(type(self)):
            if binding.id != _TWICE and self.is_of_use(binding):
                yield self._command(_told(binding), binding, self)
        for view, owner in self.views.with_keys:
            for binding in self._keys_of(type(owner)):
                yield self._command(f"{view.capitalize()}: {_told(binding)}", binding, owner, view)

    def get_key_display(self, binding: Binding) -> str:
        """What a key is called; Textual has signs for some, such as an arrow."""
        display = super().get_key_display(binding)
        if self.options.glyphs is not ASCII or display.isascii():
            return display
        return binding.key_display or binding.key

    def _command(self, title: str, binding: Binding, owner: DOMNode, view: str = "") -> SystemCommand:
        async def run() -> None:
            if view and view != self.views.current:
                await self.run_action(f"view({view!r})", self)
            await self.run_action(binding.action, owner)

        def run_later() -> None:
            self.call_later(run)

        return SystemCommand(title, f"key {self._shown_keys(binding)}", run_later)

    def _shown_keys(self, binding: Binding) -> str:
        return " ".join(self.get_key_display(each) for each in binding.make_bindings([binding]))

    def _keys_of(self, owner: type[DOMNode]) -> list[Binding]:
        """The keys of an owner, as they are with the user's keymap."""
        keymap = self.options.keymap
        bindings = [each for each in owner.BINDINGS if isinstance(each, Binding)]
        return [each.with_key(keymap.get(each.id or "", each.key)) for each in bindings]

    def action_help(self) -> None:
        """Show all keys, and what the figures are."""
        from tui.screens.help import HelpScreen

        self.push_screen(HelpScreen(self.keys_told(), self.told()))

    def keys_told(self) -> dict[str, list[tuple[str, str]]]:
        """Where keys are of use, and for each which they are and what they do."""
        owners: list[tuple[str, type[DOMNode]]] = [("everywhere", type(self))]
        owners += [(view, type(owner)) for view, owner in self.views.with_keys]
        owners.append(("filter", FilterLine))
        sections: dict[str, list[tuple[str, str]]] = {}
        for title, owner in owners:
            sections.setdefault(title, []).extend(
                (self._shown_keys(each), _told(each)) for each in self._keys_of(owner)
            )
        return sections


def _told(binding: Binding) -> str:
    """What a key does, in more words than the line of keys has room for."""
    return binding.tooltip or binding.description
