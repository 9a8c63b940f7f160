"""The flight recorder against a naive model that forgets nothing: window, limit, names as they were, accounts."""

from __future__ import annotations

import itertools
import json
import resource
import threading
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpf.errors import TcplatError
from bpf.event import Handshake, Records
from bpf.source import Account, Batch
from tests.core.handshakes import handshake
from tests.record.reading import HEADER, NAMES, header, read
from tui.out.jsonl import account_line, handshake_line
from tui.record.chunk import pack, unpack
from tui.record.flight import FlightRecorder, Snapshot, save, save_first
from tui.saving import paths

S = 1_000_000_000


@dataclass
class Named:
    """Names that may change."""

    interfaces: dict[int, str] = field(default_factory=lambda: {2: "eth0"})
    units: dict[int, str] = field(default_factory=dict)

    def name_of(self, ifindex: int) -> str:
        return self.interfaces.get(ifindex, "")

    def unit_of(self, cgroup: int) -> str:
        return self.units.get(cgroup, "")


class Recorded:
    """A flight recorder with a clock to be turned."""

    def __init__(self, window_s: float = 900, limit_bytes: int = 32 << 20) -> None:
        self.now_ns = 1000 * S
        self.names = Named()
        self.recorder = FlightRecorder(window_s, limit_bytes, lambda: self.now_ns)

    def take(self, *handshakes: Handshake, accounts: list[Account] | None = None, offset_ns: int = 0) -> None:
        self.recorder.take(Batch(list(handshakes), accounts or []), self.names, offset_ns)

    def ports(self) -> list[int]:
        return [each["remote_port"] for each in parsed(self.recorder.snapshot()) if "remote_port" in each]


def parsed(snapshot: Snapshot) -> list[dict[str, Any]]:
    return [json.loads(each) for each in snapshot.lines()]


def u(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, 2**bits - 1)


ANY_HANDSHAKE = st.builds(
    Handshake,
    *[u(64)] * 4,
    *[st.binary(min_size=16, max_size=16)] * 3,
    *[u(64)] * 2,
    *[u(32)] * 2,
    *[u(16)] * 3,
    *[u(8)] * 4,
)


@given(st.lists(ANY_HANDSHAKE))
def test_what_is_packed_comes_back(handshakes: list[Handshake]) -> None:
    assert unpack(pack(handshakes)) == handshakes
    assert pack(Records.of(handshakes)) == pack(handshakes)
    assert all(type(each) is Handshake for each in unpack(pack(handshakes)))


@settings(max_examples=20)
@given(st.integers(60, 600), st.randoms(use_true_random=False))
def test_of_many_too_some_bytes_of_which_are_random_some_few_and_some_the_same(
    count: int, chance: Random
) -> None:
    handshakes = [
        handshake(f"192.0.2.{chance.choice([7, 8])}", number * S, chance.getrandbits(24))._replace(
            identity=chance.getrandbits(64),
            remote_port=number % 256 * 257,
            pid=chance.getrandbits(32),
            cgroup=number // 100,
        )
        for number in range(count)
    ]
    assert unpack(pack(handshakes)) == handshakes
    assert unpack(pack(Records.of(handshakes))) == handshakes


def test_lines_are_those_of_the_format() -> None:
    it = Recorded()
    some = [
        handshake("192.0.2.7", it.now_ns + n, 5, retransmits=n)._replace(repeated=n % 2) for n in range(3)
    ]
    account = Account("eth0", "tcx", syns=3, read_ns=it.now_ns)
    it.take(accounts=[account], offset_ns=7)
    it.take(*some, offset_ns=7)
    later = Account("eth0", "tcx", syns=5, read_ns=it.now_ns + 1)
    it.take(accounts=[later], offset_ns=7)
    assert list(it.recorder.snapshot().lines()) == [
        account_line(account, 7),
        *[handshake_line(each, it.names, 7) for each in some],
        account_line(later, 7),
    ]


BATCHES = st.lists(
    st.tuples(
        st.integers(0, 20 * S),  # passes before it
        st.lists(st.integers(-30 * S, 2 * S), max_size=5),  # when they ended, from its arrival
        st.booleans(),  # accounts
    ),
    max_size=60,
)


@given(BATCHES, st.sampled_from([5, 60, 10**6]))
def test_the_window(batches: list[tuple[int, list[int], bool]], window_s: int) -> None:
    it = Recorded(window_s)
    numbers = itertools.count()
    model: list[tuple[int, int, int]] = []
    last: Account | None = None
    for passed_ns, ended, has_accounts in batches:
        it.now_ns += passed_ns
        some = []
        for from_arrival_ns in ended:
            number = next(numbers)
            model.append((number, it.now_ns, it.now_ns + from_arrival_ns))
            some.append(handshake("192.0.2.7", it.now_ns + from_arrival_ns)._replace(remote_port=number))
        last = Account("eth0", "tcx", read_ns=it.now_ns) if has_accounts else last
        it.take(*some, accounts=[last] if has_accounts and last else None)
        oldest_ns = it.now_ns - window_s * S
        ports = it.ports()
        assert ports == sorted(ports)
        present = set(ports)
        for number, arrived_ns, time_ns in model:
            if time_ns < oldest_ns or arrived_ns < oldest_ns - 10 * S:
                assert number not in present
            elif arrived_ns >= oldest_ns:
                assert number in present
        assert it.recorder.since_ns == max(1000 * S, oldest_ns)
        lines = parsed(it.recorder.snapshot())
        if last:
            assert "probe" in {each["type"] for each in lines}
            assert list(it.recorder.snapshot().lines()).count(account_line(last, 0)) >= 1


