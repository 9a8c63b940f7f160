"""Streaming zstd over the system's libzstd.so.1, with the face of zlib's objects.

By ctypes, because Python has zstd of its own only from 3.14 on, and whatever has dpkg, rpm or LLVM (so bcc) has the
library. Constants and layouts are those of zstd.h 1.4, where the calls below became stable.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from functools import cache

from bpf.errors import TcplatError

_COMPRESSION_LEVEL = 100
_CHECKSUM_FLAG = 201
_CONTINUE, _FLUSH, _END = range(3)
"""ZSTD_EndDirective"""
_PIECE_BYTES = 1 << 17
"""ZSTD_BLOCKSIZE_MAX: so much comes out at a time."""

_BLOCK_HEADER_BYTES = 3
_WINDOW_TOO_LARGE = 16
"""ZSTD_error_frameParameter_windowTooLarge"""


class ZstdError(Exception):
    """The data is no zstd stream, or a damaged one; or memory is short. Carries the library's own words."""


class TooMuchMemory(ZstdError):
    """The stream is sound as far as one can tell, but its window is larger than the library allows by default."""


class _Buffer(ctypes.Structure):
    """ZSTD_inBuffer, ZSTD_outBuffer."""

    _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_size_t), ("position", ctypes.c_size_t)]

    data: int
    size: int
    position: int


@cache
def _library() -> ctypes.CDLL:
    """Load libzstd, once; raises TcplatError. Its calls run without the GIL."""
    try:
        library = ctypes.CDLL("libzstd.so.1")
        library.ZSTD_compressStream2.restype = ctypes.c_size_t
    except (OSError, AttributeError) as error:
        raise TcplatError(
            f"zstd is not available: {error}", "name the file .gz instead, or install libzstd1 (libzstd)"
        ) from error
    size, context, buffer = ctypes.c_size_t, ctypes.c_void_p, ctypes.POINTER(_Buffer)
    library.ZSTD_createCCtx.restype = library.ZSTD_createDCtx.restype = context
    library.ZSTD_freeCCtx.argtypes = library.ZSTD_freeDCtx.argtypes = [context]
    library.ZSTD_CCtx_setParameter.argtypes = [context, ctypes.c_int, ctypes.c_int]
    library.ZSTD_CCtx_setParameter.restype = size
    library.ZSTD_compressStream2.argtypes = [context, buffer, buffer, ctypes.c_int]
    library.ZSTD_decompressStream.argtypes = [context, buffer, buffer]
    library.ZSTD_decompressStream.restype = size
    library.ZSTD_isError.argtypes = [size]
    library.ZSTD_getErrorName.argtypes = library.ZSTD_getErrorCode.argtypes = [size]
    library.ZSTD_getErrorName.restype = ctypes.c_char_p
    return library


def require() -> None:
    """Raise TcplatError, with the next step, if there is no libzstd here."""
    _library()


def _checked(library: ctypes.CDLL, result: int) -> int:
    if library.ZSTD_isError(result):
        is_too_much = library.ZSTD_getErrorCode(result) == _WINDOW_TOO_LARGE
        raise (TooMuchMemory if is_too_much else ZstdError)(library.ZSTD_getErrorName(result).decode())
    return result


def _owned(owner: object, context: int | None, free: Callable[[int], object]) -> int:
    """Have the context freed with its owner."""
    if not context:
        raise MemoryError("libzstd has no memory")
    # Not at exit: an abandoned thread may still be inside a call.
    weakref.finalize(owner, free, context).atexit = False
    return context


