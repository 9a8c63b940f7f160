"""A box whose handshakes are made up; the exporter that counts them, and its server, are the real ones."""

from __future__ import annotations

import random
import time

from bpf.event import Direction, Flow, Outcome
from bpf.source import Account, Batch
from tools.bench.handshakes import handshake
from tui.exporter.address import Address
from tui.exporter.exporter import Exporter
from tui.exporter.label_sets import LabelBy
from tui.exporter.server import MetricsServer


class Box:
    """It serves while it is entered."""

    def __init__(self, number: int, remotes: int) -> None:
        """Listen on 127.1.x.y, told by its number, on a port that the system chooses. Raises TcplatError."""
        self._exporter = Exporter("simulated", LabelBy.HOST, max_series=remotes)
        self._server = MetricsServer(Address(f"127.1.{number >> 8}.{number & 255}", 0), self._exporter)
        self._chance = random.Random(number)
        self._remotes = remotes
        self._turn = 0
        self.happen()

    def __enter__(self) -> Box:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    @property
    def where(self) -> str:
        """HOST:PORT."""
        return self._server.url.split("/")[2]

    def happen(self) -> None:
        """With each remote a handshake that is established, one that is not, and a sample of an open connection."""
        self._turn += 1
        now_ns = time.monotonic_ns()
        handshakes, flows = [], []
        for remote in range(self._remotes):
            one = handshake(self._chance, remote, now_ns)
            failed = one._replace(
                latency_ns=0, connect_ns=0, outcome=1 + remote % (len(Outcome) - 1), retransmits=1
            )
            handshakes += [one, failed]
            flows.append(_sample(one.remote, remote, one.latency_ns, self._turn))
        account = Account("eth0", "tcx", established=self._turn, syns=2 * self._turn, packets=self._turn)
        self._exporter.take(Batch(handshakes, [account], flows=flows), _Names(), 0)


class _Names:
    """`Names`."""

    def name_of(self, ifindex: int) -> str:
        """The one there is."""
        del ifindex
        return "eth0"

    def unit_of(self, cgroup: int) -> str:
        """None."""
        del cgroup
        return ""


def _sample(remote: bytes, cookie: int, srtt_ns: int, turn: int) -> Flow:
    return Flow(
        time_ns=time.monotonic_ns(),
        srtt_ns=srtt_ns,
        min_rtt_ns=srtt_ns // 2,
        delivery_rate_bps=0,
        bytes_acked=0,
        bytes_received=0,
        segments=100 * turn,
        retransmits=turn,
        remote=remote,
        local=bytes(16),
        process=bytes(15),
        cookie=cookie,
        cgroup=0,
        ifindex=2,
        pid=0,
        remote_port=443,
        local_port=40_000,
        direction=Direction.OUTBOUND,
        is_closing=False,
    )