@settings(max_examples=30)
@given(st.lists(st.integers(0, 3000), min_size=1, max_size=8), st.integers(20_000, 300_000))
def test_the_limit(sizes: list[int], limit_bytes: int) -> None:
    it = Recorded(limit_bytes=limit_bytes)
    times: list[int] = []
    for size in sizes:
        it.now_ns += S
        some = [
            handshake("192.0.2.7", it.now_ns - size + n)._replace(identity=n * 0x9E3779B97F4A7C15 % 2**64)
            for n in range(size)
        ]
        times += [each.time_ns for each in some]
        it.take(*some)
        snapshot = it.recorder.snapshot()
        held = [each.time_ns for chunk in snapshot.chunks for each in chunk.handshakes()]
        assert held == times[len(times) - len(held) :]
        assert sum(len(chunk.packed) for chunk in snapshot.chunks) <= limit_bytes + 2048 * 30
        complete = [each for each in times if each >= it.recorder.since_ns]
        assert held[len(held) - len(complete) :] == complete
        if len(held) < len(times):
            assert it.recorder.since_ns == times[len(times) - len(held) - 1] + 1
        else:
            assert it.recorder.since_ns == 1000 * S


def test_names_are_those_of_the_time() -> None:
    it = Recorded()
    one = handshake("192.0.2.7", it.now_ns)._replace(cgroup=5)
    told = []
    for interface, unit in (("eth0", ""), ("eth0", "cron.service"), ("", ""), ("wan0", "cron.service")):
        it.names = Named({2: interface}, {5: unit})
        it.take(one)
        told = [(each["interface"], each["unit"]) for each in parsed(it.recorder.snapshot())]
    # An answer that comes late, or is gone already, holds for those that came within the same seconds.
    assert told == [("eth0", "cron.service")] * 3 + [("wan0", "cron.service")]


def test_a_stepped_wall_clock_is_followed() -> None:
    it = Recorded()
    one = handshake("192.0.2.7", it.now_ns)
    for offset_ns in (0, 10, 3600 * S, 3600 * S + 10, 0):
        it.take(one, offset_ns=offset_ns)
    times = [each["time"][:13] for each in parsed(it.recorder.snapshot())]
    assert times == ["1970-01-01T00", "1970-01-01T00", "1970-01-01T01", "1970-01-01T01", "1970-01-01T00"]


def test_it_begins_with_the_account_before_what_is_left() -> None:
    it = Recorded(window_s=60)
    for number in range(200):
        it.take(
            handshake("192.0.2.7", it.now_ns)._replace(remote_port=number),
            accounts=[Account("eth0", "tcx", syns=number + 1, read_ns=it.now_ns)],
        )
        it.now_ns += S
    lines = parsed(it.recorder.snapshot())
    assert lines[0]["type"] == "probe" == lines[-1]["type"]
    assert (lines[-2]["remote_port"], lines[-1]["syns"]) == (199, 200)
    first = next(each for each in lines if each["type"] == "handshake")
    assert 0 <= first["remote_port"] - lines[0]["syns"] <= 10
    assert 6 <= sum(each["type"] == "probe" for each in lines) <= 9
    seen = lines[0]["syns"]
    for each in lines[1:]:
        if each["type"] == "probe":
            assert each["syns"] >= seen
            seen = each["syns"]
        else:
            assert each["remote_port"] + 1 >= seen


@pytest.mark.parametrize("name", NAMES)
def test_saved_by_another_thread_while_it_goes_on(tmp_path: Path, name: str) -> None:
    it = Recorded()
    for number in range(6000):
        it.take(handshake("192.0.2.7", it.now_ns)._replace(remote_port=number))
    snapshot = it.recorder.snapshot()
    saving = threading.Thread(target=save, args=(tmp_path / name, snapshot, header))
    saving.start()
    for number in range(6000):
        it.take(handshake("192.0.2.8", it.now_ns)._replace(remote_port=number))
    saving.join()
    lines, trouble = read(tmp_path / name)
    assert (lines, trouble) == (list(snapshot.lines()), "")
    assert len(lines) == 6000
    with pytest.raises(TcplatError, match="exists"):
        save(tmp_path / name, snapshot, header)


def test_an_empty_one_is_a_header(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    save(path, Recorded().recorder.snapshot(), header)
    assert path.read_text(encoding="ascii") == HEADER


def test_several_within_a_second_have_names_of_their_own(tmp_path: Path) -> None:
    snapshot = Recorded().recorder.snapshot()
    saved = [save_first(paths(tmp_path, ".jsonl.gz", 0.9), snapshot, header) for _ in range(3)]
    assert [path.name for path in saved] == [f"tcplat-19700101T000000Z{n}.jsonl.gz" for n in ("", "-2", "-3")]
    assert all(path.stat().st_size for path in saved)


def test_where_nothing_can_be_made_another_name_does_not_help(tmp_path: Path) -> None:
    with pytest.raises(TcplatError, match="there is no directory"):
        save_first(paths(tmp_path / "none", ".jsonl", 0.0), Recorded().recorder.snapshot(), header)


def test_a_full_disk_leaves_no_half_of_it(tmp_path: Path) -> None:
    it = Recorded()
    it.take(*[handshake("192.0.2.7", it.now_ns)] * 2000)
    path = tmp_path / "trace.jsonl"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(TcplatError, match=r"cannot write .*: file too large; name a file elsewhere"):
            save(path, it.recorder.snapshot(), header)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not path.exists()
