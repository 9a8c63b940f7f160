"""Compressed files: round trips against gzip, streams torn or damaged anywhere, bombs, pipes that wait."""

from __future__ import annotations

import gzip
import io
import os
import random
import threading
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf import zstd
from bpf.compression import DecompressedReader, Gzip, Plain, compressor_for

NAMES = ["t.jsonl", "t.jsonl.gz", "t.jsonl.zst"]
COMPRESSED = NAMES[1:]


def text(lines: int, seed: int = 1) -> bytes:
    rng = random.Random(seed)
    return b"".join(b'{"remote_port":443,"latency_ns":%d}\n' % rng.getrandbits(30) for _ in range(lines))


def compressed(name: str, *pieces: bytes) -> bytes:
    """One stream, flushed after each piece."""
    compressor = compressor_for(name)()
    out = b"".join(compressor.compress(piece) + compressor.flush(end=False) for piece in pieces)
    return out + compressor.flush(end=True)


def reader(data: bytes) -> DecompressedReader:
    return DecompressedReader(io.BufferedReader(io.BytesIO(data)))


def test_the_name_tells_the_compression() -> None:
    assert [compressor_for(name) for name in NAMES] == [Plain, Gzip, zstd.Compressor]


def test_gzip_reads_what_we_write_and_we_what_it_writes() -> None:
    data = text(5000)
    assert gzip.decompress(compressed("x.gz", data, data)) == data + data
    stream = reader(gzip.compress(data))
    assert (stream.read(), stream.trouble, stream.compression) == (data, "", "gzip")


@pytest.mark.parametrize("name", NAMES)
@given(st.lists(st.lists(st.binary(max_size=2000), max_size=3), max_size=4), st.integers(1, 5000))
def test_round_trip_of_streams_in_a_row(name: str, streams: list[list[bytes]], step: int) -> None:
    stream = reader(b"".join(compressed(name, *pieces) for pieces in streams))
    out = b""
    while piece := stream.read1(step):
        assert len(piece) <= step
        out += piece
    assert out == b"".join(b"".join(pieces) for pieces in streams) or name == NAMES[0]
    assert stream.trouble == "" or name == NAMES[0]


def test_zeros_after_a_gzip_member_are_padding() -> None:
    stream = reader(compressed("x.gz", b"one\n") + bytes(70_000) + compressed("x.gz", b"two\n") + bytes(512))
    assert (stream.read(), stream.trouble) == (b"one\ntwo\n", "")


@pytest.mark.parametrize(
    "data", [b"", b"\x1f", b"\x28\xb5", b"{}\n", b"\x0a\x0d\x0d\x0a", b"\xd4\xc3\xb2\xa1\x02"]
)
def test_what_is_not_compressed_passes(data: bytes) -> None:
    stream = reader(data)
    assert stream.peek(4)[:4] == data[:4]
    assert (stream.read(), stream.trouble, stream.compression) == (data, "", "")


@pytest.mark.parametrize("name", COMPRESSED)
def test_torn_anywhere_it_gives_what_was_flushed_and_tells(name: str) -> None:
    pieces = [text(20, seed) for seed in range(10)]
    stream = compressed(name, *pieces)
    magic = 2 if name.endswith("gz") else 4
    first = compressed(name, pieces[0])
    for end in range(magic, len(stream)):
        torn = reader(stream[:end])
        out = torn.read()
        assert b"".join(pieces).startswith(out)
        assert torn.trouble == f"ends in the middle of the {torn.compression} stream"
        assert torn.read() == b""
        if end > len(first) + 10:
            assert out.startswith(pieces[0])


@pytest.mark.parametrize("name", COMPRESSED)
@given(data=st.data())
def test_damaged_anywhere_it_gives_what_comes_before(name: str, data: st.DataObject) -> None:
    first, second = text(300, 1), text(300, 2)
    good = compressor_for(name)()
    head = good.compress(first) + good.flush(end=False)
    tail = bytearray(good.compress(second) + good.flush(end=True))
    place = data.draw(st.integers(0, len(tail) - 1))
    tail[place] ^= data.draw(st.integers(1, 255))
    damaged = reader(head + bytes(tail))
    out = damaged.read()
    assert out.startswith(first)
    assert damaged.trouble or place >= len(tail) - 20 or out == first + second
    if damaged.trouble:
        assert damaged.trouble.startswith(("damaged ", "ends in the middle of the "))
    assert damaged.read() == b""


