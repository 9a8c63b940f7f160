"""A ring that is written from here, as the kernel program would."""

from __future__ import annotations

import mmap
import struct
from contextlib import ExitStack

from bpf import syscall
from bpf.event import RECORD
from bpf.ring import RECORDS, Ring


class Stand:
    """The ring, and the program's side of it. One thread; as root."""

    def __enter__(self) -> Stand:
        with ExitStack() as stack:
            self.ring = stack.enter_context(Ring())
            self._records = stack.enter_context(mmap.mmap(self.ring.records_fd, RECORDS * RECORD.size))
            self._turns = stack.enter_context(mmap.mmap(self.ring.turns_fd, RECORDS))
            self._counted = 0
            self._leaving = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.close()

    def put(self, written: bytes) -> None:
        """Count whole records, write them, and say that they are there. There must be room."""
        self.write(self.count(len(written) // RECORD.size), written)

    def count(self, records: int) -> int:
        """Say that so many are being written; return the first one's number."""
        first = self._counted
        self._counted += records
        syscall.update(self.ring.produced_fd, bytes(4), struct.pack("=8xQ", self._counted))
        return first

    def write(self, first: int, written: bytes) -> None:
        """Write records that were counted, from this number on."""
        count = len(written) // RECORD.size
        while count:
            turn, place = divmod(first, RECORDS)
            fitting = min(count, RECORDS - place)
            size = fitting * RECORD.size
            self._records[place * RECORD.size : place * RECORD.size + size] = written[:size]
            self._turns[place : place + fitting] = bytes([(turn + 1) & 0xFF]) * fitting
            first, count, written = first + fitting, count - fitting, written[size:]
