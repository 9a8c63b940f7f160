"""The filter language by example: what is typed, what is shown."""

from __future__ import annotations

import pytest

from tests.core.filter_subjects import ROWS, Row, matching
from tests.core.handshakes import MS
from tui.core.filter import GRAMMAR, KEYS, parse

EXAMPLES = [
    ("", "all"),
    ("  \t\n\u00a0 ", "all"),
    # words
    ("example", "web slow six"),
    ("EXAMPLE .ORG", "web six"),
    ("curl", "web slow"),
    ("https", "web"),
    ("203.0", "slow few"),
    ('"a \\"b\\" (c)"', "dead"),
    ("a,b", ""),
    ('"or"', "web six silent"),
    ("postgres sql", "lan"),
    # addresses as words
    ("2001:db8::1", "six six10"),
    ("2001:0DB8:0:0::1", "six six10"),
    ("db8:", "six six10"),
    ("fe80::", "link"),
    ("::10", "six10"),
    ("::ffff:10.1.2.3", "lan"),
    ("10.0.0.0/8", "lan vpn"),
    ("2001:db8::/32", "six six10"),
    # networks
    ("ip:10.1.2.3", "lan"),
    ("ip:10.0.0.0/8", "lan vpn"),
    ("ip:10.9.9.9/8", "lan vpn"),
    ("ip:10.0.0.0/255.0.0.0", "lan vpn"),
    ("ip:10.1.0.0/16,203.0.113.9", "lan slow"),
    ("ip:2001:db8::/124", "six"),
    ("ip:::/0", "six six10 link"),
    ("ip:0.0.0.0/0", "- six six10 link none"),
    ("ip:::ffff:10.0.0.0/104", "lan vpn"),
    ("net:fe80::/10", "link"),
    ("!ip:0.0.0.0/0", "six six10 link none"),
    # expressions
    ("/^10\\./", "lan vpn"),
    ("/org$|net$/", "web slow six"),
    ("/CURL(-main)?$/", "web slow"),
    ("/^(sql|gw)$/", "lan vpn"),
    ("!/./", "none"),
    ("/\\/|\\(/", "dead"),
    ("host:/^six|^peer/", "six both"),
    ("if:/^eth/", "both six link"),
    # texts
    ("host:example.org", "web six"),
    ("host:curl", ""),
    ("proc:curl", "web slow"),
    ("proc:curl,POST", "web slow lan"),
    ('host:"(c)"', "dead"),
    ("unit:api", "lan"),
    ("if:eth0", "both six"),
    ("if:ETH0,wg0", "both six vpn"),
    ("dir:in", "vpn both link"),
    ("dir:in dir:out", "both"),
    ("dir:in,out", "- none"),
    ("direction=Inbound", "vpn both link"),
    ("dir!=out", "vpn link none"),
    # numbers
    ("port:443", "web slow six"),
    ("!port:443", "- web slow six"),
    ("port:1-1023", "- few lan none"),
    ("port:80,5000-9000", "web six10 few lan"),
    ("port>8000", "few"),
    ("port<=22", "vpn dead silent"),
    ("port!=443", "- web slow six"),
    ("pid:812", "web"),
    ("n:20", "slow six"),
    ("n=20", "slow six"),
    ("n==20", "slow six"),
    ("count>=1k", "lan"),
    ("n>4.9k", "lan"),
    ("n<2", "both dead silent"),
    ("rate>2", "lan"),
    ("rate:2.5", "lan"),
    ("rate>=2.500000001", ""),
    ("retx>0", "both"),
    ("failed>=2", "dead silent"),
    ("fail:4", "dead"),
    ("refused>0", "dead"),
    ("unanswered>0 unreachable>0", "silent"),
    # times
    ("p95>80ms", "slow few vpn"),
    ("p95 > 80", "slow few vpn"),
    ("p95>=80", "slow few vpn six"),
    ("p95:80", "six"),
    ("p95:0.08s", "six"),
    ("p95:80000\u00b5s", "six"),
    ("p95:80000\u03bcs", "six"),
    ("p95:80-85ms", "six few vpn"),
    ("p95:80ms-85", "six few vpn"),
    ("p95<1", "lan"),
    ("p95<=500us", "lan"),
    ("p50:1.5us", "six10"),
    ("min<1us", "six10"),
    ("max>1.999s", "slow"),
    ("age>10", "dead"),
    ("age>=10s", "dead silent"),
    ("age<1m", "silent"),
    ("age:1.5m", "dead"),
    ("age>0.025h", ""),
    # not having one
    ("!p95>80ms", "- slow few vpn"),
    ("not p95<=80ms", "- web lan six"),
    ("p95>=0 or p95<0", "web slow few lan vpn six"),
    # logic
    ("dir:out !ip:10.0.0.0/8 p95>80ms n>=20 or retx>0", "slow both"),
    ("curl or sql p95>1", "web slow"),
    ("(curl or sql) p95>20ms", "slow"),
    ("curl and slow", "slow"),
    ("CURL AND NOT Slow OR Sql", "web lan"),
    ("!(curl or sql)", "- web slow lan"),
    ("!!sql", "lan"),
    ("! sql curl", "web slow"),
    ("(curl)(slow)", "slow"),
    ("port:443!curl", "six"),
    ("((((sql))))", "lan"),
]


