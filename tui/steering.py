"""Steering the source: which interface it watches; of a recording, where and how fast it plays."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.app import App
    from textual.worker import Worker

    from bpf.interfaces import Interface
    from tui.collector import Collector
    from tui.telling import Situation
    from tui.views import Views

    _Base = App[None]
else:
    _Base = object

_SEEK_NS = 10_000_000_000


class Steering(_Base):
    """The part of the app that tells its source what to do."""

    views: Views
    situation: Situation
    collector: Collector
    list_interfaces: Callable[[], Sequence[Interface]]

    def action_next_interface(self, step: int) -> None:
        """Watch the next interface that can be watched."""
        self._run_alone(partial(self._step_interface, step), "step")

    async def _step_interface(self, step: int) -> None:
        interfaces = await asyncio.to_thread(self.list_interfaces)
        names = [each.name for each in interfaces if each.layer and each.is_up]
        if names:
            watched = [names.index(name) for name in self.situation.selection if name in names]
            start = watched[0] if watched else -1 if step > 0 else 0
            self.switch(names[(start + step) % len(names)])

    def switch(self, chosen: str) -> None:
        """Watch an interface, or all, unless it is watched already, and nobody has detached us from it."""
        if (chosen,) != tuple(self.situation.selection) or self.situation.detached:
            self.collector.switch((chosen,))

    def read_interfaces(self) -> None:
        """Show what there is by now."""
        self._run_alone(self._read_interfaces, "read")

    def _run_alone(self, work: Callable[[], Coroutine[None, None, None]], group: str) -> None:
        """Run it instead of what of its group is under way; a redraw's reading must not cancel what a key began."""
        # Not the coroutine itself: one that is cancelled before it begins is complained of.
        _: Worker[None] = self.run_worker(work, exclusive=True, group=group)

    async def _read_interfaces(self) -> None:
        try:
            interfaces = await asyncio.to_thread(self.list_interfaces)
        except OSError as error:
            self.notify(f"cannot list the interfaces: {error.strerror}", severity="error", markup=False)
            return
        self.views.take_interfaces(interfaces, self.situation.selection, time.monotonic_ns())
        watched = [each for each in interfaces if each.name in self.situation.selection]
        self.situation.down = {
            each.name: each.state or "down"
            for each in watched
            if not each.is_up or each.state not in ("", "up")
        }

    def action_seek(self, steps: int) -> None:
        """Go so many times ten seconds ahead."""
        self.collector.steer(lambda player: player.seek(steps * _SEEK_NS))

    def action_change_speed(self, factor: float) -> None:
        """Play so many times as fast."""
        self.collector.steer(lambda player: player.change_speed(factor))
