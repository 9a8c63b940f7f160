"""Boxes that are none: the real exporter of each, on a port of loopback, and handshakes that somebody thinks up."""

from __future__ import annotations

from collections.abc import Iterable

from bpf.event import Direction, Handshake, Outcome, address_bytes
from bpf.source import Account, Batch
from tui.exporter.address import Address
from tui.exporter.exporter import Exporter
from tui.exporter.label_sets import LabelBy
from tui.exporter.server import MetricsServer

_PROCESS = b"\0" * 16
_LOCAL = address_bytes("10.0.0.1")
_MANY = 10_000


class SyntheticBox:
    """An exporter that listens while it is entered."""

    def __init__(
        self,
        label_by: LabelBy = LabelBy.HOST,
        max_series: int = _MANY,
        port: int = 0,
        host: str = "127.0.0.1",
    ) -> None:
        """`port`: 0 lets the system choose one; `host`: an address of loopback. Raises TcplatError."""
        self._exporter = Exporter("synthetic", label_by, max_series, now_ns=lambda: 0)
        self._server = MetricsServer(Address(host, port), self._exporter)

    def __enter__(self) -> SyntheticBox:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Be gone: its port is closed."""
        self._server.close()

    @property
    def target(self) -> str:
        """HOST:PORT, as Prometheus is told where to scrape."""
        return self._server.url.split("/")[2]

    def take(self, batch: Batch) -> None:
        """Count what is in a batch."""
        self._exporter.take(batch, _Names(), 0)

    def count(
        self,
        remote: str,
        latencies_ns: Iterable[int] = (),
        *,
        direction: Direction = Direction.OUTBOUND,
        refused: int = 0,
        unanswered: int = 0,
        retransmits: int = 0,
        port: int = 443,
        lost: int = 0,
    ) -> None:
        """Count handshakes with `remote`; of the first established one so many SYNs were sent again.

        `lost`: what the probe's account says was lost since it began.
        """
        came = [_handshake(remote, ns, direction=direction, port=port) for ns in latencies_ns]
        if came and retransmits:
            came[0] = came[0]._replace(retransmits=retransmits)
        for outcome, number in ((Outcome.REFUSED, refused), (Outcome.UNANSWERED, unanswered)):
            came += [_handshake(remote, 0, outcome, direction=direction, port=port)] * number
        account = Account("eth0", "tcx", events_lost=lost)
        self.take(Batch(came, [account]))


class _Names:
    def name_of(self, ifindex: int) -> str:
        return f"eth{ifindex}"

    def unit_of(self, cgroup: int) -> str:
        del cgroup
        return ""


def _handshake(
    remote: str, ns: int, outcome: Outcome = Outcome.ESTABLISHED, *, direction: Direction, port: int
) -> Handshake:
    is_outbound = direction == Direction.OUTBOUND
    return Handshake(
        time_ns=0,
        latency_ns=ns,
        connect_ns=ns if is_outbound else 0,
        answer_ns=0,
        remote=address_bytes(remote),
        local=_LOCAL,
        process=_PROCESS,
        identity=0,
        cgroup=0,
        ifindex=0,
        pid=0,
        remote_port=port if is_outbound else 40_000,
        local_port=40_000 if is_outbound else port,
        retransmits=0,
        outcome=outcome,
        direction=direction,
        ambiguous=0,
        repeated=0,
    )
