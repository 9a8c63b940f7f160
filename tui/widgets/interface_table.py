"""View 4: the interfaces there are, what passes them, and which are watched; Enter watches another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from bpf.event import printable
from bpf.source import ANY
from tui.core.format import Glyphs, bytes_text, levels_text, rate_text, shorten_middle
from tui.core.runs import Line, Role, text_of
from tui.core.throughput import Throughput
from tui.widgets.line_view import LineView

if TYPE_CHECKING:
    from bpf.interfaces import Interface

_HEADER_LINES = 1
_NAME_TITLE, _STATE_TITLE = "interface", "state"
_NAME_WIDTH = 15
"""The kernel's longest."""
_STATE_WIDTH = 14
_WIDE = 110
_TREND_WIDTH, _SHORT_TREND_WIDTH = 24, 8


@dataclass(frozen=True, slots=True)
class _Layout:
    """How wide the columns are that are not always as wide."""

    name: int
    state: int
    trend: int


class InterfaceTable(LineView, can_focus=True):
    """A line for all that are up, then one for each. `take` brings what is known now."""

    COMPONENT_CLASSES = {"interface-table--header", "interface-table--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Next interface", show=False, id="interfaces.down"),
        Binding("up,k", "move(-1)", "Previous interface", show=False, id="interfaces.up"),
        Binding("home,g,pageup", "move(-10000)", "First interface", show=False, id="interfaces.first"),
        Binding("end,G,pagedown", "move(10000)", "Last interface", show=False, id="interfaces.last"),
        Binding("enter", "choose", "Watch it", id="interfaces.choose"),
    ]

    @dataclass
    class Chosen(Message):
        """An interface, or `ANY`, is to be watched."""

        name: str

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._interfaces: Sequence[Interface] | None = None
        """None: they are not known yet."""
        self._early: list[Callable[[], None]] = []
        """What keys asked for before they were."""
        self._selection: Sequence[str] = ()
        self._throughput = Throughput()
        self._cursor: str | None = None
        """The name under the cursor; None: what is watched."""
        self._top = 0

    def begin(self) -> None:
        """Forget what there was, and where the cursor was: the view is opened."""
        self._throughput = Throughput()
        self._cursor = None
        self._interfaces, self._early = None, []
        self.redraw()

    def take(self, interfaces: Sequence[Interface], selection: Sequence[str], now_ns: int) -> None:
        """Show these. `now_ns` is when they were read, monotonic."""
        self._interfaces, self._selection = interfaces, selection
        self._throughput.read(now_ns, {each.index: each.counters for each in interfaces if each.counters})
        early, self._early = self._early, []
        for act in early:
            act()
        self.redraw()

    def _once_known(self, act: Callable[[], None]) -> None:
        if self._interfaces is None:
            self._early.append(act)
        else:
            act()

    @property
    def _known(self) -> Sequence[Interface]:
        return self._interfaces or ()

    @property
    def _names(self) -> list[str]:
        return [ANY, *(each.name for each in self._known)]

    def _place(self) -> int:
        names = self._names
        if self._cursor in names:
            return names.index(self._cursor)
        watched = [place for place, name in enumerate(names) if printable(name) in self._selection]
        return watched[0] if watched else 0

    def action_move(self, step: int) -> None:
        self._once_known(lambda: self._move(step))

    def action_choose(self) -> None:
        self._once_known(self._choose)

    def _move(self, step: int) -> None:
        names = self._names
        self._cursor = names[min(max(0, self._place() + step), len(names) - 1)]
        self.redraw()

    def _choose(self) -> None:
        place = self._place()
        if place and self._known[place - 1].layer is None:
            name = printable(self._names[place])
            self.notify(
                f"{name} is a kind of device that tcplat cannot read", severity="warning", markup=False
            )
            return
        self.post_message(self.Chosen(self._names[place]))

    def on_click(self, event: events.Click) -> None:
        place = self._top + event.y - _HEADER_LINES
        if self._interfaces is not None and event.y >= _HEADER_LINES and place < len(self._names):
            self._cursor = self._names[place]
            self.redraw()
            if event.chain == 2:
                self.action_choose()

    def on_mouse_scroll_down(self) -> None:
        self.action_move(1)

    def on_mouse_scroll_up(self) -> None:
        self.action_move(-1)

    def format_lines(self, width: int, height: int) -> list[Strip]:
        """Header and as many interfaces as there is room for, the cursor among them."""
        layout = self._layout(width)
        lines = [self._line(each, layout) for each in self._known]
        if self._interfaces is not None:
            lines.insert(0, self._any_line(layout))
        place, rows = self._place(), height - _HEADER_LINES
        self._top = max(0, min(max(self._top, place - rows + 1), place, max(0, len(lines) - rows)))
        strips = [self._in_reverse(self._header(layout), "interface-table--header", width)]
        for at, line in list(enumerate(lines))[self._top : self._top + rows]:
            if at == place:
                strips.append(self._in_reverse(line, "interface-table--cursor", width))
            else:
                strips.append(self.strip_of(line, width))
        return strips

    def _layout(self, width: int) -> _Layout:
        """Names and states as wide as they are; where it is narrow, a short trend leaves room for an address."""
        names = max([len(each.name) for each in self._known], default=0)
        states = max([len(_state(each)) for each in self._known], default=0)
        name_width = min(max(names, len(_NAME_TITLE)), _NAME_WIDTH)
        return _Layout(
            name_width,
            min(max(states, len(_STATE_TITLE)), _STATE_WIDTH),
            _TREND_WIDTH if width >= _WIDE else _SHORT_TREND_WIDTH,
        )

    def _header(self, layout: _Layout) -> Line:
        left = f"  {_NAME_TITLE:<{layout.name}} {_STATE_TITLE:<{layout.state}}"
        right = f"{'in/s':>7} {'out/s':>7} {'packets/s':>9}  {'trend':<{layout.trend}}  address"
        return [(f"{left} {right}", Role.TEXT)]

    def _in_reverse(self, line: Line, component: str, width: int) -> Strip:
        style = self.get_component_rich_style(component)
        return self.strip_of([(text_of(line).ljust(width)[:width], Role.TEXT)], width).apply_style(style)

    def _any_line(self, layout: _Layout) -> Line:
        return [(f"{self._mark(ANY)} {ANY:<{layout.name}} all that are up", Role.TEXT)]

    def _line(self, interface: Interface, layout: _Layout) -> Line:
        passed = self._throughput.of(interface.index)
        rates, figures = passed.rates, f"{'-':>7} {'-':>7} {'-':>9}"
        if rates:
            packets = rate_text(rates.rx_packets_s + rates.tx_packets_s)
            figures = f"{bytes_text(rates.rx_bytes_s):>7} {bytes_text(rates.tx_bytes_s):>7} {packets:>9}"
        is_readable = interface.layer is not None
        role = Role.TEXT if interface.is_up and is_readable else Role.NOTE
        name = shorten_middle(printable(interface.name), layout.name, self._glyphs)
        state = shorten_middle(printable(_state(interface)), layout.state, self._glyphs)
        told = " ".join(interface.addresses) if is_readable else "cannot be read: not Ethernet, not bare IP"
        return [
            (f"{self._mark(interface.name)} {name:<{layout.name}} {state:<{layout.state}} {figures}  ", role),
            (levels_text(passed.levels[-layout.trend :], self._glyphs), Role.BAR),
            (f"  {told}", role),
        ]

    def _mark(self, name: str) -> str:
        return "*" if printable(name) in self._selection else " "


def _state(interface: Interface) -> str:
    return interface.state or ("up" if interface.is_up else "down")
