"""What is told of interfaces: addresses, states and counters, against what `ip` says."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from bpf.interfaces import Counters, Interface, Layer, interfaces
from bpf.lab import Lab
from bpf.lab.namespace import Namespace
from tests.tui.played import PATIENCE_S

pytestmark = pytest.mark.kernel

CHURN = "link add come0 type veth peer name come1\nlink delete come0\n"


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    with closing(Namespace()) as made:
        yield made


def listed(namespace: Namespace | Lab) -> dict[str, Interface]:
    with namespace.entered():
        return {each.name: each for each in interfaces()}


def settled(namespace: Namespace | Lab, states: dict[str, str]) -> dict[str, Interface]:
    """Wait until interfaces have these states: a work queue of the kernel's sets them, up to a second later."""
    deadline_s = time.monotonic() + PATIENCE_S
    found = listed(namespace)
    while any(found[name].state != state for name, state in states.items()):
        assert time.monotonic() < deadline_s, {name: each.state for name, each in found.items()}
        found = listed(namespace)
    return found


def told(namespace: Namespace) -> list[dict[str, Any]]:
    """What `ip` tells of addresses, states and counters."""
    with namespace.entered():
        done = subprocess.run(
            ["ip", "-json", "-statistics", "addr", "show"], capture_output=True, text=True, check=True
        )
    links: list[dict[str, Any]] = json.loads(done.stdout)
    return links


def test_all_kinds_of_devices_and_addresses(namespace: Namespace) -> None:
    namespace.configure(
        [
            "link set lo up",
            "link add dev eth0 mtu 1400 type veth peer name away0",
            "link set eth0 up",
            "addr add 192.0.2.1/24 dev eth0",
            "addr add 198.51.100.1/32 dev eth0",
            "addr add 192.0.2.9/24 dev eth0",
            "addr add 2001:db8::1/64 dev eth0 nodad",
            "addr add 2001:db8:1::1 peer 2001:db8:2::/64 dev eth0 nodad",
            "tuntap add dev tun0 mode tun",
            "link set tun0 up",
            "addr add 10.0.0.1 peer 10.0.0.2/32 dev tun0",
            "link add wait0 type veth peer name wait1",
            "link set wait1 up",
            "link set wait0 mode dormant",
            "link set wait0 up",
        ]
    )
    found = settled(
        namespace,
        {
            "lo": "up",
            "eth0": "no carrier",
            "away0": "down",
            "tun0": "no carrier",
            "wait0": "dormant",
            "wait1": "up",
        },
    )
    assert found["eth0"] == Interface(
        name="eth0",
        index=found["eth0"].index,
        layer=Layer.ETHERNET,
        is_up=True,
        state="no carrier",
        mtu_bytes=1400,
        addresses=("192.0.2.1/24", "198.51.100.1/32", "192.0.2.9/24", *found["eth0"].addresses[3:]),
        counters=Counters(0, 0, 0, 0),
    )
    assert set(found["eth0"].addresses[3:]) == {"2001:db8::1/64", "2001:db8:1::1/64"}
    assert found["lo"].addresses == ("127.0.0.1/8", "::1/128")
    assert found["tun0"].addresses == ("10.0.0.1/32",)
    assert (found["tun0"].layer, found["away0"].is_up, found["away0"].addresses) == (Layer.IP, False, ())

    namespace.configure(["link set away0 up"])
    settled(namespace, {"eth0": "up"})


def test_as_ip_tells_it(namespace: Namespace) -> None:
    namespace.configure(
        [
            command
            for number in range(100)
            for command in (
                f"link add v{number} type bridge",
                f"link set v{number} up",
                f"addr add 10.0.{number}.1/24 dev v{number}",
            )
        ]
    )
    with namespace.entered():
        # Until their own link-local addresses are there, what two lists say differs.
        namespace.set_sysctl("ipv6/conf/all/disable_ipv6", 1)
    found, by_ip = listed(namespace), told(namespace)
    assert len(found) == 101
    assert [(each.name, each.index, each.mtu_bytes, each.addresses) for each in found.values()] == [
        (
            each["ifname"],
            each["ifindex"],
            each["mtu"],
            tuple(f"{one['local']}/{one['prefixlen']}" for one in each["addr_info"]),
        )
        for each in by_ip
    ]


def test_counters_are_the_kernels(lab: Lab) -> None:
    """And one more packet counts one more."""

    def loopback() -> Counters:
        (found,) = [each for each in interfaces() if each.name == "lo"]
        assert found.counters
        return found.counters

    with lab.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind(("127.0.0.1", 0))
            before = loopback()
            sender.sendto(b"x" * 100, receiver.getsockname())
            receiver.recv(1)
        now = loopback()
    size_bytes = 20 + 8 + 100  # Loopback does not count its header.
    assert tuple(now) == (before[0] + 1, before[1] + 1, before[2] + size_bytes, before[3] + size_bytes)
    device = settled(lab, {lab.device: "up"})[lab.device]
    assert f"{lab.ipv4}/24" in device.addresses


def test_list_is_whole_while_interfaces_come_and_go(namespace: Namespace) -> None:
    namespace.configure([f"link add v{number} type bridge" for number in range(100)])
    lasting = {"lo", *(f"v{number}" for number in range(100))}
    with namespace.entered():
        churn = subprocess.Popen(["ip", "-batch", "-"], stdin=subprocess.PIPE, text=True)
    with churn:
        assert churn.stdin
        churn.stdin.write(CHURN * 20)
        churn.stdin.close()
        while churn.poll() is None:
            names = set(listed(namespace))
            assert lasting <= names <= lasting | {"come0", "come1"}
    assert churn.returncode == 0
    assert set(listed(namespace)) == lasting
