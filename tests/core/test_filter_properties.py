"""The filter language against itself and against a naive reading of its tree."""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bpf.event import address_bytes, address_text
from tests.core.filter_subjects import ROWS, Row
from tests.rounds import rounds
from tui.core.filter import KEYS, FilterError, parse
from tui.core.filter.expression import Filter
from tui.core.filter.keys import GREATEST, KEY_OF, Kind
from tui.core.filter.nodes import (
    Among,
    And,
    Compared,
    Labelled,
    LabelPattern,
    Network,
    Node,
    Not,
    Operator,
    Or,
    Pattern,
    Span,
    Within,
    Word,
)

ADDRESSES = (
    "10.0.0.1",
    "10.1.2.3",
    "192.0.2.7",
    "2001:db8::1",
    "2001:db8::10",
    "::1",
    "fe80::1",
    "::",
    "0.0.0.0",
)
NAMES = ("curl", "Curl", "eth0", "eth1", "a b", 'q"\\', "or", "api.example.org", "10.0.0.0/8", "straße")
PATTERNS = ("a", "^e", "[0-9]$", "(a+)+b", "\\.", "\\/|c", "curl|eth0", "^(10|::)", "0{2,}", "\\bb", "[^a-z]")
NUMBERS = (0, 1, 2, 79, 80, 443, 500_000, 80_000_000, 1_500_000_000, GREATEST)

# Trees


def keys(*kinds: Kind) -> st.SearchStrategy[str]:
    return st.sampled_from([key.name for key in KEYS if key.kind in kinds])


def lists(values: st.SearchStrategy[object], most: int = 3) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(values, min_size=1, max_size=most).map(tuple)


def numbers(key: str) -> st.SearchStrategy[int]:
    measure = KEY_OF[key].measure
    assert measure is not None
    fitting = [each for each in NUMBERS if each <= measure.greatest]
    return st.sampled_from(fitting) | st.integers(0, measure.greatest)


def spans(key: str) -> st.SearchStrategy[Span]:
    return st.tuples(numbers(key), numbers(key)).map(lambda each: Span(min(each), max(each)))


def network(address: str | int, bits: int) -> Network:
    number = int.from_bytes(address_bytes(address), "big") if isinstance(address, str) else address
    kept = number >> 128 - bits << 128 - bits
    return Network(kept.to_bytes(16, "big"), bits)


visible = st.characters(codec="utf-8").filter(str.isprintable)
texts = st.text(visible | st.sampled_from('\\"/()!:=<> ,'), min_size=1, max_size=8) | st.sampled_from(
    (
        *NAMES,
        *ADDRESSES,
        "and",
        "NOT",
        "::ffff:1.2.3.4",
        "2001:0db8::1",
        "1.2.3.4:80",
        "/x/",
        "p95>1",
        "dead:beef",
    )
)
networks = st.builds(network, st.sampled_from(ADDRESSES) | st.integers(0, 2**128 - 1), st.integers(0, 128))
numeric = keys(Kind.NUMBERS, Kind.FIGURE)
leaves: st.SearchStrategy[Node] = st.one_of(
    st.builds(Word, texts),
    st.builds(Pattern, st.sampled_from(PATTERNS)),
    st.builds(Within, lists(networks)),
    st.builds(Labelled, keys(Kind.TEXT), lists(texts)),
    st.builds(Labelled, keys(Kind.NAME), lists(texts.filter(lambda text: "*" not in text))),
    st.builds(Labelled, keys(Kind.CHOICE), lists(st.sampled_from(("in", "out")))),
    st.builds(LabelPattern, keys(Kind.TEXT, Kind.NAME), st.sampled_from(PATTERNS)),
    numeric.flatmap(lambda key: st.builds(Among, st.just(key), lists(spans(key)))),
    numeric.flatmap(
        lambda key: st.builds(Compared, st.just(key), st.sampled_from(Operator), numbers(key)),
    ),
)


