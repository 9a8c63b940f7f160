"""What the word at the cursor can become. `|` is the cursor."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.test_filter_properties import typed
from tui.core.filter import KEYS, FilterError, complete, parse

KNOWN = {
    "if": ["eth0", "wg0", "veth1"],
    "proc": ["curl", "a b", 'x"curl', "Cups", "bad\x1b[2J", "", "curl"],
    "port": ["80", "443", "8080"],
    "ip": ["10.0.0.0/8", "2001:db8::1"],
}


def become(marked: str) -> list[str]:
    """The whole text after each completion."""
    cursor = marked.index("|")
    text = marked.replace("|", "", 1)
    return [text[: each.start] + each.text + text[each.end :] for each in complete(text, cursor, KNOWN)]


@pytest.mark.parametrize(
    ("marked", "texts"),
    [
        ("po|", ["port:"]),
        ("PO|", ["port:"]),
        ("p9|", ["p95>", "p99>"]),
        ("un|", ["unit:", "unreachable>", "unanswered>"]),
        ("curl po|", ["curl port:"]),
        ("(po|", ["(port:"]),
        ("!po|", ["!port:"]),
        ("po|rt:443", ["port:443"]),
        ("p9|5>3", ["p95>3", "p99>3"]),
        ("xyz|", []),
        ("no|", ["not "]),
        ("a o|", ["a or "]),
        ("o|", []),
        ("dir:in o|", ["dir:in or "]),
        ("dir:|", ["dir:in", "dir:out"]),
        ("dir:o|", ["dir:out"]),
        ("DIR=|", ["DIR=in", "DIR=out"]),
        ("dir != |", ["dir != in", "dir != out"]),
        ("if:|", ["if:eth0", "if:wg0", "if:veth1"]),
        ("if:eth|", ["if:eth0", "if:veth1"]),
        ("if:wg0,|", ["if:wg0,eth0", "if:wg0,wg0", "if:wg0,veth1"]),
        ("if:w|x0 a", ["if:wg0 a"]),
        ("proc:cu|", ["proc:curl", "proc:Cups", 'proc:"x\\"curl"']),
        ("proc:a|", ['proc:"a b"']),
        ("process:cu| b", ["process:curl b", "process:Cups b", 'process:"x\\"curl" b']),
        ("port:80|", ["port:80", "port:8080"]),
        ("ip:|", ["ip:10.0.0.0/8", "ip:2001:db8::1"]),
        ("ip:2001:|", ["ip:2001:db8::1"]),
        ("unit:|", []),
        ("p95>|", []),
        ("prt:|", []),
        ("dir: |", None),
        ('"po|', []),
        ('proc:"a|', []),
        ('proc:"a b"|', []),
        ('"a"|', []),
        ("/po|", []),
        ("/a/|", []),
        ("if:/e/|", []),
        ("2001:d|", []),
        ("\x00 po|", []),
    ],
)
def test_what_it_can_become(marked: str, texts: list[str] | None) -> None:
    if texts is None:
        with pytest.raises(FilterError):
            parse(marked.replace("|", ""))
    else:
        assert become(marked) == texts


def test_at_the_start_every_key_and_a_negation() -> None:
    names = [each.text.rstrip(":>") for each in complete("", 0, {})]
    assert names == [*(key.name for key in KEYS), "not "]
    assert all(each.hint for each in complete("", 0, {}))


def test_after_a_term_the_other_side_too() -> None:
    for text in ("a ", "(a) ", "(a)", "/a/ ", '"a" ', "dir:in ", "n>3 "):
        assert "or " in [each.text for each in complete(text, len(text), {})], text
    for text in ("", "!", "a or ", "(", "not ", "a and "):
        assert "or " not in [each.text for each in complete(text, len(text), {})], text


@given(typed, st.integers(0, 60))
@settings(max_examples=500, deadline=None)
def test_it_never_fails_and_replaces_what_is_at_the_cursor(text: str, cursor: int) -> None:
    cursor = min(cursor, len(text))
    for each in complete(text, cursor, KNOWN):
        assert 0 <= each.start <= cursor <= each.end <= len(text)
        assert each.text.isprintable()


@pytest.mark.parametrize("key", ["if", "proc", "port", "ip"])
def test_what_is_completed_can_be_read(key: str) -> None:
    for text in become(f"{key}:|"):
        assert str(parse(text)) == text