class Compressor:
    """Makes one frame after another, with checksums. One thread at a time; 4 MiB of memory at level 3."""

    def __init__(self, level: int = 3) -> None:
        """Raises TcplatError without libzstd."""
        self._library = _library()
        self._context = _owned(self, self._library.ZSTD_createCCtx(), self._library.ZSTD_freeCCtx)
        for parameter, value in ((_COMPRESSION_LEVEL, level), (_CHECKSUM_FLAG, 1)):
            self._checked(self._library.ZSTD_CCtx_setParameter(self._context, parameter, value))
        self._room = ctypes.create_string_buffer(_PIECE_BYTES)

    def compress(self, data: bytes) -> bytes:
        """Take data; return what is ready, often nothing."""
        return self._run(data, _CONTINUE)

    def flush(self, end: bool) -> bytes:
        """Return what makes all data so far readable; `end` also ends the frame, and the next data begins another."""
        return self._run(b"", _END if end else _FLUSH)

    def _run(self, data: bytes, directive: int) -> bytes:
        source = _Buffer(_address(data), len(data), 0)
        out = []
        is_over = False
        while not is_over:
            target = _Buffer(ctypes.addressof(self._room), _PIECE_BYTES, 0)
            left = self._checked(
                self._library.ZSTD_compressStream2(
                    self._context, ctypes.byref(target), ctypes.byref(source), directive
                )
            )
            out.append(ctypes.string_at(self._room, target.position))
            # What is left counts for flush and end; otherwise it may stay inside.
            is_over = source.position == source.size if directive == _CONTINUE else not left
        return b"".join(out)

    def _checked(self, result: int) -> int:
        return _checked(self._library, result)


class Decompressor:
    """Reads frames, one after another. One thread at a time.

    Memory: the frame's window, which the library refuses above 128 MiB; our own frames need 2.
    """

    def __init__(self) -> None:
        """Raises TcplatError without libzstd."""
        self._library = _library()
        self._context = _owned(self, self._library.ZSTD_createDCtx(), self._library.ZSTD_freeDCtx)
        self._room = ctypes.create_string_buffer(_PIECE_BYTES)
        self._wanted = 1
        self._may_hold_more = False
        self._error: ZstdError | None = None
        self.eof = False
        """What was taken so far ends where a frame ends, and all that is in it was returned."""
        self.unconsumed_tail = b""
        """What `decompress` did not take because it had reached `max_length`; to be given again."""

    def decompress(self, data: bytes, max_length: int = 0) -> bytes:
        """Take data; return what can be read, at most `max_length` bytes if that is not 0.

        Having returned `max_length` bytes it may have more, without any more data. Raises ZstdError, but only once all
        that is readable before the damage was returned; then for ever.
        """
        if self._error:
            raise self._error
        out = bytearray()
        source = _Buffer(_address(data), 0, 0)
        try:
            while not max_length or len(out) < max_length:
                room_bytes = min(max_length - len(out), _PIECE_BYTES) if max_length else _PIECE_BYTES
                out += self._step(source, len(data), room_bytes)
                if source.position == len(data) and not self._may_hold_more:
                    break
        except ZstdError as error:
            self._error = error
            if not out:
                raise
        self.unconsumed_tail = data[source.position :]
        return bytes(out)

    def _step(self, source: _Buffer, data_bytes: int, room_bytes: int) -> bytes:
        """Go on by one block at most, without the next one's header, which the library asks for too.

        On an error it does not tell what it wrote earlier in the same call, and that would be lost.
        """
        if self.eof and source.position == data_bytes:  # The library would begin another frame.
            self._may_hold_more = False
            return b""
        wanted = 0 if self._may_hold_more else self._wanted
        source.size = min(data_bytes, source.position + wanted)
        target = _Buffer(ctypes.addressof(self._room), room_bytes, 0)
        hint = _checked(
            self._library,
            self._library.ZSTD_decompressStream(self._context, ctypes.byref(target), ctypes.byref(source)),
        )
        self.eof = hint == 0
        self._wanted = hint - _BLOCK_HEADER_BYTES if hint > _BLOCK_HEADER_BYTES else hint or 1
        self._may_hold_more = target.position == room_bytes
        return ctypes.string_at(self._room, target.position)


def _address(data: bytes) -> int | None:
    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value
