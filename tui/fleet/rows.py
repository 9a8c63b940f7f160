"""The model of a fleet's table: an answer in, rows out, filtered and in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf

from bpf.event import printable
from tui.core.grouping import Labels
from tui.fleet.answer import Answer, Counts
from tui.fleet.buckets import Buckets, added
from tui.fleet.columns import fleet_column
from tui.fleet.question import FleetGrouping, Question, RowKey
from tui.fleet.row import Context, FleetRow

_Place = tuple[bool, float, float, tuple[bytes, str], str]


class FleetRows:
    """Rows of the last answer. The UI thread's; no call blocks."""

    def __init__(self, labels: Labels) -> None:
        self._labels = labels
        self._column = fleet_column("p95")
        self._descending = True
        self._predicate: Callable[[FleetRow], bool] | None = None
        self._held: dict[RowKey, int] | None = None
        """Where each row stays; None: rows move."""
        self._rows: dict[RowKey, FleetRow] = {}
        self._order: list[FleetRow] = []
        self._ranks: dict[RowKey, int] = {}
        self.question = Question()
        """What the rows are the answer to."""
        self._at_s = 0.0
        self._marks: dict[RowKey, Buckets] = {}
        self._marked_s: float | None = None
        self.totals = _total([], Context(FleetGrouping.PAIR, False, labels, frozenset()), 1.0)

    def take(self, answer: Answer) -> None:
        """Be the rows of an answer. Trends stay with rows that stay."""
        before = self._rows if answer.question == self.question else {}
        if answer.question != self.question:
            self.unmark()
        self._at_s = answer.at_s
        if answer.question.grouping is not self.question.grouping:
            self._held = None
        self.question = answer.question
        context = Context(
            answer.question.grouping,
            answer.window_s is not None,
            self._labels,
            frozenset(answer.down),
            _common_port([box.name for box in answer.boxes]),
        )
        covered_s = {each.name: answer.covered_s(each) for each in answer.boxes}
        longest_s = max(covered_s.values(), default=answer.rate_s)
        self._rows = {
            key: FleetRow(key, counts, context, covered_s.get(printable(key[0]), longest_s))
            for key, counts in answer.rows.items()
        }
        for key, row in self._rows.items():
            if key in before:
                row.levels = before[key].levels
            row.marked = self._marks.get(key)
        self.totals = _total(list(answer.rows.values()), context, longest_s)
        self._arrange()

    def take_trends(self, question: Question, trends: Mapping[RowKey, bytes]) -> None:
        """Let rows have trends, if they are the answer to the same question."""
        if question == self.question:
            for key, levels in trends.items():
                if key in self._rows:
                    self._rows[key].levels = levels

    @property
    def marked_for_s(self) -> float | None:
        """How long ago the baseline was marked, by the server's clock; None: there is none."""
        return None if self._marked_s is None else self._at_s - self._marked_s

    def mark(self) -> None:
        """Make the figures of now the baseline, until rows are the answer to another question."""
        self._marked_s = self._at_s
        self._marks = {key: row.counts.latencies for key, row in self._rows.items()}
        self._hand_out_marks()

    def unmark(self) -> None:
        """Have no baseline any more."""
        self._marked_s, self._marks = None, {}
        self._hand_out_marks()

    def _hand_out_marks(self) -> None:
        for key, row in self._rows.items():
            row.marked = self._marks.get(key)
        self._arrange()

    def sort_by(self, column_id: str, descending: bool | None = None) -> None:
        """Order rows by a column (KeyError; ValueError for one without order), in its own direction if none is given.

        Rows without the figure come last in both directions, those that failed most often first.
        """
        chosen = fleet_column(column_id)
        if chosen.value is None:
            raise ValueError(f"cannot sort by {column_id}")
        self._column = chosen
        self._descending = chosen.descending if descending is None else descending
        self._held = None
        self._arrange()

    @property
    def sorting(self) -> tuple[str, bool]:
        """The sort column's id, and whether it is descending."""
        return self._column.id, self._descending

    @property
    def is_frozen(self) -> bool:
        """Whether rows stay where they are whatever their figures."""
        return self._held is not None

    def freeze(self, is_frozen: bool) -> None:
        """Let rows stay where they are, or move again. Rows that come meanwhile go to the end."""
        everywhere = sorted(self._rows.values(), key=self._place_of)
        self._held = {row.key: place for place, row in enumerate(everywhere)} if is_frozen else None
        self._arrange()

    def narrow(self, predicate: Callable[[FleetRow], bool] | None) -> None:
        """Show only rows that `predicate` lets through; None: all."""
        self._predicate = predicate
        self._arrange()

    def _arrange(self) -> None:
        predicate, rows = self._predicate, self._rows.values()
        chosen = rows if predicate is None else [row for row in rows if not row.is_rest and predicate(row)]
        self._order = sorted(chosen, key=self._place_of)
        self._ranks = {row.key: rank for rank, row in enumerate(self._order)}

    def _place_of(self, row: FleetRow) -> _Place:
        if self._held is not None:
            return (row.is_rest, self._held.get(row.key, inf), 0, row.order, row.key[0])
        assert self._column.value is not None
        value = self._column.value(row)
        if value is None:
            return (row.is_rest, inf, -row.counts.failed, row.order, row.key[0])
        return (row.is_rest, -value if self._descending else value, 0, row.order, row.key[0])

    def rows(self, start: int, stop: int) -> Sequence[FleetRow]:
        """The rows in places `start` to `stop - 1` of the visible order, fewer where it ends."""
        return self._order[max(0, start) : max(0, stop)]

    def find(self, key: RowKey) -> FleetRow | None:
        """The row of a key; None: there is none."""
        return self._rows.get(key)

    def rank(self, row: FleetRow) -> int | None:
        """The place of `row` in the visible order; None: filtered out, or gone."""
        return self._ranks.get(row.key) if self._rows.get(row.key) is row else None

    @property
    def shown(self) -> int:
        """How many rows the filter lets through."""
        return len(self._order)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._rows)


def _common_port(names: Sequence[str]) -> str:
    """With its colon; empty: names have several, or none."""
    ports = {"".join(name.rpartition(":")[1:]) for name in names}
    port = ports.pop() if len(ports) == 1 else ""
    return port if port[1:].isdecimal() else ""


def _total(parts: Sequence[Counts], context: Context, covered_s: float) -> FleetRow:
    """All rows in one."""
    outcomes: dict[str, float] = {}
    for each in parts:
        for name, count in each.outcomes.items():
            outcomes[name] = outcomes.get(name, 0.0) + count
    counts = Counts(
        added([each.latencies for each in parts]),
        outcomes,
        sum(each.retransmits for each in parts),
        sum(each.recent for each in parts),
    )
    return FleetRow(("", ""), counts, context, covered_s)
