"""A series of packets in which every way a handshake can go occurs, and what the matcher says of it."""

from __future__ import annotations

import ipaddress

from bpf import packet
from bpf.event import Handshake, Outcome
from bpf.lab.packets import ACK, RST, SYN, Icmp, Tcp, ip, timestamps
from bpf.matcher import Matcher
from tests.bpf.containers import Passing, S

BEGAN_NS = 1_700_000_000 * S
MS = 1_000_000
OURS, THEIRS = "10.0.2.15", "192.0.2.7"
OURS_V6, THEIRS_V6 = "fd00::15", "2001:db8::7"
LOCAL = (ipaddress.ip_network("10.0.2.0/24"), ipaddress.ip_network("fd00::/64"))
TIMEOUT_NS = 10 * S


def _both(is_v6: bool) -> tuple[str, str]:
    return (OURS_V6, THEIRS_V6) if is_v6 else (OURS, THEIRS)


def out(at_ns: int, tcp: Tcp, is_v6: bool = False) -> Passing:
    """A segment of ours."""
    ours, theirs = _both(is_v6)
    return Passing(BEGAN_NS + at_ns, False, ip(ours, theirs, tcp))


def come(at_ns: int, tcp: Tcp, is_v6: bool = False) -> Passing:
    """A segment of theirs."""
    ours, theirs = _both(is_v6)
    return Passing(BEGAN_NS + at_ns, True, ip(theirs, ours, tcp))


def answered(at_ns: int, port: int, rtt_ns: int, is_v6: bool = False) -> list[Passing]:
    """An outbound handshake."""
    isn, theirs = port * 1000, port * 2000
    return [
        out(at_ns, Tcp(port, 443, SYN, isn), is_v6),
        come(at_ns + rtt_ns, Tcp(443, port, SYN | ACK, theirs, isn + 1), is_v6),
        out(at_ns + rtt_ns + 1000, Tcp(port, 443, ACK, isn + 1, theirs + 1), is_v6),
    ]


def inbound(at_ns: int, port: int, rtt_ns: int, is_v6: bool = False) -> list[Passing]:
    """A handshake that they began."""
    isn, ours = port * 1000, port * 2000
    return [
        come(at_ns, Tcp(port, 22, SYN, isn), is_v6),
        out(at_ns + 2000, Tcp(22, port, SYN | ACK, ours, isn + 1), is_v6),
        come(at_ns + 2000 + rtt_ns, Tcp(port, 22, ACK, isn + 1, ours + 1), is_v6),
    ]


def outbound_series() -> list[Passing]:
    """Established, retransmitted, refused, unreachable, unanswered; data between. Times are whole microseconds."""
    series = [*answered(0, 1001, 20 * MS), *answered(5 * MS, 1002, 35 * MS, is_v6=True)]
    for number in range(40):
        port, at_ns = 1001 + number % 2, (100 + number) * MS
        tcp = Tcp(port, 443, ACK, port * 1000 + 1, port * 2000 + 1, payload=bytes(number * 9))
        series.append(out(at_ns, tcp, port == 1002))
    again = [Tcp(1003, 443, SYN, 7, options=timestamps(stamp)) for stamp in (1000, 2000)]
    series += [out(200 * MS, again[0]), out(1200 * MS, again[1])]
    series.append(come(1230 * MS, Tcp(443, 1003, SYN | ACK, 9, 8, options=timestamps(5, 2000))))
    series += [out(300 * MS, Tcp(1004, 81, SYN, 5)), come(310 * MS, Tcp(81, 1004, RST | ACK, 0, 6))]
    lost = out(400 * MS, Tcp(1005, 82, SYN, 5))
    error = ip("10.0.2.1", OURS, Icmp(3, 1, lost.data))
    series += [lost, Passing(BEGAN_NS + 420 * MS, True, error)]
    series += [out(500 * MS, Tcp(1006, 83, SYN, 5)), *answered(16 * S, 1007, 3 * MS)]
    return sorted(series)


def both_ways_series() -> list[Passing]:
    """The same with inbound handshakes, one refused, one whose end is not seen."""
    series = [
        *outbound_series(),
        *inbound(50 * MS, 2001, 40 * MS),
        *inbound(60 * MS, 2002, 12 * MS, is_v6=True),
    ]
    series += [come(600 * MS, Tcp(2003, 23, SYN, 5)), out(601 * MS, Tcp(23, 2003, RST | ACK, 0, 6))]
    return sorted([*series, come(700 * MS, Tcp(2004, 22, SYN, 5))])


def matched(series: list[Passing]) -> list[Handshake]:
    """What the matcher says, told all, and asked for the unanswered at the end. Comparable."""
    matcher = Matcher(TIMEOUT_NS)
    ended = [
        matcher.see(each.time_ns, 1, each.is_ingress, each.data, *packet.bare_ip(each.data))
        for each in series
    ]
    unanswered = matcher.sweep(series[-1].time_ns).unanswered
    return comparable([*(each for each in ended if each), *unanswered])


def comparable(handshakes: list[Handshake]) -> list[Handshake]:
    """By when they ended, but for the unanswered: those end whenever somebody looks. All on one interface."""
    return sorted(
        each._replace(ifindex=1, time_ns=0 if each.outcome == Outcome.UNANSWERED else each.time_ns)
        for each in handshakes
    )
