"""The tree as canonical text, which parses back to an equal tree."""

from __future__ import annotations

import re

from tui.core.filter.keys import KEY_OF, Measure
from tui.core.filter.networks import Misplaced, network_text, word_text
from tui.core.filter.nodes import (
    Among,
    And,
    Compared,
    Labelled,
    LabelPattern,
    Node,
    Not,
    Or,
    Pattern,
    Within,
    Word,
)
from tui.core.filter.numbers import number_text, span_text
from tui.core.filter.tokens import KEYWORDS

_PLAIN = re.compile(r"[\w.-]+")
_ADDRESS_PART = re.compile(r"[0-9a-f]*:[0-9a-f:.]*")


def text_of(node: Node) -> str:
    """Write a tree."""
    match node:
        case Or(terms):
            return " or ".join(_grouped(each) if isinstance(each, Or) else text_of(each) for each in terms)
        case And(terms):
            return " ".join(_grouped(each) if isinstance(each, And | Or) else text_of(each) for each in terms)
        case Not(term):
            return "!" + (_grouped(term) if isinstance(term, And | Or) else text_of(term))
        case _:
            return _leaf_text(node)


def _grouped(node: Node) -> str:
    return f"({text_of(node)})"


def _leaf_text(node: Node) -> str:
    match node:
        case Word(text):
            return text if _is_bare(text) else quoted(text)
        case Pattern(source):
            return f"/{source}/"
        case Within(networks):
            return "ip:" + ",".join(map(network_text, networks))
        case Labelled(key, values):
            return f"{key}:" + ",".join(map(value_text, values))
        case LabelPattern(key, source):
            return f"{key}:/{source}/"
        case Among(key, spans):
            return f"{key}:" + ",".join(span_text(each, measure_of(key)) for each in spans)
        case Compared(key, operator, value):
            return f"{key}{operator.value}{number_text(value, measure_of(key))}"
    raise TypeError(node)


def measure_of(key: str) -> Measure:
    """The measure of a numeric key."""
    measure = KEY_OF[key].measure
    assert measure is not None, key
    return measure


def value_text(text: str) -> str:
    """A text as it goes after `key:`, in quotation marks where it needs them."""
    return text if _PLAIN.fullmatch(text) else quoted(text)


def quoted(text: str) -> str:
    """A text in quotation marks."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_bare(text: str) -> bool:
    if _PLAIN.fullmatch(text):
        return text.lower() not in KEYWORDS
    try:
        return bool(_ADDRESS_PART.fullmatch(text)) and word_text(text) == text
    except Misplaced:
        return False
