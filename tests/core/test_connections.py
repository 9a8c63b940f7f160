"""Open connections in the model: whose they are, what they say, and that they never touch a handshake's figures."""

from __future__ import annotations

import pytest

from bpf.event import Direction, Flow
from tests.core.handshakes import MS, FakeLabels, S, flow, handshake
from tui.core.cell import Cell
from tui.core.column import Main
from tui.core.connection import opener_of
from tui.core.connections import Connections
from tui.core.filter import parse
from tui.core.grouping import CellKey, Grouping, bytes_of
from tui.core.row import Row
from tui.core.rows import Rows
from tui.core.window import Window


def model_of(*flows: Flow) -> Rows:
    """A model that has taken these samples, refreshed a second after the last."""
    model = Rows(0, FakeLabels())
    model.ingest([], flows)
    model.refresh(max(each.time_ns for each in flows) + S)
    return model


def only(model: Rows) -> Row:
    (row,) = model.rows(0, 10)
    return row


def test_a_row_has_median_and_greatest_of_its_open_connections() -> None:
    row = only(
        model_of(
            flow("10.0.0.1", S, 5 * MS, cookie=1, min_rtt_ns=1 * MS),
            flow("10.0.0.1", S, 9 * MS, cookie=2, min_rtt_ns=4 * MS),
            flow("10.0.0.1", S, 70 * MS, cookie=3, min_rtt_ns=2 * MS),
        )
    )
    assert (row.figure("flows"), row.figure("srtt"), row.figure("srtt_max")) == (3, 9 * MS, 70 * MS)
    assert (row.figure("minrtt"), row.figure("minrtt_max"), row.figure("bloat")) == (2 * MS, 4 * MS, 35.0)


def test_the_last_sample_of_a_connection_counts_and_a_closed_one_is_gone() -> None:
    model = model_of(flow("10.0.0.1", S, 5 * MS), flow("10.0.0.1", 2 * S, 6 * MS))
    assert (only(model).figure("flows"), only(model).figure("srtt")) == (1, 6 * MS)
    model.ingest([], [flow("10.0.0.1", 3 * S, 6 * MS, closing=True)])
    assert only(model).figure("flows") == 1  # Not before the refresh.
    model.refresh(3 * S)
    assert (only(model).figure("flows"), only(model).figure("srtt")) == (0, None)


def test_one_that_opens_and_closes_between_two_refreshes_leaves_its_samples_only() -> None:
    row = only(model_of(flow("10.0.0.1", S, 5 * MS), flow("10.0.0.1", S + MS, 7 * MS, closing=True)))
    assert row.figure("flows") == 0
    assert row.live.tally.all_time.latencies == 2


def test_handshakes_and_samples_share_a_row_and_no_figure() -> None:
    model = Rows(0, FakeLabels())
    model.ingest(
        [handshake("10.0.0.1", S, 20 * MS, process="curl")], [flow("10.0.0.1", S, 90 * MS, process="curl")]
    )
    model.refresh(2 * S)
    row = only(model)
    assert (row.count, row.figure("p99"), row.figure("retx")) == (1, 20 * MS, 0)
    assert (row.figure("srtt"), row.figure("flows")) == (90 * MS, 1)
    assert len(row.cells) == 1
    assert model.totals.figure("max") == 20 * MS
    assert model.totals.figure("srtt_max") == 90 * MS


def test_a_host_that_only_has_open_connections_is_a_row_without_handshakes() -> None:
    model = model_of(flow("10.0.0.1", S, 5 * MS, process="postgres", direction=Direction.INBOUND, port=5432))
    row = only(model)
    assert (row.count, row.figure("p95"), row.figure("age"), row.is_quiet) == (0, None, None, False)
    assert (row.figure("sampled"), row.labels("dir"), row.numbers("port")) == (S, {"in"}, {5432})
    model.group_by(Grouping.SERVICE)
    assert only(model).label == "10.0.0.1:5432"
    model.face(Direction.OUTBOUND)
    assert len(model) == 0


@pytest.mark.parametrize(
    ("remote_port", "local_port", "opener"),
    [(5432, 40000, Direction.OUTBOUND), (40000, 5432, Direction.INBOUND)],
)
def test_who_opened_what_was_open_before_is_told_by_the_ports(
    remote_port: int, local_port: int, opener: Direction
) -> None:
    sample = flow("10.0.0.1", S, MS, direction=None, port=remote_port, other_port=local_port)
    assert (sample.remote_port, sample.local_port) == (remote_port, local_port)
    assert opener_of(sample) is opener


def test_loss_is_what_was_sent_again_of_what_was_sent_from_sample_to_sample() -> None:
    model = model_of(
        flow("10.0.0.1", 10 * S, MS, cookie=1, segments=1000, retransmits=900),
        flow("10.0.0.1", 11 * S, MS, cookie=1, segments=1060, retransmits=901),
        # A SYN that was sent again is among its retransmissions, and among no segments.
        flow("10.0.0.1", 11 * S, MS, cookie=2, segments=0, retransmits=3, opened_ns=10 * S),
        flow("10.0.0.1", 12 * S, MS, cookie=2, segments=40, retransmits=4, opened_ns=10 * S),
    )
    assert only(model).figure("loss") == pytest.approx(2.0)
    model.ingest([], [flow("10.0.0.1", 12 * S, MS, cookie=1, segments=1160, retransmits=901, closing=True)])
    model.refresh(13 * S)
    assert only(model).figure("loss") == pytest.approx(1.0)


