"""The server's URL: what it may be, and that a password in it is never shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.fleet.address import ServerAddress, server_address


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("http://127.0.0.1:9090", "http://127.0.0.1:9090"),
        ("127.0.0.1:9090", "http://127.0.0.1:9090"),
        ("prom.example", "http://prom.example"),
        ("https://prom.example/", "https://prom.example"),
        ("https://prom.example:443/a/b/", "https://prom.example/a/b"),
        ("https://prom.example/prometheus/api/v1", "https://prom.example/prometheus"),
        ("http://[::1]:9090/p", "http://[::1]:9090/p"),
        ("HTTP://Prom.Example:80", "http://prom.example"),
        ("https://me:s3cret@prom.example:8443", "https://prom.example:8443"),
    ],
)
def test_what_is_typed_and_shown(typed: str, shown: str) -> None:
    assert str(server_address(typed)) == shown
    assert server_address(typed).name == shown.partition("://")[2]


def test_user_and_password_are_unquoted() -> None:
    found = server_address("https://me%40here:p%3Aw%2F@prom.example")
    assert (found.user, found.password) == ("me@here", "p:w/")
    assert found == ServerAddress("https", "prom.example", 443, "", "me@here", "p:w/")


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "names no host"),
        ("http://", "names no host"),
        ("ftp://prom.example", "neither with http"),
        ("http://prom.example:99999", "no host and port"),
        ("http://prom.example:nine", "no host and port"),
        ("http://prom.example:0", "port 0"),
        ("http://[::1", "no host and port"),
        ("http://prom.example/?query=up", "a \\? or #"),
        ("http://prom .example", "a blank"),
        ("http://prom.example/\x1b[2J", "a blank"),
    ],
)
def test_what_makes_no_sense_is_told_in_a_line(typed: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        server_address(typed)
    assert "\n" not in str(caught.value) and "such as http" in str(caught.value)


@given(st.text(), st.sampled_from(["", ":9090", ":x", ":0", "/?a", "#"]))
def test_no_error_and_no_text_quotes_a_password(odd: str, tail: str) -> None:
    try:
        found = server_address(f"https://me:Zs3cretZ{odd}@prom.example{tail}")
        told = f"{found} {found!r} {found.name}"
    except ValueError as error:
        told = str(error)
    assert "s3cret" not in told
