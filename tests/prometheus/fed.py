"""A box that never rests: the real exporter on loopback, fed with handshakes and samples of every kind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bpf.event import Direction, Outcome
from bpf.source import Account, Batch
from tests.core.handshakes import MS, flow, handshake
from tests.exporter.scraped import Interfaces
from tui.exporter.address import address
from tui.exporter.exporter import Exporter
from tui.exporter.label_sets import LabelBy
from tui.exporter.server import MetricsServer

REMOTE = "192.0.2.1"
_PAUSE_S = 0.05


def _batch(turn: int) -> Batch:
    """More than the one before in all that is counted."""
    now_ns = time.monotonic_ns()
    handshakes = [
        handshake(REMOTE, now_ns, (3 + turn % 20) * MS, connect_ns=1_000 * MS, retransmits=1, direction=each)
        for each in Direction
    ]
    handshakes += [handshake(REMOTE, now_ns, outcome=each) for each in Outcome if each]
    handshakes.append(handshake(REMOTE, now_ns, ambiguous=True, retransmits=2))
    flows = [
        flow(
            REMOTE, now_ns, 90 * MS, min_rtt_ns=80 * MS, segments=100 * turn, retransmits=turn, cookie=number
        )
        for number in range(1, 5)
    ]
    flows.append(flow(REMOTE, now_ns, 40 * MS, cookie=9, direction=Direction.INBOUND, segments=turn))
    account = Account("eth0", "tcx", turn, syns=turn, packets=turn, run_count=turn, run_time_ns=turn)
    return Batch(handshakes, [account], flows=flows)


@contextmanager
def fed() -> Iterator[str]:
    """Yield where it is, as HOST:PORT."""
    exporter = Exporter("1.2.3", LabelBy.HOST, 1000)
    server = MetricsServer(address(":0"), exporter)
    is_over = threading.Event()

    def feed() -> None:
        turn = 0
        while not is_over.wait(_PAUSE_S):
            turn += 1
            exporter.take(_batch(turn), Interfaces(), 0)

    feeding = threading.Thread(target=feed)
    server.start()
    feeding.start()
    try:
        yield server.url.split("/")[2]
    finally:
        is_over.set()
        feeding.join()
        server.close()
