"""The cast of the demonstration: only addresses that are nobody's, and everybody is visited or visits."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address, ip_network

from bpf.demo.cast import SCENE
from bpf.lab.device import GATEWAY_IPV4, GATEWAY_IPV6, OUR_IPV4, OUR_IPV6

DOCUMENTATION = tuple(
    ip_network(text)
    for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "2001:db8::/32")
)
TARGETS = [call.address for caller in SCENE.callers for call in caller.calls]
VISITORS = [visit.client.address for visit in SCENE.visits]


def test_addresses_are_nobodys_and_each_plays_one_part() -> None:
    addresses = [host.address for host in SCENE.hosts] + VISITORS
    assert max(Counter(addresses).values()) == 1
    assert not {OUR_IPV4, OUR_IPV6, GATEWAY_IPV4, GATEWAY_IPV6} & set(addresses)
    for address in addresses:
        assert any(ip_address(address) in network for network in DOCUMENTATION)


def test_everybody_who_answers_is_called() -> None:
    assert set(TARGETS) == {host.address for host in SCENE.hosts}
    assert {spell.host.address for spell in SCENE.spells} <= set(TARGETS)


def test_names_fit_into_the_kernels_field() -> None:
    names = [caller.name for caller in SCENE.callers] + [server.name for server in SCENE.servers]
    assert all(0 < len(name.encode()) <= 15 for name in names)


def test_there_are_some_dozens_of_handshakes_a_second() -> None:
    calls = [call.every_s for caller in SCENE.callers for call in caller.calls]
    assert 20 <= sum(1 / every_s for every_s in calls + [visit.every_s for visit in SCENE.visits]) <= 60


def test_without_ipv6_the_rest_is_left() -> None:
    rest = SCENE.over_ipv4()
    remote = [host.address for host in rest.hosts] + [visit.client.address for visit in rest.visits]
    called = {call.address for caller in rest.callers for call in caller.calls}
    assert not [address for address in (*remote, *called) if ":" in address]
    assert called == {host.address for host in rest.hosts}
    assert rest.servers == SCENE.servers
    assert all(caller.calls for caller in rest.callers)
