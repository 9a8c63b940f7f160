"""Rows of a fleet: their order, what a filter finds in them, what is known of them and what is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from bpf.event import address_bytes
from tests.fleet.answers import BOXES, ROWS, answer, counts
from tui.core.filter import parse
from tui.core.format import ASCII, UNICODE
from tui.core.window import Window
from tui.fleet.columns import FLEET_COLUMNS, fit, fleet_column
from tui.fleet.question import FleetGrouping, Question, RowKey
from tui.fleet.row import FleetRow
from tui.fleet.rows import FleetRows
from tui.fleet.taking import HEADER, cells

PAIR, REMOTE, BOX = FleetGrouping


class Labels:
    """Knows one name."""

    def host(self, remote: bytes) -> str:
        return "far.example" if remote == address_bytes("203.0.113.9") else ""

    def service(self, port: int) -> str:
        return "https" if port == 443 else ""

    def interface(self, ifindex: int) -> str:
        return ""

    def unit(self, cgroup: int) -> str:
        return ""


@pytest.fixture
def rows() -> FleetRows:
    made = FleetRows(Labels())
    made.take(answer())
    return made


def keys(rows: FleetRows) -> list[RowKey]:
    return [row.key for row in rows.rows(0, len(rows))]


def row_of(rows: FleetRows, box: str, remote: str) -> FleetRow:
    found = rows.find((box, remote))
    assert found
    return found


def text(row: FleetRow, id_: str) -> str:
    return fleet_column(id_).text(row, UNICODE)


def test_the_slowest_are_first_what_fails_next_and_the_rest_last(rows: FleetRows) -> None:
    assert [(box[:8], remote) for box, remote in keys(rows)] == [
        ("10.0.0.3", "192.0.2.10"),
        ("10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9"),
        ("10.0.0.2", "2001:db8:1::7"),
        ("10.0.0.1", "192.0.2.10"),
        ("10.0.0.3", "198.51.100.66"),
        ("10.0.0.3", "other"),
    ]


@pytest.mark.parametrize("id_", [each.id for each in FLEET_COLUMNS if each.value])
@pytest.mark.parametrize("descending", [False, True])
def test_any_column_orders_rows_in_both_directions(rows: FleetRows, id_: str, descending: bool) -> None:
    rows.sort_by(id_, descending)
    assert rows.sorting == (id_, descending)
    value = fleet_column(id_).value
    assert value
    ordered = rows.rows(0, len(rows))
    found = [value(row) for row in ordered[:-1]]
    known = [each for each in found if each is not None]
    assert known == sorted(known, reverse=descending)
    assert found[len(known) :] == [None] * (len(found) - len(known))
    assert ordered[-1].is_rest


def test_what_has_no_order_cannot_be_sorted_by(rows: FleetRows) -> None:
    with pytest.raises(ValueError, match="trend"):
        rows.sort_by("trend")
    with pytest.raises(KeyError):
        rows.sort_by("max")


def test_figures_of_a_bucket_are_marked_and_those_above_all_edges_told(rows: FleetRows) -> None:
    slow = row_of(rows, "10.0.0.2:9811", "203.0.113.9")
    assert [text(slow, id_) for id_ in ("p50", "p95", "p99")] == ["~375ms", "~488ms", "~498ms"]
    above = row_of(rows, "10.0.0.3:9811", "192.0.2.10")
    assert text(above, "p50") == ">10.0s"
    assert text(row_of(rows, "10.0.0.3:9811", "198.51.100.66"), "p50") == "-"
    assert fleet_column("p95").is_thin(row_of(rows, "10.0.0.2:9811", "2001:db8:1::7"))


def test_counts_are_marked_in_a_window_and_exact_where_they_are(rows: FleetRows) -> None:
    row = row_of(rows, "10.0.0.2:9811", "203.0.113.9")
    assert (text(row, "count"), text(row, "retx")) == ("~40", "~3")
    rows.take(answer(Question(PAIR, Window.ALL), window_s=None))
    row = row_of(rows, "10.0.0.2:9811", "203.0.113.9")
    assert (text(row, "count"), text(row, "retx")) == ("40", "3")


def test_less_than_half_a_handshake_is_not_none() -> None:
    rows = FleetRows(Labels())
    few = replace(counts(), outcomes={"established": 0.3, "refused": 0.2})
    rows.take(answer(rows={("a", "192.0.2.1"): few}))
    row = row_of(rows, "a", "192.0.2.1")
    assert (text(row, "count"), text(row, "fail")) == ("<1", "✗1")


def test_rates_are_of_the_time_that_a_box_was_scraped(rows: FleetRows) -> None:
    assert row_of(rows, "10.0.0.1:9811", "192.0.2.10").rate == 200 / 300
    assert row_of(rows, "10.0.0.2:9811", "203.0.113.9").rate == 40 / 60
    assert rows.totals.rate == 301 / 300


def test_rows_of_a_box_that_is_down_are_dim(rows: FleetRows) -> None:
    assert [box for box, _ in keys(rows) if row_of(rows, box, _).is_quiet] == ["10.0.0.3:9811"] * 3
    rows.take(answer(Question(REMOTE, Window.MINUTES_5), {("", "192.0.2.1"): counts(1.0)}))
    assert not row_of(rows, "", "192.0.2.1").is_quiet


@pytest.mark.parametrize(
    ("filter_", "found"),
    [
        ("203.0.113", 2),
        ("far.example", 2),
        ("box:10.0.0.1", 2),
        ("box:/^10.0.0.[12]:/ host:far", 2),
        ("ip:192.0.2.0/24", 2),
        ("p95>300ms", 2),
        ("p50>10s", 1),
        ("n>=30 p50<1ms", 1),
        ("refused>0", 2),
        ("retx>0", 1),
        ("rate>0.6", 2),
        ("max>0 or min>0 or last>0 or age>0", 0),
        ("!p50>0", 1),
        ("port:443", 0),
        ("", 7),
    ],
)
def test_the_filter(rows: FleetRows, filter_: str, found: int) -> None:
    chosen = parse(filter_)
    rows.narrow(chosen.predicate() if chosen.root is not None else None)
    assert rows.shown == found
    assert len(rows) == 7


def test_services_and_networks() -> None:
    rows = FleetRows(Labels())
    remotes = ("203.0.113.9:443", "[2001:db8::1]:8080", "10.1.2.0/24", "2001:db8::/48", "odd \x1b[2J")
    rows.take(answer(rows={("a", remote): counts(1.0) for remote in remotes}))
    assert [row_of(rows, "a", remote).remote_text for remote in remotes] == [
        "far.example:https",
        "[2001:db8::1]:8080",
        "10.1.2.0/24",
        "2001:db8::/48",
        "odd ?[2J",
    ]
    for filter_, found in [
        ("port:443", 1),
        ("service:https", 1),
        ("ip:10.0.0.0/8", 1),
        ("ip:10.1.2.3", 0),
        ("odd", 1),
    ]:
        rows.narrow(parse(filter_).predicate())
        assert rows.shown == found, filter_


def test_held_rows_stay_and_new_ones_go_to_the_end(rows: FleetRows) -> None:
    before = keys(rows)
    rows.freeze(True)
    changed: Mapping[RowKey, object] = ROWS
    assert changed
    new = ("10.0.0.1:9811", "198.51.100.1")
    slow = {**ROWS, before[3]: counts(9_000.0), new: counts(9_999.0)}
    rows.take(answer(rows=slow))
    assert rows.is_frozen
    assert keys(rows) == [*before[:-1], new, before[-1]]
    rows.freeze(False)
    assert keys(rows)[:2] != before[:2]


def test_another_grouping_moves_rows_again(rows: FleetRows) -> None:
    rows.freeze(True)
    rows.take(answer(Question(REMOTE, Window.MINUTES_5), {("", "192.0.2.1"): counts(1.0)}))
    assert not rows.is_frozen


def test_trends_stay_with_rows_that_stay(rows: FleetRows) -> None:
    key, levels = keys(rows)[0], bytes([8] * 24)
    rows.take_trends(rows.question, {key: levels, ("no", "such"): levels})
    rows.take(answer())
    assert row_of(rows, *key).levels == levels
    rows.take_trends(Question(BOX), {key: bytes(24)})
    assert row_of(rows, *key).levels == levels
    rows.take(answer(Question(PAIR, Window.MINUTE)))
    assert row_of(rows, *key).levels == b""


def test_a_change_is_told_if_it_is_of_a_bucket_at_least(rows: FleetRows) -> None:
    near, far = ("10.0.0.1:9811", "192.0.2.10"), ("10.0.0.2:9811", "203.0.113.9")
    rows.mark()
    assert rows.marked_for_s == 0
    new = ("10.0.0.1:9811", "198.51.100.1")
    later = {**ROWS, near: counts(*[0.45] * 20), far: counts(*[40.0] * 40), new: counts(1.0)}
    rows.take(replace(answer(rows=later), at_s=answer().at_s + 30))
    assert rows.marked_for_s == 30
    assert [text(row_of(rows, *key), "dp95") for key in (near, far, new)] == ["=", "~-439ms", "-"]
    rows.sort_by("dp95")
    failing, rest = ("10.0.0.3:9811", "198.51.100.66"), ("10.0.0.3:9811", "other")
    assert keys(rows)[-4:] == [far, failing, new, rest]
    rows.unmark()
    assert text(row_of(rows, *far), "dp95") == "-"


def test_another_question_forgets_the_baseline(rows: FleetRows) -> None:
    rows.mark()
    rows.take(answer(Question(PAIR, Window.MINUTE)))
    assert rows.marked_for_s is None
    assert all(row.marked is None for row in rows.rows(0, 10))


def test_the_place_of_a_row(rows: FleetRows) -> None:
    third = rows.rows(2, 3)[0]
    assert rows.rank(third) == 2
    rows.take(answer())
    assert rows.rank(third) is None and rows.find(third.key) is not third
    rows.narrow(lambda row: row.key != third.key)
    assert rows.rank(row_of(rows, *third.key)) is None


@pytest.mark.parametrize("width", [40, 80, 120, 200])
@pytest.mark.parametrize("grouping", list(FleetGrouping))
def test_columns_fill_the_width_and_cells_their_columns(
    rows: FleetRows, width: int, grouping: FleetGrouping
) -> None:
    columns = fit(width, grouping, (), "p95")
    ids = [column.id for column, _ in columns]
    assert "p95" in ids
    assert ("box" in ids, "host" in ids) == (grouping.has_box, grouping.has_remote)
    assert sum(each + 1 for _, each in columns) - 1 <= width
    for row in rows.rows(0, 10):
        for glyphs in (UNICODE, ASCII):
            assert all(len(column.cell(row, each, glyphs)) == each for column, each in columns)


def test_what_is_taken_along_tells_the_bucket(rows: FleetRows) -> None:
    above = dict(zip(HEADER, cells(row_of(rows, "10.0.0.3:9811", "192.0.2.10")), strict=True))
    assert (above["p50_estimate_ns"], above["p50_above_ns"], above["p50_at_most_ns"]) == (
        10**10,
        10**10,
        None,
    )
    failed = dict(zip(HEADER, cells(row_of(rows, "10.0.0.3:9811", "198.51.100.66")), strict=True))
    assert (failed["refused"], failed["p95_estimate_ns"]) == (5, None)


def test_the_port_that_all_boxes_have_is_left_out(rows: FleetRows) -> None:
    assert text(row_of(rows, "10.0.0.1:9811", "192.0.2.10"), "box") == "10.0.0.1"
    rows.take(answer(boxes=[*BOXES[:2], replace(BOXES[2], name="10.0.0.3:9812")]))
    assert text(row_of(rows, "10.0.0.1:9811", "192.0.2.10"), "box") == "10.0.0.1:9811"
    named = {("web:prod", "192.0.2.10"): counts(1.0)}
    rows.take(answer(rows=named, boxes=[replace(BOXES[0], name="web:prod")]))
    assert text(row_of(rows, "web:prod", "192.0.2.10"), "box") == "web:prod"


def test_a_box_that_has_no_name_is_called_so() -> None:
    rows = FleetRows(Labels())
    rows.take(answer(rows={("", ""): counts(1.0)}, boxes=BOXES))
    assert row_of(rows, "", "").label == "(no box) (all remotes)"
