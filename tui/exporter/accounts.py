"""The probe's account of itself, interface by interface, as families of metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from bpf.event import printable
from bpf.source import Account

_LABELS = ("interface",)
_COUNTERS = {
    "syns": "First SYNs, in both directions.",
    "established": "Handshakes that were established.",
    "refused": "Handshakes that were refused by a RST.",
    "unreachable": "Handshakes that an ICMP error ended.",
    "unanswered": "Handshakes that nothing answered in time.",
    "ambiguous": "Established, but which of several SYNs was answered is unknown.",
    "late": "Ended after they had been counted as unanswered.",
    "superseded": "Given up for another connection of the same ports.",
    "unresolved": "Handshakes whose end may have gone unseen.",
    "pending_full": "SYNs that were not followed because the table of those under way was full.",
    "events_lost": "Handshakes that were counted but not reported because the ring was full.",
    "syn_retransmits": "SYNs that were sent again.",
    "unsolicited": "SYN-ACKs that answer no SYN known.",
    "packets": "Packets seen.",
    "truncated": "Packets that ended before their headers did.",
    "malformed": "Packets whose headers contradict themselves.",
    "fragments": "Later fragments, which have no TCP header.",
    "too_deep": "Packets with too many IPv6 extension headers.",
    "samples": "Samples taken of open connections.",
    "samples_thinned": "Samples put off because there were too many.",
    "samples_lost": "Samples that were taken but lost because the ring was full.",
}
"""Fields of `Account`."""
_GAUGES = {
    "pending": "Handshakes under way.",
    "programs_ahead": "Programs of others that run on the hook before the probe.",
}


def account_families(accounts: Sequence[Account]) -> Iterator[Metric]:
    """All families; what an account does not have is left out."""
    yield _gauge("attached", "Whether the probe hangs on the interface.", accounts, _is_attached)
    for field, text in _GAUGES.items():
        yield _gauge(field, text, accounts, attrgetter(field))
    for field, text in _COUNTERS.items():
        yield _counter(field, text, accounts, attrgetter(field))
    yield _counter("runs", "Packets that tcplat_probe_run_seconds_total was spent on.", accounts, _runs)
    yield _counter("run_seconds", "Time spent in the kernel program.", accounts, _run_s)


_Value = Callable[[Account], "float | None"]


def _counter(name: str, text: str, accounts: Sequence[Account], value_of: _Value) -> Metric:
    family = CounterMetricFamily(f"tcplat_probe_{name}", text, labels=_LABELS)
    for interface, value in _sums(accounts, value_of).items():
        family.add_metric([interface], value)
    return family


def _gauge(name: str, text: str, accounts: Sequence[Account], value_of: _Value) -> Metric:
    family = GaugeMetricFamily(f"tcplat_probe_{name}", text, labels=_LABELS)
    for interface, value in _sums(accounts, value_of).items():
        family.add_metric([interface], value)
    return family


def _sums(accounts: Sequence[Account], value_of: _Value) -> dict[str, float]:
    """By interface; two whose names look alike once printed are one, for a series must not come twice."""
    sums: dict[str, float] = {}
    for account in accounts:
        value = value_of(account)
        if value is not None:
            interface = printable(account.interface)
            sums[interface] = sums.get(interface, 0) + value
    return sums


def _is_attached(account: Account) -> int:
    return int(bool(account.attach) and not account.is_gone)


def _runs(account: Account) -> float | None:
    return account.run_count


def _run_s(account: Account) -> float | None:
    return None if account.run_time_ns is None else account.run_time_ns / 1e9
