"""Which values a field has among many handshakes: mostly one, which is seen without a look at each of them."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from bpf.event import CODES, Handshake, Records, values_of


def distinct(handshakes: Sequence[Handshake], name: str) -> set[int]:
    """Of a field that is a number: 0.01 us a handshake of records that have one value, 0.05 of others."""
    if isinstance(handshakes, Records) and handshakes:
        width = struct.calcsize("=" + CODES[name])
        columns = [handshakes.column(name, byte) for byte in range(width)]
        if all(column == column[:1] * len(column) for column in columns):
            return set(values_of(handshakes[:1], name))
    return set(values_of(handshakes, name))
