"""What is wrong with a filter: one line, and the characters it is about."""

from __future__ import annotations

import pytest

from tui.core.filter import FilterError, parse

LONG = "a" * 1_000_000

ERRORS = [
    # text, what is pointed at, message
    ("prt:443", "prt", "unknown key 'prt'; did you mean port?"),
    ("a or procces=x", "procces", "unknown key 'procces'; did you mean proc?"),
    ("p98>1", "p98", "unknown key 'p98'; did you mean p99?"),
    ("xyzzy:1", "xyzzy", "unknown key 'xyzzy'; text with such a sign in it goes in quotation marks"),
    ("or>3", "or", "unknown key 'or'; did you mean port?"),
    ("p95>fast", "fast", "p95 takes a time like 80ms, not 'fast'"),
    ("p95>1m", "1m", "p95 takes a time like 80ms, not '1m'"),
    ("p95>", "p95>", "p95 takes a time like 80ms"),
    ("a p95 >= or b", "or", "p95 takes a time like 80ms, not 'or'"),
    ("p95>0.1ns", "0.1ns", "p95 takes a time like 80ms, not '0.1ns'"),
    ("p95>-1", "-1", "p95 takes a time like 80ms, not '-1'"),
    ("p95>80-90", "80-90", "p95 takes a time like 80ms, not '80-90'"),
    ("p95>1,2", "2", "only one value can follow '>'"),
    ("p95>/8/", "/8/", "p95 takes a time like 80ms, not '8'"),
    ("p95:/8/", "/8/", "p95 takes a time like 80ms, not a regular expression"),
    ("age<5ms", "5ms", "age takes a time like 30s or 5m, not '5ms'"),
    ("n>1.5", "1.5", "n takes a whole number like 20, not '1.5'"),
    ("n>\u0661\u0662", "\u0661\u0662", "n takes a whole number like 20, not '\u0661\u0662'"),
    ("n>\u00b2", "\u00b2", "n takes a whole number like 20, not '\u00b2'"),
    ("n>1e9", "1e9", "n takes a whole number like 20, not '1e9'"),
    ("n>9999999999G", "9999999999G", "'9999999999G' is too great"),
    ("n>" + "9" * 99, "9" * 99, f"n takes a whole number like 20, not '{'9' * 21}...'"),
    ("port:http", "http", "port takes a port like 443 or a range like 1-1023, not 'http'"),
    ("port:65536", "65536", "'65536' is too great: port is at most 65535"),
    ("port:80,70000-80000", "70000-80000", "'70000' is too great: port is at most 65535"),
    ("port:443-80", "443-80", "the range is reversed: write 80-443"),
    ("port:80,", "port:80,", "port takes a port like 443 or a range like 1-1023"),
    ("port:,80", "port:", "port takes a port like 443 or a range like 1-1023"),
    ("port:80-", "80-", "port takes a port like 443 or a range like 1-1023, not '80-'"),
    ("p95:2s-100ms", "2s-100ms", "the range is reversed: write 100ms-2s"),
    ("ip:10.0.0/8", "10.0.0/8", "ip takes an address or a network like 10.0.0.0/8, not '10.0.0/8'"),
    ("ip:10.0.0.0/33", "10.0.0.0/33", "ip takes an address or a network like 10.0.0.0/8, not '10.0.0.0/33'"),
    ("ip:10.0.0.1,x", "x", "ip takes an address or a network like 10.0.0.0/8, not 'x'"),
    (
        "ip:\u0661.1.1.1",
        "\u0661.1.1.1",
        "ip takes an address or a network like 10.0.0.0/8, not '\u0661.1.1.1'",
    ),
    (
        "ip:2001:db8::/129",
        "2001:db8::/129",
        "ip takes an address or a network like 10.0.0.0/8, not '2001:db8::/129'",
    ),
    ("ip:fe80::1%eth0", "fe80::1%eth0", "addresses have no zone here: write fe80::1 if:eth0"),
    ("fe80::1%wg0/64", "fe80::1%wg0/64", "addresses have no zone here: write fe80::1 if:wg0"),
    ("10.0.0.1:443", "10.0.0.1:443", "an address and its port stand apart: write 10.0.0.1 port:443"),
    (
        "[2001:db8::1]:443",
        "[2001:db8::1]:443",
        "an address and its port stand apart: write 2001:db8::1 port:443",
    ),
    ("ip>1.2.3.4", ">", "ip has no order, so '>' says nothing: write ip:10.0.0.0/8,2001:db8::/32"),
    ("dir:sideways", "sideways", "dir takes in or out, not 'sideways'"),
    ("dir:/i/", "/i/", "dir takes in or out, not a regular expression"),
    ("if:veth*", "veth*", "no * here: write /^veth/"),
    ("host:a,/b/", "a,/b/", "a regular expression stands alone: write /one|other/"),
    ("host: a", "host:", "host takes part of a name or address"),
    (">3", ">", "'>' has no key before it"),
    ("n!=3 != c", "!", "'!' has no key before it"),
    # logic
    ("a or", "or", "there is nothing after 'or'"),
    ("or a", "or", "there is nothing before 'or'"),
    ("a OR or b", "OR", "there is nothing after 'OR'"),
    ("a and", "and", "there is nothing after 'and'"),
    ("(a or) b", "or", "there is nothing after 'or'"),
    ("not", "not", "there is nothing after 'not'"),
    ("a !", "!", "there is nothing after '!'"),
    ("(", "(", "this parenthesis is never closed"),
    ("a (b (c)", "(", "this parenthesis is never closed"),
    (")", ")", "this parenthesis was never opened"),
    ("a or b) c", ")", "this parenthesis was never opened"),
    ("a () b", "()", "there is nothing between these parentheses"),
    ("(or b)", "or", "there is nothing before 'or'"),
    ("(" * 31 + "a" + ")" * 31, "(", "more than 30 levels deep"),
    ("!" * 1999 + "a", "!", "more than 30 levels deep"),
    # quotation
    ('a "b', '"', "this quotation mark is never closed"),
    ('a ""', '""', "there is nothing between the quotation marks"),
    ('"a"b', "b", 'there must be a space after "'),
    ("/b", "/b", "this regular expression is never closed: /.../"),
    ("/b/i", "i", "there must be a space after /"),
    ("//", "//", "there is nothing between the slashes"),
    # characters
    ("a\x00b", "\x00", "a character that cannot be seen: U+0000"),
    ('"a\x1b[31m"', "\x1b", "a character that cannot be seen: U+001B"),
    ("a\u200bb", "\u200b", "a character that cannot be seen: U+200B"),
    ("a\u202eb", "\u202e", "a character that cannot be seen: U+202E"),
    ("a\udc80", "\udc80", "a character that cannot be seen: U+DC80"),
    (LONG, LONG[2000:], "a filter has at most 2,000 characters, this one 1,000,000"),
    # regular expressions
    ("x /(a/", "(", "regular expression: this parenthesis is never closed"),
    ("/a)/", ")", "regular expression: unbalanced parenthesis"),
    ("/[a/", "[", "regular expression: this [ is never closed"),
    ("/[]/", "[", "regular expression: this [ is never closed"),
    ("/[z-a]/", "z-a", "regular expression: bad range z-a"),
    ("/[a-\\d]/", "a-\\d", "regular expression: bad range a-\\d"),
    ("/*a/", "*", "regular expression: nothing to repeat"),
    ("/^*/", "*", "regular expression: nothing to repeat"),
    ("/a**/", "*", "regular expression: multiple repeat"),
    ("/a{3,2}/", "{3,2}", "regular expression: write {2,3}: the least comes first"),
    ("/\\q/", "\\q", "regular expression: unknown escape \\q"),
    ("/(a)\\1/", "\\1", "regular expression: no back-references here: they can take for ever"),
    ("/(?=a)/", "(?", "regular expression: of groups with ? only (?:...) is known here"),
    ("/(a{99}){99}/", "(a{99}){99}", "regular expression: its repetitions come to more than 256 characters"),
    ("proc:/" + "(" * 99 + "/", "(", "regular expression: more than 20 groups deep"),
    ("proc:/(/", "(", "regular expression: this parenthesis is never closed"),
    ("/" + "a" * 201 + "/", "a", "regular expression: at most 200 characters"),
]


