"""A box whose handshakes are made up; the exporter that counts them, and its server, are the real ones."""

from __future__ import annotations

import random

from bpf.event import Direction, Flow, Outcome
from bpf.source import Account, Batch
from tools.bench.handshakes import handshake
from tools.synthetic_boxes import SyntheticBox


class Box(SyntheticBox):
    """To which something happens with each of its remotes now and then."""

    def __init__(self, number: int, remotes: int) -> None:
        """Listen on 127.1.x.y, told by its number, on a port that the system chooses. Raises TcplatError."""
        super().__init__(max_series=remotes, host=f"127.1.{number >> 8}.{number & 255}")
        self._chance = random.Random(number)
        self._remotes = remotes
        self._turn = 0
        self.happen()

    def happen(self) -> None:
        """With each remote a handshake that is established, one that is not, and a sample of an open connection."""
        self._turn += 1
        handshakes, flows = [], []
        for remote in range(self._remotes):
            one = handshake(self._chance, remote, 0)
            failed = one._replace(
                latency_ns=0, connect_ns=0, outcome=1 + remote % (len(Outcome) - 1), retransmits=1
            )
            handshakes += [one, failed]
            flows.append(_sample(one.remote, remote, one.latency_ns, self._turn))
        account = Account("eth0", "tcx", established=self._turn, syns=2 * self._turn, packets=self._turn)
        self.take(Batch(handshakes, [account], flows=flows))


def _sample(remote: bytes, cookie: int, srtt_ns: int, turn: int) -> Flow:
    return Flow(
        time_ns=0,
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
