"""bpf.zstd against libzstd's own simple calls: round trips, frames in a row, torn and damaged ones, bounded output."""

from __future__ import annotations

import ctypes
import gc
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf import zstd
from bpf.errors import TcplatError
from bpf.zstd import Compressor, Decompressor, TooMuchMemory, ZstdError

LIBRARY = ctypes.CDLL("libzstd.so.1")
LIBRARY.ZSTD_compressBound.restype = LIBRARY.ZSTD_compress.restype = ctypes.c_size_t
LIBRARY.ZSTD_decompress.restype = ctypes.c_size_t
LIBRARY.ZSTD_compressBound.argtypes = [ctypes.c_size_t]


def simply_compressed(data: bytes) -> bytes:
    """One frame, by ZSTD_compress."""
    room = ctypes.create_string_buffer(LIBRARY.ZSTD_compressBound(len(data)))
    size = LIBRARY.ZSTD_compress(room, ctypes.c_size_t(len(room)), data, ctypes.c_size_t(len(data)), 3)
    return room.raw[:size]


def simply_decompressed(data: bytes, at_most: int) -> bytes:
    """All frames, by ZSTD_decompress."""
    room = ctypes.create_string_buffer(at_most + 1)
    size = LIBRARY.ZSTD_decompress(room, ctypes.c_size_t(at_most), data, ctypes.c_size_t(len(data)))
    assert not LIBRARY.ZSTD_isError(ctypes.c_size_t(size))
    return room.raw[:size]


def text(lines: int) -> bytes:
    rng = random.Random(lines)
    return b"".join(b'{"remote_port":443,"latency_ns":%d}\n' % rng.getrandbits(30) for _ in range(lines))


@given(st.lists(st.tuples(st.binary(max_size=3000), st.sampled_from(["", "flush", "end"]))))
def test_what_is_compressed_is_what_the_library_reads(pieces: list[tuple[bytes, str]]) -> None:
    compressor = Compressor()
    out = b""
    for data, then in pieces:
        out += compressor.compress(data)
        if then:
            out += compressor.flush(then == "end")
    out += compressor.flush(end=True)
    whole = b"".join(data for data, _ in pieces)
    assert simply_decompressed(out, len(whole)) == whole
    decompressor = Decompressor()
    assert decompressor.decompress(out) == whole
    assert decompressor.eof


@pytest.mark.parametrize("size", [0, 1, 100, 1 << 17, (1 << 17) + 1, 1 << 20])
def test_frames_of_others_in_a_row(size: int) -> None:
    data = random.Random(size).randbytes(size // 2) + bytes(size - size // 2)
    skippable = b"\x50\x2a\x4d\x18\x05\0\0\0hello"
    decompressor = Decompressor()
    stream = skippable + simply_compressed(data) + skippable + simply_compressed(data[::-1])
    assert decompressor.decompress(stream) == data + data[::-1]
    assert decompressor.eof and not decompressor.unconsumed_tail


def test_a_flush_makes_all_before_it_readable() -> None:
    compressor, decompressor = Compressor(), Decompressor()
    for line in text(50).splitlines(keepends=True):
        assert decompressor.decompress(compressor.compress(line) + compressor.flush(end=False)) == line
        assert not decompressor.eof
    assert decompressor.decompress(compressor.flush(end=True)) == b""
    assert decompressor.eof


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_output_is_bounded_and_complete(at_most: int, step: int) -> None:
    data = text(400)
    stream = simply_compressed(data)
    decompressor, out = Decompressor(), b""
    for start in range(0, len(stream), step):
        given = stream[start : start + step]
        while True:
            piece = decompressor.decompress(given, at_most)
            assert len(piece) <= at_most
            out += piece
            given = decompressor.unconsumed_tail
            if len(piece) < at_most:
                break
        assert not given
    assert out == data
    assert decompressor.eof


def test_truncated_anywhere_it_gives_a_prefix() -> None:
    data = text(300)
    compressor = Compressor()
    stream = b"".join(
        compressor.compress(data[i : i + 1000]) + compressor.flush(end=False)
        for i in range(0, len(data), 1000)
    ) + compressor.flush(end=True)
    before = 0
    for end in range(len(stream)):
        decompressor = Decompressor()
        out = decompressor.decompress(stream[:end])
        assert data.startswith(out) and len(out) >= before
        assert not decompressor.eof
        before = len(out)
    assert before == len(data)


def test_what_comes_before_the_damage_is_given() -> None:
    first, second = text(3000), text(3001)
    compressor = Compressor()
    good = compressor.compress(first) + compressor.flush(end=False)
    bad = bytearray(compressor.compress(second) + compressor.flush(end=True))
    bad[len(bad) // 2] ^= 0x55
    decompressor = Decompressor()
    out = decompressor.decompress(good + bytes(bad))
    assert out.startswith(first) and len(out) <= len(first + second)
    for _ in range(2):
        with pytest.raises(ZstdError, match=r"."):
            decompressor.decompress(b"")


def test_no_zstd_is_told() -> None:
    with pytest.raises(ZstdError, match=r"(?i)frame descriptor"):
        Decompressor().decompress(b"no zstd at all")


def test_a_window_beyond_the_limit_is_not_made() -> None:
    """A frame's header alone: magic, no size, a window of 2 GiB."""
    with pytest.raises(TooMuchMemory):
        Decompressor().decompress(b"\x28\xb5\x2f\xfd\x00" + bytes([(31 - 10) << 3]) + bytes(100))


def test_contexts_are_freed() -> None:
    def resident_bytes() -> int:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096

    for turn in range(300):
        compressor, decompressor = Compressor(), Decompressor()
        decompressor.decompress(compressor.compress(bytes(300_000)) + compressor.flush(end=True))
        del compressor, decompressor
        if turn == 20:
            gc.collect()
            before = resident_bytes()
    assert resident_bytes() - before < 30 << 20


def test_without_the_library_the_next_step_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> ctypes.CDLL:
        raise OSError(f"{name}: cannot open shared object file")

    zstd._library.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", load)
    try:
        with pytest.raises(TcplatError, match=r"libzstd\.so\.1: cannot open.*; name the file \.gz instead"):
            Compressor()
    finally:
        zstd._library.cache_clear()
