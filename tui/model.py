"""What the screen shows, apart from how: rows, events, and what their numbers stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bpf.event import Handshake, values_of
from tui.collector import BatchArrived, Collector
from tui.core.column import Main
from tui.core.columns import IDS_OF
from tui.core.event_subject import EventSubject, Known
from tui.core.events import Events
from tui.core.filter import Filter, Predicate
from tui.core.grouping import cell_key, process_text
from tui.core.rows import Rows
from tui.labels import ScreenLabels
from tui.names import Resolver
from tui.options import DEFAULTS, ScreenOptions

_KNOWN_EVENTS = 500


class Model:
    """The UI thread's."""

    def __init__(self, clock: Collector, options: ScreenOptions) -> None:
        self._clock = clock
        self._resolver = Resolver()
        self._is_resolving = False
        self.labels = ScreenLabels(self._resolver)
        self.rows = Rows(self.now_ns(), self.labels)
        self.rows.group_by(options.grouping)
        self.rows.look_at(options.window)
        self._sort(options)
        self.events = Events()
        self.filter = Filter()
        """The one that is used: what is typed may be wrong."""
        self._direction: int | None = None
        self._bad_ns = options.thresholds.bad_ns if options.has_bell else None
        self._is_bad = False
        if options.has_names:
            self.toggle_names()

    def _sort(self, options: ScreenOptions) -> None:
        if options.is_live:
            self.rows.sort_by(DEFAULTS.sort)
            self.rows.turn_to(Main.LIVE)
        if not options.is_live or options.sort in IDS_OF[Main.LIVE]:
            self.rows.sort_by(options.sort)
        if options.is_reversed:
            self.rows.sort_by(self.rows.sorting[0], not self.rows.sorting[1])

    def now_ns(self) -> int:
        """The time on the source's clock."""
        return self._clock.now_ns()

    def wall_offset_ns(self) -> int:
        """What to add to that to get Unix time."""
        return self._clock.wall_offset_ns()

    def close(self) -> None:
        """Look up no names any more."""
        if self._is_resolving:
            self._resolver.stop()

    def ingest(self, message: BatchArrived) -> None:
        """Take a batch; it is shown after the next refresh."""
        self.labels.take(message.interfaces, message.units)
        self.rows.ingest(message.handshakes, message.flows)
        self.events.ingest(message.handshakes)
        bad_ns = self._bad_ns
        if bad_ns is not None and not self._is_bad:
            self._is_bad = max(values_of(message.handshakes, "latency_ns"), default=0) >= bad_ns

    def refresh(self) -> bool:
        """Take over what came; whether something in it was so slow that the bell should ring."""
        has_new_names = self.filter.root is not None and self.labels.has_names and self._resolver.changed()
        if has_new_names or self.rows.direction != self._direction:
            self.narrow(self.filter)
        self.rows.refresh(self.now_ns())
        self.events.refresh()
        was_bad, self._is_bad = self._is_bad, False
        return was_bad

    def reset(self, began_ns: int) -> None:
        """Forget everything; begin anew."""
        self.rows.reset(began_ns)
        self.events.reset()

    def narrow(self, filter_: Filter) -> None:
        """Show only what a filter lets through."""
        self.filter, self._direction = filter_, self.rows.direction
        predicate = filter_.predicate() if filter_.root is not None else None
        self.rows.narrow(predicate)
        self.events.narrow(self._event_predicate(predicate))

    def _event_predicate(self, predicate: Predicate | None) -> Callable[[Handshake], bool] | None:
        """The filter and the direction, asked of a single handshake."""
        known = Known(self.labels, self.labels.host, self.labels.service, self.now_ns)
        direction = self._direction

        def passes(handshake: Handshake) -> bool:
            return direction in (None, handshake.direction) and (
                predicate is None or predicate(EventSubject(handshake, known))
            )

        return None if predicate is None and direction is None else passes

    def toggle_names(self) -> None:
        """Show hosts by their names, or by address again."""
        self.labels.has_names = not self.labels.has_names
        if self.labels.has_names and not self._is_resolving:
            self._is_resolving = True
            self._resolver.start()

    def known_values(self) -> Mapping[str, Sequence[str]]:
        """What can stand after the keys of a filter, as far as it was seen."""
        # Not of the rows in sight: the word that is being typed hides most of them.
        latest = self.events.latest(lambda _: True, _KNOWN_EVENTS)
        found = {
            "if": {self.labels.interface(each.ifindex) for each in latest},
            "proc": {process_text(each.process) for each in latest},
            "service": {self.labels.service(cell_key(each).port) for each in latest},
            "unit": {self.labels.unit(each.cgroup) for each in latest},
        }
        return {key: sorted(values - {""}) for key, values in found.items()}
