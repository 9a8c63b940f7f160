"""curl, an HTTP server, and tshark on the same interface: an independent clock for the same handshakes."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bpf.lab.namespace import Namespace, inside
from tests.end_to_end.commands import PATIENCE_S, lines_of, tcplat

pytestmark = pytest.mark.kernel

CLIENT, SERVER, PORT = "192.0.2.1", "192.0.2.2", 8000
CONNECTIONS = 16
NUDGE_S = 1.0
AT_ONCE = 6
PAGE_BYTES = 20_000
"""More than a first congestion window: while a page is fetched, those of others are in the queue."""
ROUNDS = 3
FIELDS = ("frame.time_epoch", "tcp.srcport", "tcp.dstport", "tcp.flags.ack", "tcp.analysis.ack_rtt")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two namespaces and a cable between them."""

    client: str
    server: str

    def start(self, namespace: str, *words: str, out: Path) -> subprocess.Popen[bytes]:
        """Start a program there, both its streams into a file."""
        with out.open("wb") as file:
            return subprocess.Popen(inside(namespace, *words), stdout=file, stderr=file)


@pytest.fixture
def pair() -> Iterator[Pair]:
    with ExitStack() as stack:
        client, server = Namespace(), Namespace()
        stack.callback(client.close)
        stack.callback(server.close)
        client.configure(
            [
                f"link add veth0 type veth peer name veth1 netns {server.path}",
                f"addr add {CLIENT}/24 dev veth0",
                "link set veth0 up",
            ]
        )
        server.configure([f"addr add {SERVER}/24 dev veth1", "link set veth1 up"])
        # Without a delay there would be nothing to agree about. A token bucket is the one qdisc with a delay that
        # every kernel has: at 500 kB/s, answers queue for tens of milliseconds behind the pages on their way to others.
        delay = "qdisc add dev veth1 root tbf rate 4mbit burst 2000 latency 5s"
        subprocess.run(inside(server.path, "tc", *delay.split()), check=True)
        yield Pair(client.path, server.path)


def until(wanted: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def ended(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """End it by SIGTERM at the end of the `with`."""
    with child:
        try:
            yield
        finally:
            child.terminate()


def curl(pair: Pair, times: int) -> None:
    """Fetch a page, some at a time; the server speaks HTTP/1.0, so each is a connection."""
    pages = [word for _ in range(times) for word in ("-o", "/dev/null", f"http://{SERVER}:{PORT}/page")]
    words = ["curl", "-sS", "--parallel", "--parallel-max", str(AT_ONCE), "--parallel-immediate", *pages]
    subprocess.run(inside(pair.client, *words), check=True, timeout=PATIENCE_S)


def seen_by_tshark(text: str) -> dict[int, tuple[float, float]]:
    """By client port: from SYN to SYN-ACK in ns, by the frames' times and by tshark's own analysis."""
    syns: dict[int, float] = {}
    found = {}
    for line in text.splitlines():
        words = line.split("\t")
        if len(words) != len(FIELDS):
            continue
        whole, _, fraction = words[0].partition(".")
        time_ns = int(whole) * 10**9 + int(fraction.ljust(9, "0"))
        if words[3] in ("0", "False"):
            syns[int(words[1])] = time_ns
        elif int(words[2]) in syns:
            found[int(words[2])] = (time_ns - syns[int(words[2])], float(words[4]) * 1e9)
    return found


@pytest.mark.skipif(
    not shutil.which("tshark") or not shutil.which("curl"), reason="make setup-test installs them"
)
def test_latencies_agree_with_tsharks(pair: Pair, tmp_path: Path) -> None:
    served, captured, measured = (tmp_path / name for name in ("served", "captured", "measured"))
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "page").write_bytes(bytes(PAGE_BYTES))
    server = [
        sys.executable,
        "-u",
        "-m",
        "http.server",
        str(PORT),
        "--bind",
        SERVER,
        "-d",
        str(tmp_path / "pages"),
    ]
    tshark = ["tshark", "-n", "-l", "-i", "veth0", "-f", "tcp", "-Y", "tcp.flags.syn==1", "-T", "fields"]
    with ExitStack() as stack:
        stack.enter_context(ended(pair.start(pair.server, *server, out=served)))
        tshark += [word for field in FIELDS for word in ("-e", field)]
        stack.enter_context(ended(pair.start(pair.client, *tshark, out=captured)))
        stack.enter_context(ended(pair.start(pair.client, *tcplat("veth0", "--json"), out=measured)))
        until(lambda: b"Serving HTTP" in served.read_bytes())
        until(lambda: b"Capturing on" in captured.read_bytes())
        until(lambda: b'"type":"probe"' in measured.read_bytes())
        while not seen_by_tshark(captured.read_text()):  # It says so before it does.
            curl(pair, 1)
        rounds = [one_round(pair, captured, measured) for _ in range(ROUNDS)]
    # tshark's tap lies inside of ours: after TC when sending, before it when receiving. So ours is the longer, by a
    # few microseconds, or by however long a busy machine does something else in between: hence the best round.
    assert min(max(map(abs, differences_ns)) for differences_ns in rounds) < 100_000
    assert statistics.median(rounds[0]) > -2_000


def one_round(pair: Pair, captured: Path, measured: Path) -> list[float]:
    """Connect some times; return by how many ns our latency of each is longer than tshark's."""
    before = seen_by_tshark(captured.read_text()).keys()
    curl(pair, CONNECTIONS)

    def new() -> dict[int, tuple[float, float, float]]:
        theirs = seen_by_tshark(captured.read_text())
        # Both streams are in the file, and its last line may be half written.
        whole = [
            line for line in measured.read_text().splitlines(True) if line[0] == "{" and line[-1] == "\n"
        ]
        lines = lines_of("".join(whole))
        ours = {one["local_port"]: one["latency_ns"] for one in lines if one["type"] == "handshake"}
        return {port: (ours[port], *theirs[port]) for port in ours.keys() & theirs.keys() - before}

    nudged = time.monotonic()

    def is_told() -> bool:
        nonlocal nudged
        # tshark may keep the last packets to itself until more come, and then tells all.
        if time.monotonic() - nudged > NUDGE_S:
            curl(pair, 1)
            nudged = time.monotonic()
        return len(new()) >= CONNECTIONS

    until(is_told)
    print("port   tcplat/us   tshark/us  its ack_rtt/us")
    for port, figures_ns in new().items():
        print(port, *(f"{each / 1e3:11.1f}" for each in figures_ns))
    assert max(ours for ours, _, _ in new().values()) > 5_000_000
    return [ours - theirs for ours, theirs, _ in new().values()]