def test_what_was_sent_before_a_long_silence_is_not_counted_again() -> None:
    model = model_of(flow("10.0.0.1", 2 * S, MS, segments=100, retransmits=2, opened_ns=S))
    model.refresh(1000 * S)
    model.ingest([], [flow("10.0.0.1", 2000 * S, MS, segments=110, retransmits=12, opened_ns=S)])
    model.ingest([], [flow("10.0.0.1", 2001 * S, MS, segments=210, retransmits=12, opened_ns=S)])
    model.refresh(2001 * S)
    assert only(model).figure("loss") == 0


def test_loss_is_none_where_nothing_was_sent() -> None:
    assert only(model_of(flow("10.0.0.1", S, MS))).figure("loss") is None


def test_in_a_window_are_those_that_sent_in_it() -> None:
    model = model_of(flow("10.0.0.1", 10 * S, 5 * MS, cookie=1), flow("10.0.0.1", 100 * S, 9 * MS, cookie=2))
    assert only(model).figure("flows") == 2
    model.look_at(Window.MINUTE)
    assert (only(model).figure("flows"), only(model).figure("srtt")) == (1, 9 * MS)
    model.refresh(200 * S)
    assert (only(model).figure("flows"), only(model).is_quiet) == (0, True)


def test_one_that_is_silent_for_15_minutes_is_followed_no_longer() -> None:
    model = model_of(flow("10.0.0.1", 10 * S, 5 * MS))
    model.refresh(909 * S)
    assert only(model).figure("flows") == 1
    model.refresh(911 * S)
    assert only(model).figure("flows") == 0


def test_a_queue_that_stays_for_ten_seconds_is_marked() -> None:
    model = Rows(0, FakeLabels())
    for second in range(1, 13):
        model.ingest([], [flow("10.0.0.1", second * S, 40 * MS, min_rtt_ns=10 * MS)])
        model.refresh(second * S)
        assert only(model).figure("bloat") == 4
        assert only(model).live.is_bloated == (second >= 11)
    model.ingest([], [flow("10.0.0.1", 13 * S, 12 * MS, min_rtt_ns=10 * MS)])
    model.refresh(13 * S)
    assert not only(model).live.is_bloated
    model.ingest([], [flow("10.0.0.1", 14 * S, 40 * MS, min_rtt_ns=10 * MS)])
    model.refresh(14 * S)
    assert not only(model).live.is_bloated


