"""Lists by rtnetlink, and what is damaged or refused. Needs no root: everybody may ask."""

from __future__ import annotations

import errno
import struct

import pytest

from bpf.netlink import GET_LINKS, attributes, dump


def attribute(kind: int, value: bytes) -> bytes:
    return (struct.pack("=HH", len(value) + 4, kind) + value).ljust(-(-(len(value) + 4) // 4) * 4, b"\0")


def test_attributes_are_padded_and_may_carry_flags() -> None:
    data = b"head" + attribute(3, b"eth0\0") + attribute(0x8000 | 26, b"") + attribute(16, b"\6")
    assert list(attributes(data, 4)) == [(3, b"eth0\0"), (26, b""), (16, b"\6")]
    assert list(attributes(data[:-3], 4)) == list(attributes(data, 4))


@pytest.mark.parametrize("rest", [b"", b"\4", b"\0\0\0\0", b"\3\0\1\0", b"\xff\xff\1\0abc"])
def test_what_is_cut_off_is_left_out(rest: bytes) -> None:
    assert list(attributes(attribute(1, b"abcd") + rest, 0)) == [(1, b"abcd")]


def test_there_is_a_link_everywhere() -> None:
    links = dump(GET_LINKS, bytes(16))
    assert any((3, b"lo\0") in attributes(link, 16) for link in links)


def test_what_the_kernel_refuses_is_an_error() -> None:
    with pytest.raises(OSError, match="not supported") as caught:
        dump(0x7FFF, bytes(16))
    assert caught.value.errno == errno.EOPNOTSUPP
