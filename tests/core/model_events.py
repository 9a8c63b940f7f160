"""What comes to a model in a property test: handshakes, and samples of connections that go on, by their own rules."""

from __future__ import annotations

from itertools import count
from typing import Any, NamedTuple

from hypothesis import strategies as st

from bpf.event import Direction, Flow, Outcome
from tests.core.handshakes import MS, OTHER_PORT, S, flow

CELLS = [
    ("10.0.0.1", 443, "curl", Direction.OUTBOUND, 2),
    ("10.0.0.1", 443, "sshd", Direction.OUTBOUND, 2),
    ("10.0.0.1", 22, "sshd", Direction.OUTBOUND, 3),
    ("10.0.0.2", 443, "curl", Direction.OUTBOUND, 2),
    ("10.0.0.2", 443, "", Direction.INBOUND, 2),
    ("10.0.1.20", 8080, "", Direction.INBOUND, 9),
    ("192.0.2.7", 443, "curl", Direction.OUTBOUND, 3),
    ("2001:db8::a", 443, "curl", Direction.OUTBOUND, 2),
    ("2001:db8::ff:a", 22, "", Direction.INBOUND, 3),
]
"""Few, so that each sees much; of each grouping some go together."""
SOCKETS = [
    *((CELLS[0], True, 812, 7), (CELLS[0], True, 900, 0), (CELLS[0], False, 0, 0), (CELLS[2], True, 812, 0)),
    *((CELLS[4], True, 0, 7), (CELLS[4], False, 0, 0), (CELLS[7], False, 0, 7)),
    (("198.51.100.4", 5432, "postgres", Direction.OUTBOUND, 2), True, 700, 0),
    (("198.51.100.4", OTHER_PORT, "", Direction.OUTBOUND, 2), False, 0, 0),
]
"""The cell of a connection; whether it was seen who opened it; its process and unit."""
LATENESS_NS = [0] * 12 + [1, 4 * S, 8 * S, 59 * S, 70 * S, 150 * S, 400 * S, 1000 * S]
AFTER_NS = (
    st.integers(0, 2 * S)
    | st.integers(0, 30 * S)
    | st.integers(0, 300 * S)
    | st.sampled_from([5 * S, 60 * S, 15 * 60 * S, 3600 * S])
)
LATENCIES = st.just(0) | st.integers(1, 300) | st.integers(1, 2 * S) | st.sampled_from([MS, 300 * MS])

AGES_NS = st.just(0) | st.integers(1, 100 * S) | st.integers(1, 4000 * S)
ROUND_TRIPS = st.sampled_from(
    [
        *((5 * MS, 4 * MS), (9 * MS, 0), (0, 0), (12 * MS, 4 * MS), (15 * MS - 1, 5 * MS), (15 * MS, 5 * MS)),
        *(
            (14 * MS, 4 * MS),
            (14 * MS - 1, 4 * MS),
            (90 * MS, 10 * MS),
            (300 * MS, 20 * MS),
            (400 * MS, 150 * MS),
        ),
    ]
)


class Said(NamedTuple):
    """What the next sample of a connection says."""

    socket: int
    """Which of `SOCKETS`."""
    srtt_ns: int
    min_rtt_ns: int
    segments: int
    """Sent since the sample before."""
    retransmits: int
    """Of them again."""
    is_closing: bool
    age_ns: int
    """If it is the first: how long ago the connection was opened; 0: not seen."""
    is_sharp: bool
    """Whether it was taken as a slice began."""


class Sockets:
    """Connections that go on: one at a time of each of `SOCKETS`, after its end another."""

    def __init__(self) -> None:
        self._before: dict[int, Flow] = {}
        self._cookies = count(1)
        self._last_ns = 0

    def sample(self, time_ns: int, said: Said) -> Flow:
        """The next of a connection; never older than one that was reported before."""
        if said.is_sharp:
            time_ns -= time_ns % (5 * S)
        self._last_ns = time_ns = max(time_ns, self._last_ns)
        (address, port, process, direction, ifindex), is_seen, pid, cgroup = SOCKETS[said.socket]
        is_theirs = direction == Direction.INBOUND and not is_seen
        before = self._before.pop(said.socket, None)
        made = flow(
            address,
            time_ns,
            said.srtt_ns,
            cookie=before.cookie if before else next(self._cookies),
            min_rtt_ns=said.min_rtt_ns,
            segments=said.segments + (before.segments if before else 0),
            retransmits=said.retransmits + (before.retransmits if before else 0),
            opened_ns=before.opened_ns if before else time_ns - said.age_ns if said.age_ns else 0,
            closing=said.is_closing,
            port=OTHER_PORT if is_theirs else port,
            other_port=port if is_theirs else OTHER_PORT,
            process=process,
            pid=pid,
            cgroup=cgroup,
            direction=direction if is_seen else None,
            ifindex=ifindex,
        )
        if not said.is_closing:
            self._before[said.socket] = made
        return made


Event = tuple[int, int, dict[str, Any] | Said]
Events = list[Event]


@st.composite
def samples(draw: st.DrawFn) -> Said:
    segments = draw(st.sampled_from([0, 1, 40]) | st.integers(0, 2000))
    srtt_ns, min_rtt_ns = draw(ROUND_TRIPS)
    return Said(
        draw(st.integers(0, len(SOCKETS) - 1)),
        srtt_ns,
        min_rtt_ns,
        segments,
        draw(st.just(0) | st.integers(0, segments)),
        draw(st.sampled_from([False] * 5 + [True])),
        draw(AGES_NS),
        draw(st.booleans()),
    )


@st.composite
def handshakes(draw: st.DrawFn) -> dict[str, Any]:
    """But for its time."""
    latency_ns = draw(LATENCIES)
    retransmits = draw(st.sampled_from([0, 0, 0, 1, 3]))
    address, port, process, direction, ifindex = draw(st.sampled_from(CELLS))
    return {
        "address": address,
        "latency_ns": latency_ns,
        "outcome": draw(st.sampled_from([Outcome.ESTABLISHED] * 6 + list(Outcome))),
        "retransmits": retransmits,
        "connect_ns": latency_ns + retransmits * S,
        "port": port,
        "process": process,
        "pid": draw(st.sampled_from([0, 812, 900])),
        "cgroup": draw(st.sampled_from([0, 7])),
        "direction": direction,
        "ifindex": ifindex,
    }


EVENTS: st.SearchStrategy[Event] = st.tuples(
    st.just(0) | st.integers(0, 8 * S), st.sampled_from(LATENESS_NS), handshakes() | samples()
)
"""How long after the one before; how late it is reported; what."""
Steps = list[tuple[Events, int]]
STEPS = st.lists(st.tuples(st.lists(EVENTS, min_size=1, max_size=4), AFTER_NS), min_size=2, max_size=6)