@pytest.mark.parametrize(("text", "names"), EXAMPLES)
def test_what_is_typed_shows(text: str, names: str) -> None:
    passes = parse(text).predicate()
    assert {name for name, row in ROWS.items() if passes(row)} == matching(names)


@pytest.mark.parametrize(("text", "names"), EXAMPLES)
def test_its_canonical_text_means_the_same(text: str, names: str) -> None:
    parsed = parse(text)
    assert parse(str(parsed)) == parsed


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", ""),
        ("  A  and\tb ", "A b"),
        ("(a b) or (c)", "a b or c"),
        ("a (b c)", "a (b c)"),
        ("not not a", "!!a"),
        ("!(a)", "!a"),
        ("!(a or b)", "!(a or b)"),
        ('"plain" "two words" "or" "x:y"', 'plain "two words" "or" "x:y"'),
        ("net=10.1.2.3/8", "ip:10.0.0.0/8"),
        ("::FFFF:10.0.0.1 2001:DB8::", "10.0.0.1 2001:db8::"),
        ("p95 > 1500 p50<0.2 p99:0-0.5s", "p95>1.5s p50<200us p99:0ns-500ms"),
        ("max>=1.000000001s", "max>=1.000000001s"),
        ("age>90 age<3600 age:4800", "age>1.5m age<1h age:80m"),
        ("count>=20k", "n>=20000"),
        ("dir!=inbound", "!dir:in"),
        ('proc:a,"b c"', 'proc:a,"b c"'),
    ],
)
def test_the_canonical_text(text: str, canonical: str) -> None:
    assert str(parse(text)) == canonical


def test_one_of_several_is_enough_and_none_is_none() -> None:
    row = Row(
        address=("10.0.0.1", "2001:db8::1"), number={"port": frozenset({80, 443})}, label={"proc": ("a", "b")}
    )
    for text in (
        "port:443",
        "port:80",
        "port!=22",
        "port>100",
        "proc:a proc:b",
        "ip:10.0.0.0/8 ip:2001:db8::/32",
    ):
        assert parse(text).predicate()(row), text
    for text in ("port!=443", "!port:80,22", "port>443", "!proc:a", "!ip:::/0"):
        assert not parse(text).predicate()(row), text


def test_a_single_handshake_is_filtered_like_a_row() -> None:
    latency_ns = 90 * MS
    figures = dict.fromkeys(("last", "min", "p50", "p95", "p99", "max"), latency_ns) | {
        "count": 1,
        "retx": 0,
    }
    handshake = Row(address=("10.0.0.1",), label={"dir": ("out",)}, figures=figures)
    assert parse("dir:out p95>80ms last>80ms n:1 retx:0").predicate()(handshake)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_a_key_says_what_it_is(key: object) -> None:
    known = next(each for each in KEYS if each is key)
    assert known.help and known.takes
    assert known.example.startswith(known.name)
    assert str(parse(known.example)).startswith(known.name)
    for alias in known.aliases:
        assert parse(alias + known.example[len(known.name) :]) == parse(known.example)


def test_keys_and_their_aliases_are_different_and_none_looks_like_an_address() -> None:
    names = [name for key in KEYS for name in (key.name, *key.aliases)]
    assert len(set(names)) == len(names)
    assert not [name for name in names if set(name) <= set("0123456789abcdef")]


def test_the_grammar_fits_a_screen() -> None:
    assert max(map(len, GRAMMAR.splitlines())) <= 110
    assert all(
        f"\n{rule} " in f"\n{GRAMMAR}"
        for rule in ("filter", "any", "all", "negated", "term", "word", "value")
    )
