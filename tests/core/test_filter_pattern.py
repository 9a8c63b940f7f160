"""Regular expressions without backtracking: held against `re`, and against what stops `re` for ever."""

from __future__ import annotations

import re
import time
import warnings

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.rounds import rounds
from tui.core.filter import FilterError
from tui.core.filter.automaton import Automaton, searcher
from tui.core.filter.pattern import LARGEST, size, tree_of

atoms = st.sampled_from(
    (
        *(
            "a",
            "b",
            "B",
            "1",
            "-",
            "_",
            ".",
            "\\.",
            "\\d",
            "\\w",
            "\\s",
            "\\D",
            "\\W",
            "\\S",
            "\\b",
            "\\B",
            "^",
            "$",
        ),
        *(
            "[ab]",
            "[^a]",
            "[a-c1]",
            "[^\\d]",
            "[\\w.-]",
            "[]a]",
            "[^]a]",
            "[-a]",
            "[a-]",
            "[A-C]",
            "[.\\]\\\\]",
        ),
        *("\\A", "\\Z", "()", "{", "}", "]", "{}", "{a", "{,a}", "\\/", "\\-"),
    )
)
repeats = st.sampled_from(
    ("", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{0}", "{1,2}", "{,2}", "{2,}", "{0,1}?")
)


def larger(patterns: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(patterns, repeats).map(lambda each: f"({each[0]}){each[1]}"),
        st.tuples(patterns, repeats).map(lambda each: f"(?:{each[0]}){each[1]}"),
        st.lists(patterns, max_size=3).map("".join),
        st.lists(patterns, min_size=2, max_size=3).map("|".join),
    )


def is_repeatable(atom: str) -> bool:
    return atom not in ("^", "$", "\\b", "\\B", "\\A", "\\Z")


single = atoms | st.tuples(atoms.filter(is_repeatable), repeats).map("".join)
patterns = st.recursive(single, larger, max_leaves=6).filter(lambda source: len(source) <= 40)
short = st.text("aAbB1-_. ", max_size=7)


@given(patterns, st.lists(short, min_size=1, max_size=10))
@example("(a|b*)*$", ["", "c"])
@example("(^a|\\b)+b", ["ab", "b", "-b"])
@example("{,}", ["", "{,}"])
@settings(max_examples=rounds(500, 10_000), deadline=None)
def test_it_finds_what_re_finds(source: str, texts: list[str]) -> None:
    try:
        theirs = re.compile(source, re.IGNORECASE)
    except re.error:
        with pytest.raises(FilterError):
            tree_of(source)
        return
    search = searcher(source)
    for text in texts:
        if text or "\\B" not in source:  # until Python 3.14 \B does not match the empty text
            assert search(text) == bool(theirs.search(text)), (source, text)


@given(st.text("ab1()[]{}|*+?^$\\.,-dwsbB ", max_size=12), short)
@settings(max_examples=rounds(500, 10_000), deadline=None)
def test_what_is_read_means_the_same_to_re(source: str, text: str) -> None:
    try:
        search = searcher(source)
    except FilterError as error:
        _check_span(error, source)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # [[ and the like may mean something one day
        theirs = re.compile(source, re.IGNORECASE)
    if text or "\\B" not in source:
        assert search(text) == bool(theirs.search(text))


def _check_span(error: FilterError, source: str) -> None:
    assert 0 <= error.start < error.end <= len(source)


# Each takes `re` more than four seconds on one of these texts (measured), most of them for ever.
NASTY = (
    "(a+)+b",
    "(a*)*b",
    "(a|a)*b",
    "(a|aa)+$b",
    "(.*)*.*b",
    "a*" * 20 + "b",
    "(a?){60}" + "a{60}b",
    "((a+)?(a+)?)*b",
    "(.*a){20}b",
    "(a|b|ab)*ba{3}b",
    "(\\w+\\s?)*!",
)
LONG = ("a" * 64, "a" * 253, "ab" * 100, "a" * 100 + "!" + "a" * 100)


@pytest.mark.parametrize("source", NASTY)
def test_no_pattern_takes_for_ever(source: str) -> None:
    search = searcher(source)
    began = time.process_time()
    for text in LONG:
        search(text)
    assert time.process_time() - began < 5, "all of them take milliseconds"


@pytest.mark.parametrize("source", ["a.{60}c", "(a|b)*a(a|b){60}c"])
def test_more_steps_than_are_kept_are_forgotten(source: str) -> None:
    text = "".join("ab"[number * number % 7 % 2] + "ab"[number % 11 % 2] for number in range(200))
    automaton = Automaton(tree_of(source), kept=50)
    assert not automaton.search(text)
    assert automaton.search(text + "a" + "b" * 60 + "c")
    assert not automaton.search(text + "b" * 61 + "c")
    assert automaton.steps <= 50


@given(patterns, st.lists(short, min_size=1, max_size=10))
@settings(deadline=None)
def test_forgetting_changes_nothing(source: str, texts: list[str]) -> None:
    try:
        tree = tree_of(source)
    except FilterError:
        return
    forgetful, other = Automaton(tree, kept=1), Automaton(tree)
    for text in texts:
        assert forgetful.search(text) == other.search(text)


def test_what_is_too_large_is_refused_before_it_is_built() -> None:
    for source in ("a{9999}", "((a{50}){50}){50}", "(" * 19 + "a{9}" + "){9}" * 19, "(a{200}){2,}"):
        with pytest.raises(FilterError, match="repetitions"):
            searcher(source)
    assert size(tree_of("a{200}")) <= LARGEST


@pytest.mark.parametrize(
    ("source", "text"),
    [("É", "café"), ("[à-ý]$", "CAFÉ"), ("^\\w+$", "straße"), ("^.$", "\U0001f600"), ("\\d", "\u0661")],
)
def test_other_alphabets(source: str, text: str) -> None:
    assert searcher(source)(text)
    assert re.search(source, text, re.IGNORECASE)