def branches(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(nodes, min_size=2, max_size=4).map(tuple)
    return st.builds(Not, nodes) | st.builds(And, several) | st.builds(Or, several)


trees = st.recursive(leaves, branches, max_leaves=10)

# Texts

PIECES = (
    *(
        "a",
        "curl",
        "(",
        ")",
        "!",
        "not",
        "or",
        "and",
        " ",
        ",",
        '"',
        '"a b"',
        "/",
        "/a+/",
        "\\",
        "-",
        ":",
        "=",
        "<",
        ">=",
    ),
    *(
        "dir:out",
        "p95",
        ">",
        "80ms",
        "port:",
        "443",
        "1-1023",
        "ip:",
        "10.0.0.0/8",
        "2001:db8::1",
        "%eth0",
        "n!=3",
        "prt",
    ),
    *(
        "*",
        "[",
        "{2}",
        "\x00",
        "\u0661",
        "\t",
        "!ip:::1",
        "0.5s",
        "host:",
        "if:/e/",
        "::ffff:10.0.0.1",
        "age<1h",
        "k",
        ".",
    ),
)
typed = st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.lists(
    st.sampled_from(PIECES), max_size=12
).map(" ".join)

# Rows

labels = st.lists(st.sampled_from(NAMES), max_size=2).map(tuple)
rows = st.builds(
    Row,
    address=st.lists(st.sampled_from(ADDRESSES), max_size=2).map(tuple),
    host=labels,
    label=st.fixed_dictionaries(dict.fromkeys(("proc", "if", "service", "unit"), labels)).flatmap(
        lambda others: st.sampled_from(((), ("in",), ("in", "out"))).map(lambda dirs: {**others, "dir": dirs})
    ),
    number=st.dictionaries(
        st.sampled_from(("port", "pid")),
        st.frozensets(st.sampled_from(NUMBERS) | st.integers(0, 65535), max_size=3),
    ),
    figures=st.dictionaries(
        st.sampled_from([key.reads for key in KEYS if key.kind is Kind.FIGURE]), st.sampled_from(NUMBERS)
    ),
)

COMPARISONS: dict[Operator, Callable[[float, float], bool]] = {
    Operator.GREATER: operator.gt,
    Operator.AT_LEAST: operator.ge,
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
}


def holds(node: Node, row: Row) -> bool:  # noqa: C901 - a line each
    """The definition of each node."""
    match node:
        case And(terms):
            return all(holds(each, row) for each in terms)
        case Or(terms):
            return any(holds(each, row) for each in terms)
        case Not(term):
            return not holds(term, row)
        case Word(text):
            return any(text.lower() in each.lower() for each in row.texts())
        case Pattern(source):
            return any(re.search(source, each, re.IGNORECASE) for each in row.texts())
        case Within(networks_):
            return any(is_within(address, each) for address in row.address for each in networks_)
        case Labelled(key, values):
            lower = [(value.lower(), each.lower()) for value in values for each in row.labels(key)]
            is_part = KEY_OF[key].kind is Kind.TEXT
            return any(value in each if is_part else value == each for value, each in lower)
        case LabelPattern(key, source):
            return any(re.search(source, each, re.IGNORECASE) for each in row.labels(key))
        case Among(key, spans_):
            return any(each.low <= value <= each.high for value in kept(row, key) for each in spans_)
        case Compared(key, comparison, bound):
            return any(COMPARISONS[comparison](value, bound) for value in kept(row, key))


def is_within(address: str, each: Network) -> bool:
    as_ipv4 = each.first.startswith(bytes(10) + b"\xff\xff") and each.bits >= 96
    bits = each.bits - 96 if as_ipv4 else each.bits
    first = address_text(each.first) if as_ipv4 else str(ipaddress.IPv6Address(each.first))
    return ipaddress.ip_address(address) in ipaddress.ip_network(f"{first}/{bits}")


def kept(row: Row, key: str) -> list[int]:
    """What the row has, in the unit that numbers are kept in."""
    known = KEY_OF[key]
    if known.kind is Kind.NUMBERS:
        return list(row.numbers(known.reads))
    figure = row.figure(known.reads)
    assert known.measure is not None
    return [] if figure is None else [round(figure * known.measure.figure_size)]


@given(trees)
@settings(max_examples=rounds(200, 4000), deadline=None)
def test_what_is_printed_reads_as_the_same_tree(tree: Node) -> None:
    assert parse(str(Filter(tree))) == Filter(tree)


@given(typed | st.text(max_size=40))
@example('not(a or"b")and!/c/')
@settings(max_examples=rounds(500, 10_000), deadline=None)
def test_any_text_is_read_and_printed_the_same_or_pointed_at(text: str) -> None:
    try:
        parsed = parse(text)
    except FilterError as error:
        _check_error(error, text)
        return
    printed = str(parsed)
    assert parse(printed) == parsed
    assert str(parse(printed)) == printed
    passes = parsed.predicate()
    for row in ROWS.values():
        assert passes(row) == (parsed.root is None or holds(parsed.root, row))


def _check_error(error: FilterError, text: str) -> None:
    assert 0 <= error.start < error.end <= len(text)
    assert error.message and error.message.isprintable()


@given(trees, st.lists(rows, min_size=1, max_size=3))
@settings(max_examples=rounds(125, 2500), deadline=None)
def test_the_predicate_is_what_the_tree_says(tree: Node, some: list[Row]) -> None:
    passes = Filter(tree).predicate()
    for row in some:
        assert passes(row) == holds(tree, row)


@given(trees, trees, st.sampled_from(list(ROWS.values())))
@settings(deadline=None)
def test_the_laws_of_logic(one: Node, other: Node, row: Row) -> None:
    def passes(node: Node) -> bool:
        return Filter(node).predicate()(row)

    assert passes(Not(one)) != passes(one)
    assert passes(Not(And((one, other)))) == passes(Or((Not(one), Not(other))))
    assert passes(And((one, other))) == passes(And((other, one, other)))
