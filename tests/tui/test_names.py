"""Names looked up by threads, each step of which a test decides; no test waits for time to pass."""

from __future__ import annotations

import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from bpf.event import address_bytes
from tests.tui.played import PATIENCE_S
from tui.names import (
    FAILED_S,
    FOUND_S,
    NONE_S,
    WAITING,
    Resolver,
    name_by_dns,
    plausible_name,
    service_of,
)

ONE, TWO = address_bytes("192.0.2.1"), address_bytes("2001:db8::2")
ROOT = Path(__file__).parents[2]
HOST_NOT_FOUND, TRY_AGAIN, NO_DATA = 1, 2, 4


class Desk:
    """Where one resolver's questions arrive, and its clock. What a test does not answer hangs until it is over."""

    def __init__(self, workers: int = 1, remembered: int = 10_000) -> None:
        self.now_s = 1000.0
        self.questions: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[str | Exception] = queue.SimpleQueue()
        self._others = (f"203.0.113.{number}" for number in count(1))
        self.resolver = Resolver(self._lookup, lambda: self.now_s, workers, remembered)

    def _lookup(self, address: str) -> str:
        self.questions.put(address)
        answer = self._answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def question(self) -> str:
        """The next address that is asked for."""
        return self.questions.get(timeout=PATIENCE_S)

    def answer(self, answer: str | Exception) -> None:
        self._answers.put(answer)

    def settle(self) -> None:
        """Of one worker: wait until what was answered last is remembered, which it is before the next question."""
        other = next(self._others)
        assert self.resolver.name_of(address_bytes(other)) is None
        assert self.question() == other
        self.answer("")

    def tell(self, address: bytes, answer: str | Exception) -> str:
        """Have an address asked for, and answered; return what was asked."""
        self.resolver.name_of(address)
        question = self.question()
        self.answer(answer)
        self.settle()
        return question

    def close(self) -> None:
        self.resolver.stop()
        for _ in range(100):
            self.answer("")


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    desk.resolver.start()
    yield desk
    desk.close()


def test_nothing_is_asked_before_it_is_started() -> None:
    desk = Desk()
    assert desk.resolver.name_of(ONE) is None
    desk.resolver.start()
    desk.settle()  # This, and nothing before it, was asked.
    desk.close()