@pytest.mark.parametrize(("text", "part", "message"), ERRORS, ids=[text[:30] for text, _, _ in ERRORS])
def test_what_is_wrong_is_said_and_pointed_at(text: str, part: str, message: str) -> None:
    with pytest.raises(FilterError) as raised:
        parse(text)
    error = raised.value
    assert error.message == str(error) == message
    assert text[error.start : error.end] == part
    assert len(error.message) <= 110


def test_of_equal_parts_the_one_that_is_wrong_is_pointed_at() -> None:
    for text, start in (("a (b (c)", 2), ("a**", 2), ("a or or b", 2), ("(a))", 3)):
        with pytest.raises(FilterError) as raised:
            parse(f"/{text}/" if "*" in text else text)
        assert raised.value.start == start + ("*" in text)


def test_as_long_and_as_deep_as_can_be_is_read() -> None:
    for text in ("a" * 2000, "a " * 1000, "!" * 30 + "a", "(" * 30 + "a" + ")" * 30, "a or " * 399 + "b"):
        parsed = parse(text)
        assert parse(str(parsed)) == parsed
        parsed.predicate()


def test_what_would_be_too_long_when_printed_is_refused() -> None:
    with pytest.raises(FilterError, match="written in full"):
        parse("a" + "!b" * 999)
