"""What sampling open connections costs a packet: PYTHONPATH=. .venv/bin/python tools/bench_flow.py [CONNECTIONS ...]

BPF_PROG_TEST_RUN has no socket of TCP's. So real TCP streams cross a router between two namespaces, over veth pairs. On
the sender's egress, and on either side of the router's outer interface, hang one after another: an empty program, ours
in several ways, and an empty one again. They see the same packets; the kernel times each. Needs root.
"""

from __future__ import annotations

import os
import socket
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from bpf import syscall
from bpf.interfaces import Layer
from bpf.lab.namespace import Namespace
from bpf.program import Program
from tools.bench.kernel import EMPTY

OURS, INSIDE, OUTSIDE, THEIRS, PORT = "192.0.2.1", "192.0.2.2", "198.51.100.1", "198.51.100.2", 5001
RUN_S = 0.4
WARM_UP_S = 0.1
REPETITIONS = 11
KINDS = ("handshakes only", "sampling, but none taken", "a sample a second")
FORWARDED_KINDS = ("handshakes only", "a sample a second of our own", "and of what is forwarded")


@dataclass(frozen=True)
class Hook:
    """Where programs are hung."""

    namespace: Namespace
    device: str
    side: int

    def hang(self, program_fd: int) -> int:
        """Attach it behind those that hang there; return the link's descriptor."""
        with self.namespace.entered():
            return syscall.create_link(program_fd, socket.if_nametoindex(self.device), self.side)


class Streams:
    """Connections between two namespaces over a router, all sending small segments from one side."""

    def __init__(self, stack: ExitStack, count: int) -> None:
        """Open `count` of them; `stack` closes what was opened."""
        self.ours, router, theirs = (Namespace() for _ in range(3))
        for namespace in (self.ours, router, theirs):
            stack.callback(namespace.close)
        router.configure(
            [
                f"link add inside type veth peer name ours netns {self.ours.path}",
                f"link add outside type veth peer name theirs netns {theirs.path}",
            ]
        )
        router.set_sysctl("ipv4/ip_forward", 1)
        ends = ((self.ours, "ours", OURS), (router, "inside", INSIDE), (router, "outside", OUTSIDE))
        for namespace, name, address in (*ends, (theirs, "theirs", THEIRS)):
            namespace.configure([f"addr add {address}/24 dev {name}", f"link set {name} up"])
        for namespace, gateway in ((self.ours, INSIDE), (theirs, OUTSIDE)):
            namespace.configure([f"route add default via {gateway}"])
        self.sending = Hook(self.ours, "ours", syscall.TCX_EGRESS)
        self.leaving = Hook(router, "outside", syscall.TCX_EGRESS)
        self.coming = Hook(router, "outside", syscall.TCX_INGRESS)
        self._stack = stack
        self._open(theirs, count)

    def _open(self, theirs: Namespace, count: int) -> None:
        with theirs.entered():
            listener = socket.create_server((THEIRS, PORT), backlog=4096)
        self._stack.callback(listener.close)
        self.senders, self.receivers = [], []
        with self.ours.entered():
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


def runs(program_fds: Sequence[int], hook: Hook, streams: Streams) -> list[tuple[float, int]]:
    """Time each program over the same packets: ns a run, and how many."""
    with ExitStack() as links:
        for program_fd in program_fds:
            links.callback(os.close, hook.hang(program_fd))
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
        forwarding = stack.enter_context(Program(10_000_000_000, 1_000_000_000, is_forwarding=True))
        for count in [int(each) for each in arguments] or [1, 1000]:
            with ExitStack() as opened:
                streams = Streams(opened, count)
                title = f"{count:,} connections of our own"
                bench(title, KINDS, streams, streams.sending, plain, seldom, sampling)
                for name, hook in (("leave", streams.leaving), ("come in", streams.coming)):
                    title = f"{count:,} that are forwarded, as they {name}"
                    bench(title, FORWARDED_KINDS, streams, hook, plain, sampling, forwarding)


def bench(title: str, kinds: Sequence[str], streams: Streams, hook: Hook, *programs: Program) -> None:
    """Print a row: medians over programs loaded anew, since where their code comes to lie makes 10 ns."""
    rows = [measure(streams, hook, *programs) for _ in range(REPETITIONS)]
    columns = list(zip(*rows, strict=True))
    print(f"{title}: an empty program {statistics.median(columns[0]):.1f} ns a packet; over that")
    for name, column in zip(kinds, columns[1:], strict=True):
        low, high = min(column), max(column)
        print(f"{name:>30} {statistics.median(column):+6.1f}  ({low:+.1f} to {high:+.1f})")


def measure(streams: Streams, hook: Hook, *programs: Program) -> list[float]:
    """Load them; return what the empty program costs, and what each of ours costs more, in ns a packet."""
    empty = [syscall.load_classifier("empty", EMPTY) for _ in range(2)]
    loaded = [each.load(Layer.ETHERNET) for each in programs]
    ours = [each.ingress_fd if hook.side == syscall.TCX_INGRESS else each.egress_fd for each in loaded]
    (first, _), *timed, (last, _) = runs([empty[0], *ours, empty[1]], hook, streams)
    for each in empty:
        os.close(each)
    for program, pair in zip(programs, loaded, strict=True):
        program.unload(pair)
        program.read()
    nothing = (first + last) / 2
    return [nothing, *(each - nothing for each, _ in timed)]


if __name__ == "__main__":
    main(sys.argv[1:])
