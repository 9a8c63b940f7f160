"""The line at the bottom: the keys that do something now, in one widget; a click on one is the key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.text import Text
from textual import events
from textual.screen import Screen
from textual.widget import Widget

_GAP = 1
_WHEEL_CELLS = 4


class _Key(NamedTuple):
    key: str
    shown: str
    description: str
    is_enabled: bool

    @property
    def width(self) -> int:
        return len(self.shown) + 1 + len(self.description)


class KeyLine(Widget):
    """One line. Textual's Footer has a widget for each key, and styles and mounts them all before the first paint."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES = {"key-line--key", "key-line--description"}

    def __init__(self) -> None:
        super().__init__()
        self._keys: Sequence[_Key] = ()
        self._left = 0
        """So many cells are out of sight, on the left."""

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._take)

    def on_unmount(self) -> None:
        self.screen.bindings_updated_signal.unsubscribe(self)

    def _take(self, screen: Screen[object]) -> None:
        if not self.is_attached or screen is not self.screen:
            return
        keys: dict[str, _Key] = {}
        for _, binding, is_enabled, _ in screen.active_bindings.values():
            if binding.show and binding.action not in keys:
                shown = self.app.get_key_display(binding)
                keys[binding.action] = _Key(binding.key, shown, binding.description, is_enabled)
        if tuple(keys.values()) != self._keys:
            self._keys = tuple(keys.values())
            self._scroll(0)
            self.refresh()

    def render(self) -> Text:
        """The keys, each with what it does."""
        key_style = self.get_component_rich_style("key-line--key")
        description_style = self.get_component_rich_style("key-line--description")
        text = Text(no_wrap=True, overflow="crop", end="")
        for each in self._keys:
            text.append(each.shown, key_style)
            text.append(f" {each.description}", description_style)
            if not each.is_enabled:
                text.stylize("dim", len(text) - each.width)
            text.append(" " * _GAP)
        return text[self._left :]

    def on_click(self, event: events.Click) -> None:
        x = self._left + event.x
        for each in self._keys:
            if 0 <= x < each.width:
                self.app.simulate_key(each.key) if each.is_enabled else self.app.bell()
            x -= each.width + _GAP

    def on_mouse_scroll_down(self) -> None:
        self._scroll(_WHEEL_CELLS)

    def on_mouse_scroll_up(self) -> None:
        self._scroll(-_WHEEL_CELLS)

    def _scroll(self, cells: int) -> None:
        """Show what there is no room for."""
        width = sum(each.width + _GAP for each in self._keys)
        left = max(0, min(self._left + cells, width - self.size.width))
        if left != self._left:
            self._left = left
            self.refresh()
