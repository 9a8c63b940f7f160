"""The list of columns: complete, and fitting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.handshakes import MS, FakeLabels, S, flow, handshake
from tui.core.column import GAP, Main
from tui.core.columns import COLUMNS, IDS, IDS_OF, chosen_for, column, fit
from tui.core.format import ASCII, UNICODE
from tui.core.grouping import Grouping
from tui.core.row import Row
from tui.core.rows import Rows

ADDRESSES = ("192.168.100.200", "2001:db8:1234:5678:9abc:def0:1234:5678", "::1")
SORTABLE = [each.id for each in COLUMNS if each.value]
HOST_LEAST = 8


def row_of(address: str, latencies_ns: list[int], *since_mark_ns: int, by: Grouping = Grouping.HOST) -> Row:
    model = Rows(0, FakeLabels())
    model.group_by(by)
    flows = [
        flow(
            address, S, ns, cookie=cookie, min_rtt_ns=ns // 40, segments=ns, retransmits=ns // 3, opened_ns=1
        )
        for cookie, ns in enumerate(latencies_ns)
    ]
    model.ingest([handshake(address, S, ns) for ns in latencies_ns], flows)
    model.refresh(S)
    if since_mark_ns:
        model.mark()
        model.ingest([handshake(address, 2 * S, ns) for ns in since_mark_ns])
        model.refresh(2 * S)
    return model.rows(0, 1)[0]


def test_ids_are_different_and_titles_leave_room_for_the_mark_of_the_sort_column() -> None:
    assert len(set(IDS)) == len(COLUMNS)
    for each in COLUMNS:
        assert len(each.title) + (each.value is not None) <= each.width
        assert each.help


def test_in_80_columns_there_is_what_matters_most() -> None:
    shown = ["host", "count", "rate", "fail", "last", "p50", "p95", "p99", "max", "trend"]
    assert [each.id for each, _ in fit(80)] == shown
    assert [width for _, width in fit(80)] == [16, 6, 6, 6, 6, 6, 6, 6, 6, 7]


def test_in_200_there_is_all_and_the_trend_is_whole() -> None:
    widths = {each.id: width for each, width in fit(200, is_marked=True)}
    assert tuple(widths) == IDS_OF[Main.HANDSHAKE]
    assert (widths["trend"], widths["host"]) == (24, 39)


@given(st.integers(0, 300), st.booleans(), st.sampled_from(["", *SORTABLE]))
def test_what_fits_is_never_wider_than_the_room(total: int, is_marked: bool, sorted_by: str) -> None:
    widths = [width for _, width in fit(total, IDS, sorted_by, is_marked=is_marked)]
    assert sum(widths) + GAP * max(0, len(widths) - 1) <= total


@given(
    st.integers(20, 200),
    st.booleans(),
    st.sampled_from(["", *SORTABLE]),
    st.lists(st.sampled_from(IDS), unique=True),
)
def test_what_is_sorted_by_is_there_and_what_is_not_there_had_no_room(
    total: int, is_marked: bool, sorted_by: str, ids: list[str]
) -> None:
    fitting = fit(total, ids, sorted_by, is_marked=is_marked)
    shown = [each.id for each, _ in fitting]
    assert not sorted_by or sorted_by in shown
    assert "host" not in ids or "host" in shown
    asked = ids if sorted_by in ("", *ids) else [*ids, sorted_by]
    assert shown == [id_ for id_ in asked if id_ in shown]
    for each, width in fitting:
        assert width >= (HOST_LEAST if each.id == "host" else each.width)
    for missing in (column(id_) for id_ in asked if id_ not in shown):
        if is_marked or not missing.needs_mark:
            before = [
                each for each, _ in fitting if each.id == sorted_by or each.priority <= missing.priority
            ]
            taken = sum((HOST_LEAST if each.id == "host" else each.width) + GAP for each in before)
            room = total + GAP - taken
            assert room < missing.width + GAP + (column("host").width - HOST_LEAST)


def test_in_80_columns_there_is_what_matters_most_of_open_connections() -> None:
    fitting = fit(80, IDS_OF[Main.LIVE])
    shown = ["host", "flows", "srtt", "srtt_max", "minrtt", "bloat", "loss", "sampled", "srtt_trend"]
    assert [each.id for each, _ in fitting] == shown
    assert [width for _, width in fitting] == [21, 6, 6, 9, 7, 6, 6, 4, 7]


@pytest.mark.parametrize(
    ("main", "chosen", "expected"),
    [
        (Main.HANDSHAKE, (), IDS_OF[Main.HANDSHAKE]),
        (Main.HANDSHAKE, ("host", "p95", "srtt"), ("host", "p95")),
        (Main.HANDSHAKE, ("host", "srtt"), IDS_OF[Main.HANDSHAKE]),
        (Main.HANDSHAKE, ("p95",), ("p95",)),
        (Main.LIVE, (), IDS_OF[Main.LIVE]),
        (Main.LIVE, ("host", "p95"), IDS_OF[Main.LIVE]),
        (Main.LIVE, ("host", "p95", "srtt"), ("host", "srtt")),
    ],
)
def test_chosen_columns_stay_with_what_they_are_about(
    main: Main, chosen: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert tuple(chosen_for(main, chosen)) == expected


def test_changes_are_there_only_with_a_baseline_or_if_they_are_sorted_by() -> None:
    assert {"dp50", "dp95"}.isdisjoint(each.id for each, _ in fit(200))
    assert [each.id for each, _ in fit(20, IDS, "dp95")] == ["host", "dp95"]


@given(
    st.sampled_from(ADDRESSES),
    st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 10**9), min_size=1, max_size=5),
    st.lists(st.integers(1, 10**9), max_size=3),
    st.sampled_from(Grouping),
    st.integers(20, 200),
)
def test_a_cell_is_as_wide_as_its_column(
    address: str, latencies_ns: list[int], since_mark_ns: list[int], by: Grouping, total: int
) -> None:
    row = row_of(address, latencies_ns, *since_mark_ns, by=by)
    fitting = [*fit(total, is_marked=True), *fit(total, IDS_OF[Main.LIVE])]
    for each, width in fitting:
        for glyphs in (UNICODE, ASCII):
            text = each.cell(row, width, glyphs)
            assert len(text) == width
            assert glyphs is UNICODE or text.isascii()
            assert (
                each.id in ("host", "trend", "srtt_trend") or text.strip() == each.text(row, glyphs).strip()
            )


def test_a_narrow_trend_keeps_the_newest() -> None:
    assert column("trend").cell(row_of("10.0.0.1", [20 * MS]), 6) == "     ▅"


@pytest.mark.parametrize(
    ("id_", "enough"), [("p50", 2), ("p95", 20), ("p99", 100), ("max", 0), ("count", 0), ("dp95", 0)]
)
def test_a_figure_is_thin_if_less_than_one_handshake_would_lie_beyond_it(id_: str, enough: int) -> None:
    for count in (1, max(1, enough - 1), enough, enough + 1):
        assert column(id_).is_thin(row_of("10.0.0.1", [MS] * max(1, count))) is (count < enough)


def test_a_change_says_whether_it_is_sure() -> None:
    assert column("dp50").text(row_of("10.0.0.1", [MS]), UNICODE) == "-"
    # 2 ms, as exactly as buckets tell it.
    assert column("dp50").text(row_of("10.0.0.1", [MS], 3 * MS), UNICODE) == "~+1.99ms"
    assert column("dp95").text(row_of("10.0.0.1", [3 * MS] * 200, *[MS] * 200), UNICODE) == "-1.99ms"


def test_an_unknown_column_is_an_error() -> None:
    with pytest.raises(KeyError):
        column("colour")
    with pytest.raises(KeyError):
        fit(80, ["host", "colour"])
