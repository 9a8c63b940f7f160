"""The ring of records: whole batches through shared memory, no call and no callback per event.

The kernel program counts a record, writes it, then says on which turn through the ring it did so. bcc's reader of the
kernel's own ring buffer takes the GIL anew for every event: 2,600 events a second beside a busy screen; this one copies
millions.
"""

from __future__ import annotations

import mmap
import os
import struct
from contextlib import ExitStack
from types import TracebackType

from bpf import maps, syscall
from bpf.event import RECORD

RECORDS = 32768
RESERVE = 1024
"""So many are left free for those who find room at the same time."""
_PRODUCED = struct.Struct("=8xQ")
"""`struct produced`, without its lock."""
_CONSUMED_BYTES = 8


class Ring:
    """The consumer's side, and the maps that it shares with the program. One thread only."""

    def __init__(self) -> None:
        """Make an empty one. Raises OSError."""
        with ExitStack() as stack:
            self.produced_fd = maps.make_locked(maps.Shape("tcplat_ring", maps.ARRAY, 4, _PRODUCED.size, 1))
            stack.callback(os.close, self.produced_fd)
            self.consumed_fd, consumed = maps.make_shared(
                stack, "tcplat_consumed", _CONSUMED_BYTES, is_written=True
            )
            # In one piece, which `struct` does not promise: the program may read it at any time.
            self._told = stack.enter_context(memoryview(consumed).cast("Q"))
            self.records_fd, self._records = maps.make_shared(stack, "tcplat_records", RECORDS * RECORD.size)
            self.turns_fd, self._turns = maps.make_shared(stack, "tcplat_turns", RECORDS)
            self._consumed = 0
            self._leaving = stack.pop_all()

    def read(self) -> bytes:
        """Take what is complete: whole records, oldest first. Never blocks."""
        begin, end = self._consumed, self._consumed + self._complete(self._produced())
        if begin == end:
            return b""
        records = self._between(begin % RECORDS * RECORD.size, end % RECORDS * RECORD.size)
        self._consumed = end
        self._told[0] = end
        return records

    def _between(self, first: int, behind: int) -> bytes:
        if first < behind:
            return self._records[first:behind]
        return self._records[first:] + self._records[:behind]

    def _produced(self) -> int:
        (count,) = _PRODUCED.unpack(syscall.lookup(self.produced_fd, bytes(4), _PRODUCED.size))
        return int(count)

    def _complete(self, produced: int) -> int:
        """Count those in front that are written; another CPU may still be writing one of them."""
        turn, first = divmod(self._consumed, RECORDS)
        waiting = produced - self._consumed
        to_the_end = self._turns[first : first + waiting]
        complete = _leading(to_the_end, turn + 1)
        if complete < len(to_the_end) or complete == waiting:
            return complete
        return complete + _leading(self._turns[: waiting - complete], turn + 2)

    def close(self) -> None:
        """Unmap, and close."""
        self._leaving.close()

    def __enter__(self) -> Ring:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Bell:
    """A BPF_MAP_TYPE_RINGBUF of a page that the program rings when the ring is half full. One thread only.

    Its layout is the kernel's (Documentation/bpf/ringbuf.rst): a page with the consumer's position, then one with the
    producer's.
    """

    def __init__(self, map_fd: int) -> None:
        """Map it. Raises OSError."""
        self.fd = map_fd
        """Polls readable once it was rung."""
        self._consumer = mmap.mmap(map_fd, mmap.PAGESIZE)
        self._producer = mmap.mmap(map_fd, mmap.PAGESIZE, prot=mmap.PROT_READ, offset=mmap.PAGESIZE)

    def hush(self) -> None:
        """Take what rang."""
        self._consumer[:8] = self._producer[:8]

    def close(self) -> None:
        """Unmap."""
        self._producer.close()
        self._consumer.close()


def _leading(turns: bytes, turn: int) -> int:
    """How many were written on this turn, until the first that was not."""
    wanted = bytes([turn & 0xFF])
    if turns.count(wanted) == len(turns):
        return len(turns)
    return len(turns) - len(turns.lstrip(wanted))
