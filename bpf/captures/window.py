"""Window: of a stream, the part that was read and not yet used."""

from __future__ import annotations

import zlib
from typing import BinaryIO

READ_BYTES = 256 * 1024
_BREAKS = (OSError, EOFError, ValueError, zlib.error)
"""What reading a file, a pipe or a compressed stream may raise."""


class Damaged(Exception):
    """What follows cannot be read; says why."""


class Window:
    """Bytes `at` and after in `data` are not used yet. One thread; blocks on a pipe only while nothing has come."""

    def __init__(self, stream: BinaryIO) -> None:
        # A buffered stream's `read` waits until it has everything asked for, its `read1` does not.
        self._read = getattr(stream, "read1", stream.read)
        self.data = b""
        self.at = 0

    @property
    def left_bytes(self) -> int:
        """How much is here already."""
        return len(self.data) - self.at

    def has(self, size: int) -> bool:
        """Read until `size` bytes are here; False: the stream ends before. Raises Damaged."""
        left = self.left_bytes
        if left >= size:
            return True
        parts = [self.data[self.at :]]
        while left < size and (part := self._more()):
            parts.append(part)
            left += len(part)
        self.data, self.at = b"".join(parts), 0
        return left >= size

    def skip(self, size: int) -> bool:
        """Use up `size` bytes, which need not fit into memory; False: the stream ends before. Raises Damaged."""
        while size > self.left_bytes:
            size -= self.left_bytes
            self.data, self.at = self._more(), 0
            if not self.data:
                return False
        self.at += size
        return True

    def _more(self) -> bytes:
        try:
            return self._read(READ_BYTES) or b""
        except _BREAKS as error:
            raise Damaged(f"cannot be read any further: {error}") from error