def test_a_late_acknowledgement_on_a_short_path_is_no_queue() -> None:
    flows = [flow("10.0.0.1", second * S, 2 * MS, min_rtt_ns=MS // 10) for second in range(1, 30)]
    assert not only(model_of(*flows)).live.is_bloated


def test_while_paused_nothing_of_it_changes_and_what_came_is_shown_afterwards() -> None:
    model = model_of(flow("10.0.0.1", S, 5 * MS, cookie=1))
    model.sort_by("srtt")
    shown = only(model)
    model.ingest([], [flow("10.0.0.2", 2 * S, 9 * MS, cookie=2), flow("10.0.0.1", 2 * S, 1 * MS, cookie=1)])
    model.group_by(Grouping.NETWORK)
    model.group_by(Grouping.HOST)
    assert [row.label for row in model.rows(0, 9)] == ["10.0.0.1"]
    assert only(model).figure("srtt") == shown.figure("srtt") == 5 * MS
    model.refresh(3 * S)
    assert [(row.label, row.figure("srtt")) for row in model.rows(0, 9)] == [
        ("10.0.0.2", 9 * MS),
        ("10.0.0.1", 1 * MS),
    ]


def test_while_paused_a_row_stays_among_those_without_samples_until_the_refresh() -> None:
    model = Rows(0, FakeLabels())
    model.ingest([handshake("10.0.0.1", S, MS), handshake("10.0.0.2", S, MS)], [flow("10.0.0.1", S, MS)])
    model.refresh(2 * S)
    model.ingest([], [flow("10.0.0.2", 3 * S, MS, cookie=2)])
    model.sort_by("sampled", descending=True)
    assert [row.label for row in model.rows(0, 9)] == ["10.0.0.1", "10.0.0.2"]
    model.refresh(3 * S)
    assert [row.label for row in model.rows(0, 9)] == ["10.0.0.1", "10.0.0.2"]
    model.sort_by("sampled")
    assert [row.label for row in model.rows(0, 9)] == ["10.0.0.2", "10.0.0.1"]


def test_by_age_a_row_without_handshakes_comes_last_in_both_directions() -> None:
    model = Rows(0, FakeLabels())
    model.ingest([handshake("10.0.0.2", S, MS), handshake("10.0.0.3", 2 * S, MS)], [flow("10.0.0.1", S, MS)])
    model.refresh(3 * S)
    model.sort_by("age")
    assert [row.label for row in model.rows(0, 9)] == ["10.0.0.3", "10.0.0.2", "10.0.0.1"]
    model.sort_by("age", descending=True)
    assert [row.label for row in model.rows(0, 9)] == ["10.0.0.2", "10.0.0.3", "10.0.0.1"]


def test_a_long_pause_holds_no_more_than_what_is_followed() -> None:
    cells: dict[CellKey, Cell] = {}

    def cell_of(key: CellKey) -> Cell:
        return cells.setdefault(key, Cell(bytes_of(key)))

    connections = Connections(cell_of, limit=10)
    for cookie in range(1000):
        connections.ingest([flow("10.0.0.1", cookie * MS, MS, cookie=cookie)])
        connections.ingest([flow("10.0.0.1", cookie * MS, MS, cookie=cookie, closing=cookie % 2 == 0)])
    assert len(connections._changed) <= 10
    connections.refresh(S)
    (cell,) = cells.values()
    assert sorted(cell.give_live().connections) == list(range(981, 1000, 2))


def test_those_that_sent_last_are_followed_when_there_are_too_many() -> None:
    cells: dict[CellKey, Cell] = {}

    def cell_of(key: CellKey) -> Cell:
        return cells.setdefault(key, Cell(bytes_of(key)))

    connections = Connections(cell_of, limit=2)
    connections.ingest([flow("10.0.0.1", S, MS, cookie=1), flow("10.0.0.1", S, MS, cookie=2)])
    connections.refresh(S)
    connections.ingest([flow("10.0.0.1", 2 * S, MS, cookie=1), flow("10.0.0.1", 2 * S, MS, cookie=3)])
    connections.refresh(2 * S)
    (cell,) = cells.values()
    assert sorted(cell.give_live().connections) == [1, 3]


def test_a_reset_forgets_connections_too() -> None:
    model = model_of(flow("10.0.0.1", S, MS))
    model.reset(2 * S)
    model.refresh(3 * S)
    assert len(model) == 0
    model.ingest([], [flow("10.0.0.1", 4 * S, MS, segments=10)])
    model.refresh(4 * S)
    assert (only(model).figure("flows"), only(model).figure("loss")) == (1, None)


def test_each_figure_of_the_table_keeps_its_own_order() -> None:
    model = Rows(0, FakeLabels())
    model.sort_by("p95")
    model.ingest(
        [handshake("10.0.0.1", S, 20 * MS), handshake("10.0.0.2", S, 10 * MS)],
        [flow("10.0.0.1", S, 1 * MS, cookie=1), flow("10.0.0.2", S, 2 * MS, cookie=2)],
    )
    model.refresh(S)
    assert [row.label for row in model.rows(0, 9)] == ["10.0.0.1", "10.0.0.2"]
    model.turn_to(Main.LIVE)
    assert (model.sorting, [row.label for row in model.rows(0, 9)]) == (
        ("srtt_max", True),
        ["10.0.0.2", "10.0.0.1"],
    )
    model.sort_by("flows", descending=False)
    model.turn_to(Main.HANDSHAKE)
    assert model.sorting == ("p95", True)
    model.turn_to(Main.LIVE)
    assert model.sorting == ("flows", False)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("srtt>80ms", True),
        ("srtt<80ms", False),
        ("minrtt:10ms", True),
        ("flows>=1", True),
        ("flows:2", False),
        ("loss>1%", True),
        ("loss>2.5%", False),
        ("loss:1-2", True),
        ("bloat>=9", True),
        ("p95>1ms", False),
    ],
)
def test_a_filter_asks_for_open_connections(text: str, passes: bool) -> None:
    model = model_of(
        flow("10.0.0.1", S, MS, min_rtt_ns=10 * MS),
        flow("10.0.0.1", S, 90 * MS, min_rtt_ns=10 * MS, segments=50, retransmits=1),
    )
    model.narrow(parse(text).predicate())
    assert model.shown == passes


def test_a_filter_on_open_connections_hides_a_row_once_they_are_closed() -> None:
    model = model_of(flow("10.0.0.1", S, MS))
    model.narrow(parse("flows>0").predicate())
    assert model.shown == 1
    model.ingest([], [flow("10.0.0.1", 3 * S, MS, closing=True)])
    model.refresh(4 * S)
    assert model.shown == 0


@pytest.mark.parametrize(
    ("text", "passes"), [("pid:812", True), ("pid:813", False), ("unit:nginx", True), ("!unit:nginx", False)]
)
def test_a_filter_finds_a_row_by_the_process_of_its_open_connections(text: str, passes: bool) -> None:
    model = model_of(flow("10.0.0.1", S, MS, pid=812, cgroup=7))
    model.narrow(parse(text).predicate())
    assert model.shown == passes


def test_one_that_was_refused_is_no_connection() -> None:
    model = Rows(0, FakeLabels())
    model.ingest([], [flow("10.0.0.1", S, 0, closing=True)])
    model.refresh(S)
    assert len(model) == 0
