"""What sampling open connections costs a packet: PYTHONPATH=. .venv/bin/python tools/bench_flow.py [CONNECTIONS ...]

BPF_PROG_TEST_RUN has no socket. So real TCP streams cross a veth pair between two namespaces, and on the sender's
egress hang, one after another: an empty program, ours without samples, ours with but hardly ever one, ours with one a
second, and an empty one again. They see the same packets; the kernel times each. Needs root.
"""

from __future__ import annotations

import os
import socket
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

from bpf import syscall
from bpf.interfaces import Layer
from bpf.lab.namespace import Namespace
from bpf.program import Program
from tools.bench.kernel import EMPTY

OURS, THEIRS, PORT = "192.0.2.1", "192.0.2.2", 5001
RUN_S = 0.4
WARM_UP_S = 0.1
REPETITIONS = 11
KINDS = ("handshakes only", "sampling, but none taken", "a sample a second")


class Streams:
    """Connections between two namespaces over a veth pair, all sending small segments from one side."""

    def __init__(self, stack: ExitStack, count: int) -> None:
        """Open `count` of them; `stack` closes what was opened."""
        self.ours, theirs = Namespace(), Namespace()
        stack.callback(self.ours.close)
        stack.callback(theirs.close)
        self.ours.configure([f"link add ours type veth peer name theirs netns {theirs.path}"])
        for namespace, name, address in ((self.ours, "ours", OURS), (theirs, "theirs", THEIRS)):
            namespace.configure([f"addr add {address}/24 dev {name}", f"link set {name} up"])
        self._stack = stack
        self._open(theirs, count)

    def _open(self, theirs: Namespace, count: int) -> None:
        with theirs.entered():
            listener = socket.create_server((THEIRS, PORT), backlog=4096)
        self._stack.callback(listener.close)
        self.senders, self.receivers = [], []
        with self.ours.entered():
            self.ifindex = socket.if_nametoindex("ours")
            for number in range(count):
                sender = socket.socket()
                # More than the ports of one address hold.
                sender.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sender.bind((OURS, 10_000 + number))
                sender.connect((THEIRS, PORT))
                sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sender.setblocking(False)
                receiver = listener.accept()[0]
                receiver.setblocking(False)
                self.senders.append(self._stack.enter_context(sender))
                self.receivers.append(self._stack.enter_context(receiver))

    def run(self, run_s: float) -> None:
        """Send a little on each connection in turn; the other side reads, so that windows stay open."""
        until = time.monotonic() + run_s
        data = bytes(100)
        while time.monotonic() < until:
            for sender, receiver in zip(self.senders, self.receivers, strict=True):
                try:
                    sender.send(data)
                    receiver.recv(65536)
                except BlockingIOError:
                    continue


def runs(program_fds: Sequence[int], streams: Streams) -> list[tuple[float, int]]:
    """Time each program over the same packets: ns a run, and how many."""
    with ExitStack() as links, streams.ours.entered():
        for program_fd in program_fds:
            links.callback(os.close, syscall.create_link(program_fd, streams.ifindex, syscall.TCX_EGRESS))
        streams.run(WARM_UP_S)
        before = [syscall.program_runs(each) for each in program_fds]
        streams.run(RUN_S)
        after = [syscall.program_runs(each) for each in program_fds]
    return [
        ((ended[0] - began[0]) / max(1, ended[1] - began[1]), ended[1] - began[1])
        for began, ended in zip(before, after, strict=True)
    ]


def main(arguments: Sequence[str]) -> None:
    """Run all; arguments: how many connections."""
    with ExitStack() as stack:
        stack.callback(os.close, syscall.time_programs())
        plain = stack.enter_context(Program(10_000_000_000))
        seldom = stack.enter_context(Program(10_000_000_000, 1_000_000_000_000))
        sampling = stack.enter_context(Program(10_000_000_000, 1_000_000_000))
        for count in [int(each) for each in arguments] or [1, 1000]:
            bench(count, plain, seldom, sampling)


def bench(count: int, *programs: Program) -> None:
    """Print a row: medians over programs loaded anew, since where their code comes to lie makes 10 ns."""
    with ExitStack() as stack:
        streams = Streams(stack, count)
        rows = [measure(streams, *programs) for _ in range(REPETITIONS)]
    columns = list(zip(*rows, strict=True))
    print(
        f"{count:6,} connections: an empty program {statistics.median(columns[0]):.1f} ns a packet; over that"
    )
    for name, column in zip(KINDS, columns[1:], strict=True):
        low, high = min(column), max(column)
        print(f"{name:>30} {statistics.median(column):+6.1f}  ({low:+.1f} to {high:+.1f})")


def measure(streams: Streams, *programs: Program) -> list[float]:
    """Load them; return what the empty program costs, and what each of ours costs more, in ns a packet."""
    empty = [syscall.load_classifier("empty", EMPTY) for _ in range(2)]
    loaded = [each.load(Layer.ETHERNET) for each in programs]
    (first, _), *ours, (last, _) = runs([empty[0], *(each.egress_fd for each in loaded), empty[1]], streams)
    for each in empty:
        os.close(each)
    for program, pair in zip(programs, loaded, strict=True):
        program.unload(pair)
        program.read()
    nothing = (first + last) / 2
    return [nothing, *(each - nothing for each, _ in ours)]


if __name__ == "__main__":
    main(sys.argv[1:])