@pytest.mark.parametrize(
    ("address", "asked"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::1"), ("fe80::1", "fe80::1"), ("::", "::")],
)
def test_a_name_is_known_once_it_is_answered(desk: Desk, address: str, asked: str) -> None:
    packed = address_bytes(address)
    assert desk.resolver.name_of(packed) is None
    assert desk.tell(packed, "one.example") == asked
    assert desk.resolver.name_of(packed) == "one.example"


def test_it_is_told_when_there_are_other_names(desk: Desk) -> None:
    assert not desk.resolver.changed()
    desk.tell(ONE, "one.example")
    assert desk.resolver.changed()
    assert not desk.resolver.changed()
    desk.tell(TWO, "")
    assert not desk.resolver.changed()
    desk.now_s += FOUND_S
    desk.tell(ONE, "one.example")
    assert not desk.resolver.changed()
    desk.now_s += FOUND_S
    desk.tell(ONE, "")
    assert desk.resolver.changed()
    assert desk.resolver.name_of(ONE) == ""


@pytest.mark.parametrize(
    ("answer", "name", "remembered_s"),
    [
        ("one.example", "one.example", FOUND_S),
        ("", "", NONE_S),
        ("no name", "", NONE_S),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"), "", NONE_S),
        (OSError("try again"), "", FAILED_S),
        (socket.herror(TRY_AGAIN, "try again"), "", FAILED_S),
    ],
)
def test_answers_are_remembered_for_a_while(
    desk: Desk, answer: str | Exception, name: str, remembered_s: float
) -> None:
    desk.tell(ONE, answer)
    desk.now_s += remembered_s - 1
    assert desk.resolver.name_of(ONE) == name
    desk.settle()  # It was not asked again.
    desk.now_s += 1
    assert desk.resolver.name_of(ONE) == name
    assert desk.question() == "192.0.2.1"
    desk.answer("other.example")
    desk.settle()
    assert desk.resolver.name_of(ONE) == "other.example"


def test_a_failure_does_not_take_a_name_away(desk: Desk) -> None:
    desk.tell(ONE, "one.example")
    desk.now_s += FOUND_S
    desk.tell(ONE, OSError("try again"))
    assert desk.resolver.name_of(ONE) == "one.example"
    desk.now_s += FAILED_S
    desk.tell(ONE, "other.example")
    assert desk.resolver.name_of(ONE) == "other.example"


def test_an_address_is_asked_for_once_at_a_time(desk: Desk) -> None:
    for _ in range(3):
        assert desk.resolver.name_of(ONE) is None
    desk.question()
    for _ in range(3):
        assert desk.resolver.name_of(ONE) is None
    desk.answer("one.example")
    desk.settle()
    assert desk.questions.empty()


def test_a_thousand_at_once_are_answered_from_the_latest_on(desk: Desk) -> None:
    """Of those that had no room the next drawing asks again."""
    desk.resolver.name_of(ONE)
    desk.question()
    addresses = [f"10.0.{number // 250}.{number % 250}" for number in range(1000)]
    for _ in range(2):
        for address in addresses:
            assert desk.resolver.name_of(address_bytes(address)) is None
    desk.answer("")
    for address in addresses[:-WAITING:-1]:
        assert desk.question() == address
        desk.answer(f"at-{address.replace('.', '-')}.example")
    assert desk.question() == addresses[-WAITING]
    desk.answer("")
    desk.settle()
    assert desk.resolver.name_of(address_bytes(addresses[0])) is None
    assert desk.question() == addresses[0]
    assert desk.resolver.name_of(address_bytes("10.0.3.249")) == "at-10-0-3-249.example"


def test_a_lookup_that_hangs_leaves_the_other_workers() -> None:
    release, hangs = threading.Event(), threading.Event()
    answered: queue.SimpleQueue[str] = queue.SimpleQueue()

    def lookup(address: str) -> str:
        if address == "192.0.2.1":
            hangs.set()
            release.wait()
        else:
            answered.put(address)
        return "name.example"

    resolver = Resolver(lookup, lambda: 0.0, workers=2)
    resolver.start()
    resolver.name_of(ONE)
    assert hangs.wait(PATIENCE_S)
    others = ["198.51.100.1", "198.51.100.2"]
    for address in others:
        resolver.name_of(address_bytes(address))
        assert answered.get(timeout=PATIENCE_S) == address
    # The other worker has come to the second, so it is done with the first.
    assert resolver.name_of(address_bytes(others[0])) == "name.example"
    assert resolver.name_of(ONE) is None
    release.set()
    resolver.stop()


def test_threads_end_when_it_is_stopped_and_do_not_add_up() -> None:
    before = set(threading.enumerate())
    desk = Desk()
    desk.resolver.start()
    desk.resolver.name_of(ONE)
    assert desk.question() == "192.0.2.1"
    for _ in range(5):
        desk.resolver.stop()
        desk.resolver.start()
        desk.resolver.start()
    (thread,) = set(threading.enumerate()) - before
    desk.answer("one.example")
    desk.settle()
    assert desk.resolver.name_of(ONE) == "one.example"
    assert set(threading.enumerate()) - before == {thread}
    desk.resolver.stop()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_stopped_it_asks_nothing_and_knows_what_it_knew(desk: Desk) -> None:
    desk.tell(ONE, "one.example")
    desk.resolver.name_of(TWO)
    desk.question()
    desk.resolver.name_of(address_bytes("198.51.100.1"))
    desk.resolver.stop()
    assert desk.resolver.name_of(ONE) == "one.example"
    assert desk.resolver.name_of(address_bytes("198.51.100.2")) is None
    desk.answer("two.example")
    desk.resolver.start()
    desk.settle()
    assert desk.resolver.name_of(TWO) == "two.example"


def test_those_not_asked_for_longest_are_forgotten() -> None:
    desk = Desk(remembered=4)
    desk.resolver.start()
    desk.tell(ONE, "one.example")
    desk.tell(TWO, "two.example")
    for _ in range(10):
        assert desk.resolver.name_of(ONE) == "one.example"
        desk.settle()
    assert desk.resolver.name_of(TWO) is None
    desk.close()


def test_a_program_ends_while_a_lookup_hangs() -> None:
    program = """
import threading
from tui.names import Resolver
begun = threading.Event()
def hang(address):
    begun.set()
    threading.Event().wait()
resolver = Resolver(hang)
resolver.start()
resolver.name_of(bytes(16))
begun.wait()
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "one.example",
        "ONE.Example",
        "_dmarc.one.example",
        "1.2.3.4.in-addr.example",
        "ec2-198-51-100-1.compute.example",
        "xn--bcher-kva.example",
        "a" * 63 + ".example",
        ".".join(["a" * 61] * 4) + ".abcde",
    ],
)
def test_plausible_names(name: str) -> None:
    assert plausible_name(name) == name
    assert plausible_name(name + ".") == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "one..example",
        ".example",
        "one.example..",
        "one example",
        "one.example\n",
        "\x1b[31mred",
        "[bold]red[/bold]",
        "b\xfccher.example",
        "\u0663.\u0663.\u0663.\u0663",
        "\u202egro.example",
        "\udcff",
        "-a.example",
        "a-.example",
        "10.0.0.1",
        "1",
        "2001:db8::1",
        "fe80::1%eth0",
        "=1+1",
        "a" * 64,
        ".".join(["a" * 61] * 4) + ".abcdef",
        "a." * 200_000,
        "a-" * 200_000,
    ],
    ids=lambda name: repr(name[:20]),
)
def test_hostile_names(name: str) -> None:
    assert plausible_name(name) == ""


def test_the_systems_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(number: int) -> None:
        def gethostbyaddr(address: str) -> tuple[str, list[str], list[str]]:
            assert address == "192.0.2.1"
            if number:
                raise socket.herror(number, "as told")
            return "one.example", ["other.example"], [address]

        monkeypatch.setattr(socket, "gethostbyaddr", gethostbyaddr)

    answer(0)
    assert name_by_dns("192.0.2.1") == "one.example"
    for number in (HOST_NOT_FOUND, NO_DATA):
        answer(number)
        assert name_by_dns("192.0.2.1") == ""
    answer(TRY_AGAIN)
    with pytest.raises(OSError, match="as told"):
        name_by_dns("192.0.2.1")


@pytest.mark.kernel
def test_a_name_server_that_is_silent_stops_no_other_thread() -> None:
    """`getnameinfo` would: before Python 3.12 it keeps the GIL. In a process of its own, with a resolver of its own."""
    program = """
import socket
from tui.names import Resolver
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
resolver = Resolver()
resolver.start()
resolver.name_of(bytes(10) + b"\\xff\\xff" + bytes((198, 51, 100, 1)))
server.recv(1000)
print("still here")
"""
    # What else may be asked for hosts, as systemd-resolved, is outside the namespace.
    script = """
        ip link set lo up && mount -t tmpfs none /mnt &&
        echo nameserver 127.0.0.1 > /mnt/resolv.conf && mount --bind /mnt/resolv.conf /etc/resolv.conf &&
        echo hosts: dns > /mnt/nsswitch.conf && mount --bind /mnt/nsswitch.conf /etc/nsswitch.conf &&
        exec "$@"
    """
    command = ["unshare", "--mount", "--net", "sh", "-c", script, "sh", sys.executable, "-c", program]
    # The server's thread can only see the question, and say so, while the lookup waits for its answer.
    done = subprocess.run(command, cwd=ROOT, timeout=4, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("still here\n", "")


def test_services(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def getservbyport(port: int, protocol: str) -> str:
        asked.append((port, protocol))
        if port == 443:
            return "https"
        raise OSError("port/proto not found")

    monkeypatch.setattr(socket, "getservbyport", getservbyport)
    service_of.cache_clear()
    assert [service_of(port) for port in (443, 4, 443, 4)] == ["https", "", "https", ""]
    assert asked == [(443, "tcp"), (4, "tcp")]
    service_of.cache_clear()
