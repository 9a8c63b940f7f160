"""`[HOST]:PORT`: loopback unless told."""

from __future__ import annotations

import pytest

from tui.exporter.address import Address, address


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (":9811", Address("127.0.0.1", 9811)),
        ("127.0.0.2:0", Address("127.0.0.2", 0)),
        ("0.0.0.0:65535", Address("0.0.0.0", 65535)),
        ("[::1]:9811", Address("::1", 9811)),
        ("localhost:9811", Address("localhost", 9811)),
    ],
)
def test_what_is_an_address(text: str, read: Address) -> None:
    assert address(text) == read
    assert address(str(read)) == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "9811",
        "localhost",
        ":65536",
        ":-1",
        ":+1",
        ": 1",
        ":٣",
        "::1:9811",
        "[]:9811",
        "[::1]",
        ":1:2",
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not \[HOST\]:PORT, such as :9811"):
        address(text)
