"""Compressed files: written as their name says, read as their first bytes say."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import Protocol

from bpf import zstd

_GZIP = 31
"""zlib's wbits: the largest window, in gzip's clothes."""
_CHUNK_BYTES = 1 << 16
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = tuple(bytes([0x50 + i]) + b"\x2a\x4d\x18" for i in range(16))
"""zstd frames without data, which some tools (pzstd) put first."""
SUFFIXES = (".gz", ".zst")


class Compressor(Protocol):
    """Takes data, returns compressed data; one thread at a time."""

    def compress(self, data: bytes) -> bytes:
        """Take data; return what is ready, often nothing."""

    def flush(self, end: bool) -> bytes:
        """Return what makes all data so far readable; `end` also ends the stream."""


class Plain:
    """Compresses nothing."""

    def compress(self, data: bytes) -> bytes:
        """Return it all."""
        return data

    def flush(self, end: bool) -> bytes:
        """Return nothing."""
        del end
        return b""


class Gzip:
    """One gzip member."""

    def __init__(self, level: int = 6) -> None:
        self._stream = zlib.compressobj(level, zlib.DEFLATED, _GZIP)

    def compress(self, data: bytes) -> bytes:
        """Take data; return what is ready, often nothing."""
        return self._stream.compress(data)

    def flush(self, end: bool) -> bytes:
        """Return what makes all data so far readable; `end` also ends the member, and nothing may follow."""
        return self._stream.flush(zlib.Z_FINISH if end else zlib.Z_SYNC_FLUSH)


def compressor_for(name: str) -> Callable[[], Compressor]:
    """Say how a file of this name is to be compressed. Raises TcplatError for .zst where there is no libzstd."""
    if name.endswith(".gz"):
        return Gzip
    if name.endswith(".zst"):
        zstd.require()
        return zstd.Compressor
    return Plain


class _Decompressor(Protocol):
    """What zlib's and ours have in common."""

    eof: bool
    unconsumed_tail: bytes

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Members:
    """Reads gzip members, one after another, zeros between them skipped (tape blocks are padded so)."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._error: zlib.error | None = None
        self.eof = False
        self.unconsumed_tail = b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """As zlib's, but raises zlib.error only once all that is readable before the damage was returned."""
        if self._error:
            raise self._error
        if self._member.eof:
            data = data.lstrip(b"\0")
            if not data:
                self.unconsumed_tail = b""
                return b""
            self._member = zlib.decompressobj(_GZIP)
        before = self._member.copy()
        try:
            out = self._member.decompress(data, max_length)
        except zlib.error as error:
            self._error = error
            out = _readable(before, data, max_length)
            if not out:
                raise
        self.eof = self._member.eof
        self.unconsumed_tail = self._member.unconsumed_tail or self._member.unused_data
        return out


def _readable(member: zlib._Decompress, data: bytes, at_most: int) -> bytes:
    """Return what comes before the damaged byte, by bisection: zlib throws that away when it raises."""
    good, bad = 0, len(data)
    while bad - good > 1:
        middle = (good + bad) // 2
        try:
            member.copy().decompress(data[:middle], at_most)
            good = middle
        except zlib.error:
            bad = middle
    return member.decompress(data[:good], at_most)


class _Expansion(io.RawIOBase):
    """What `DecompressedReader` buffers. Returns what there is, and at most what was asked for."""

    def __init__(self, inner: io.BufferedReader) -> None:
        self._inner = inner
        self._pending = _opening(inner)
        self._may_hold_more = False
        self.trouble = ""
        self.compression = ""
        self._stream: _Decompressor | None = None
        if self._pending.startswith(_GZIP_MAGIC):
            self.compression, self._stream = "gzip", _Members()
        elif self._pending.startswith((_ZSTD_MAGIC, *_SKIPPABLE)):
            self.compression, self._stream = "zstd", zstd.Decompressor()

    def readable(self) -> bool:
        return True

    # The base class is typed as taking any buffer; BufferedReader gives a memoryview.
    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._next(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _next(self, at_most: int) -> bytes:
        if self._stream is None:
            data, self._pending = self._pending[:at_most], self._pending[at_most:]
            return data or self._inner.read1(at_most)
        while not self.trouble:
            is_end = False
            if not self._pending and not self._may_hold_more:
                self._pending = self._inner.read1(_CHUNK_BYTES)
                is_end = not self._pending
            try:
                data = self._stream.decompress(self._pending, at_most)
            except zstd.TooMuchMemory:
                self.trouble = "a zstd stream with a window of more than 128 MiB"
                break
            except (zlib.error, zstd.ZstdError):
                self.trouble = f"damaged {self.compression} stream"
                break
            self._pending = self._stream.unconsumed_tail
            self._may_hold_more = len(data) == at_most
            if data:
                return data
            if is_end:
                if not self._stream.eof:
                    self.trouble = f"ends in the middle of the {self.compression} stream"
                break
        return b""

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
        super().close()


def _opening(inner: io.BufferedReader) -> bytes:
    """Read until the first bytes tell what the stream is, four of them; a pipe may give them one by one."""
    data = b""
    while len(data) < len(_ZSTD_MAGIC):
        more = inner.read1(_CHUNK_BYTES)
        if not more:
            break
        data += more
    return data


class DecompressedReader(io.BufferedReader):
    """Reads a stream as what it was before gzip or zstd, told by its first bytes; any other as it is.

    It returns what is there: of a pipe it waits for no more than the first byte it can return (`read1`, `peek`,
    `readline`). Each read expands no more than asked for, so a stream that would grow without bound does so only for
    who asks for all of it: read lines with a limit. Torn or damaged, it gives everything readable before that, then
    ends; `trouble` then tells what is wrong. Blocks; OSError of what it reads from goes through. One thread.
    """

    def __init__(self, inner: io.BufferedReader) -> None:
        """Own `inner`, which must block; reads its first bytes. TcplatError: it is zstd, and there is no libzstd."""
        self._expansion = _Expansion(inner)
        super().__init__(self._expansion, _CHUNK_BYTES)

    @property
    def trouble(self) -> str:
        """What is wrong with the stream, as far as it was read; empty: nothing."""
        return self._expansion.trouble

    @property
    def compression(self) -> str:
        """`gzip`, `zstd`, or empty."""
        return self._expansion.compression
