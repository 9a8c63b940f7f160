"""The list of columns: complete, and fitting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.handshakes import MS, S, handshake
from tui.core.columns import COLUMNS, GAP, column, fit
from tui.core.format import ASCII
from tui.core.host import Host
from tui.core.hosts import Hosts

ADDRESSES = ("192.168.100.200", "2001:db8:1234:5678:9abc:def0:1234:5678", "::1")


def host(address: str, latencies_ns: list[int]) -> Host:
    model = Hosts(0)
    model.ingest([handshake(address, S, ns) for ns in latencies_ns])
    model.refresh(S)
    return model.rows(0, 1)[0]


def test_ids_are_different_and_titles_leave_room_for_the_mark_of_the_sort_column() -> None:
    assert len({each.id for each in COLUMNS}) == len(COLUMNS)
    for each in COLUMNS:
        assert len(each.title) + (each.value is not None) <= each.width
        assert each.help


def test_all_fit_in_80_columns() -> None:
    assert [each for each, _ in fit(80)] == list(COLUMNS)
    assert [width for _, width in fit(80)] == [16, 6, 6, 6, 6, 6, 6, 6, 6, 7]


def test_in_120_the_trend_is_whole() -> None:
    widths = {each.id: width for each, width in fit(120)}
    assert widths["trend"] == 24
    assert widths["host"] == 39


@given(st.integers(0, 300))
def test_what_fits_is_never_wider_than_the_room(total: int) -> None:
    widths = [width for _, width in fit(total)]
    assert sum(widths) + GAP * (len(widths) - 1) <= max(total, 0)


@given(
    st.sampled_from(ADDRESSES),
    st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 10**9), min_size=1, max_size=5),
    st.integers(80, 200),
)
def test_a_cell_is_as_wide_as_its_column(address: str, latencies_ns: list[int], total: int) -> None:
    row = host(address, latencies_ns)
    for each, width in fit(total):
        for glyphs in ({}, {"glyphs": ASCII}):
            assert len(each.cell(row, width, **glyphs)) == width


def test_a_cell_in_ascii_is_ascii() -> None:
    row = host(ADDRESSES[1], [900_000, 20 * MS])
    assert "".join(each.cell(row, width, ASCII) for each, width in fit(80)).isascii()


def test_a_narrow_trend_keeps_the_newest() -> None:
    assert column("trend").cell(host("10.0.0.1", [20 * MS]), 6) == "     ▅"


def test_an_unknown_column_is_an_error() -> None:
    with pytest.raises(KeyError):
        column("colour")