def test_a_wrong_checksum_costs_no_byte() -> None:
    data = text(1000)
    for name, place in (("x.gz", -6), ("x.zst", -1)):
        stream = bytearray(compressed(name, data))
        stream[place] ^= 1
        damaged = reader(bytes(stream))
        assert damaged.read() == data
        assert damaged.trouble == f"damaged {damaged.compression} stream"


@pytest.mark.parametrize("name", COMPRESSED)
def test_what_follows_and_is_no_stream_is_told(name: str) -> None:
    stream = reader(compressed(name, b"line\n") + b"something else")
    assert stream.read() == b"line\n"
    assert stream.trouble == f"damaged {stream.compression} stream"


@pytest.mark.parametrize("name", COMPRESSED)
def test_a_bomb_expands_only_as_far_as_it_is_read(name: str) -> None:
    compressor = compressor_for(name)()
    bomb = b"".join(compressor.compress(bytes(1 << 20)) for _ in range(256)) + compressor.flush(end=True)
    assert len(bomb) < 1 << 20
    stream = reader(bomb)
    tracemalloc.start()
    for _ in range(100):
        assert len(stream.readline(4096)) == 4096
    assert len(stream.read1(1 << 20)) <= 1 << 20
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20
    count = 100 * 4096
    while piece := stream.read1(1 << 16):
        count += len(piece)
    assert count >= 255 << 20


def test_a_zstd_window_beyond_the_limit_is_told() -> None:
    stream = reader(b"\x28\xb5\x2f\xfd\x00" + bytes([(31 - 10) << 3]) + bytes(100))
    assert (stream.read(), stream.trouble) == (b"", "a zstd stream with a window of more than 128 MiB")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("is_split", [False, True])
def test_a_pipe_need_not_have_more_than_was_flushed(name: str, is_split: bool) -> None:
    """Would hang, if it waited for more."""
    compressor = compressor_for(name)()
    reading, writing = os.pipe()
    first = compressor.compress(b'{"n":0}\n') + compressor.flush(end=False)
    os.write(writing, first)
    stream = DecompressedReader(os.fdopen(reading, "rb"))
    assert stream.readline() == b'{"n":0}\n'
    for number in range(1, 20):
        line = b'{"n":%d}\n' % number
        data = compressor.compress(line) + compressor.flush(end=False)
        for piece in [data[i : i + 1] for i in range(len(data))] if is_split else [data]:
            os.write(writing, piece)
        assert stream.peek(1)[:1] == b"{"
        assert stream.read1() == line
    os.write(writing, compressor.flush(end=True))
    os.close(writing)
    assert (stream.read(), stream.trouble) == (b"", "")
    stream.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reading)


def test_what_a_pipe_is_shows_in_its_first_four_bytes_however_they_come() -> None:
    reading, writing = os.pipe()
    slow = threading.Thread(
        target=lambda: [os.write(writing, bytes((byte,))) for byte in b"\xd4\xc3\xb2\xa1"]
    )
    slow.start()
    with DecompressedReader(open(reading, "rb")) as stream:
        assert stream.peek(4) == b"\xd4\xc3\xb2\xa1"
    slow.join()
    os.close(writing)


def test_errors_of_the_file_go_through() -> None:
    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: object) -> int:
            raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        DecompressedReader(io.BufferedReader(Broken()))


@pytest.mark.parametrize("make", [lambda: Gzip(1), lambda: zstd.Compressor(1)])
def test_other_levels(make: Callable[[], Gzip]) -> None:
    compressor = make()
    assert reader(compressor.compress(b"x" * 1000) + compressor.flush(end=True)).read() == b"x" * 1000
