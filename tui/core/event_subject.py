"""A single handshake, or sample of an open connection, as what filters are asked about."""

from __future__ import annotations

from collections.abc import Callable, Collection
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache

from bpf.event import Direction, Flow, Handshake, Outcome, address_text, printable
from tui.core.connection import opener_of, sampled
from tui.core.fields import Names

_address = lru_cache(maxsize=65536)(address_text)
_LATENCIES = frozenset({"last", "min", "p50", "p95", "p99", "max"})
_OUTCOMES = {
    "count": Outcome.ESTABLISHED,
    "refused": Outcome.REFUSED,
    "unreachable": Outcome.UNREACHABLE,
    "unanswered": Outcome.UNANSWERED,
}


def _nothing(key: object) -> str:
    del key
    return ""


@dataclass(frozen=True, slots=True)
class Known:
    """What a handshake does not say itself. Each function returns an empty text where it knows nothing."""

    names: Names
    host_name_of: Callable[[bytes], str] = _nothing
    """Of a remote address."""
    service_of: Callable[[int], str] = _nothing
    """Of the port connected to."""
    now_ns: Callable[[], int] | None = None
    """For `age`; None: no handshake has one."""


class _Subject:
    """What handshakes and samples have in common."""

    __slots__ = ("_direction", "_known", "_one")

    def __init__(self, one: Handshake | Flow, direction: int, known: Known) -> None:
        self._one = one
        self._direction = direction
        self._known = known

    def texts(self) -> Collection[str]:
        """Address, name, service, process."""
        return (*self.labels("host"), *self.labels("service"), *self.labels("proc"))

    def addresses(self) -> Collection[bytes]:
        """The remote one."""
        return (self._one.remote,)

    def labels(self, id_: str) -> Collection[str]:
        """At most one, but for "host": address and name."""
        one, known = self._one, self._known
        if id_ == "host":
            texts: tuple[str, ...] = (_address(one.remote), known.host_name_of(one.remote))
        elif id_ == "service":
            texts = (known.service_of(self._port),)
        elif id_ == "dir":
            texts = ("out" if self._direction == Direction.OUTBOUND else "in",)
        elif id_ == "if":
            texts = (known.names.name_of(one.ifindex),)
        elif id_ == "proc":
            texts = (printable(one.process.partition(b"\0")[0].decode(errors="replace")),)
        else:
            texts = (known.names.unit_of(one.cgroup),) if id_ == "unit" else ()
        return tuple(filter(None, texts))

    def numbers(self, id_: str) -> AbstractSet[int]:
        """The port connected to: the remote's outbound, ours inbound. The process id, if it is known."""
        if id_ == "port":
            return {self._port}
        return {self._one.pid} if id_ == "pid" and self._one.pid else set()

    @property
    def _port(self) -> int:
        return self._one.remote_port if self._direction == Direction.OUTBOUND else self._one.local_port


class EventSubject(_Subject):
    """A `Subject`: one handshake. Its latency is each of the percentiles; "count" is 1 if established, else 0."""

    __slots__ = ("_handshake",)

    def __init__(self, handshake: Handshake, known: Known) -> None:
        super().__init__(handshake, handshake.direction, known)
        self._handshake = handshake

    def figure(self, id_: str) -> float | None:
        """What a row of this handshake alone would show; it has no rate."""
        handshake = self._handshake
        if id_ in _LATENCIES:
            return handshake.latency_ns or None
        if id_ in _OUTCOMES:
            return int(handshake.outcome == _OUTCOMES[id_])
        if id_ == "fail":
            return int(handshake.outcome != Outcome.ESTABLISHED)
        if id_ == "retx":
            return handshake.retransmits
        if id_ == "age" and self._known.now_ns:
            return max(0, self._known.now_ns() - handshake.time_ns)
        return None


class FlowSubject(_Subject):
    """A `Subject`: one sample. It has no figure of a handshake, and no loss: that is counted between two."""

    __slots__ = ("_flow",)

    def __init__(self, flow: Flow, known: Known) -> None:
        super().__init__(flow, opener_of(flow), known)
        self._flow = flow

    def figure(self, id_: str) -> float | None:
        """What a row of this connection alone would show."""
        flow = self._flow
        if id_ == "flows":
            return int(not flow.is_closing)
        if id_ == "srtt":
            return flow.srtt_ns or None
        if id_ == "minrtt":
            return flow.min_rtt_ns or None
        return sampled(flow, None).bloat if id_ == "bloat" else None
