"""Several interfaces at a time: each shows what passes it, and what passes several counts once."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing

import pytest

from bpf.errors import NoSuchInterface
from bpf.event import Direction, Outcome, address_text
from bpf.lab import Host, Lab, inside
from bpf.lab.namespace import Namespace
from bpf.lab.packets import ACK, SYN, Tcp, Vlan, ethernet, ip
from bpf.source import ANY
from tests.end_to_end.attachments import attachments
from tests.end_to_end.watching import Watch, watching

pytestmark = pytest.mark.kernel

FAR = "198.18.0.1"
CONTAINER = "10.88.0.2"


@pytest.fixture
def container(lab: Lab) -> Iterator[str]:
    """A namespace behind a veth pair and a bridge, as container engines make it; yields its path."""
    namespace = Namespace()
    path = namespace.path
    with closing(namespace):
        commands = [
            "link add br0 type bridge",
            "addr add 10.88.0.1/24 dev br0",
            f"link add veth0 type veth peer name eth0 netns {path}",
            "link set veth0 master br0",
            "link set veth0 up",
            "link set br0 up",
        ]
        for command in commands:
            subprocess.run(lab.command("ip", *command.split()), check=True)
        namespace.configure(
            [
                f"addr add {CONTAINER}/24 dev eth0",
                "link set eth0 up",
                "route add default via 10.88.0.1",
            ]
        )
        lab.set_sysctl("ipv4/ip_forward", 1)
        yield path


CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], 443), 3).close()"


def connect_from(container: str) -> None:
    command = inside(container, "/usr/bin/python3", "-c", CONNECT, FAR)
    subprocess.run(command, check=True)


def by_interface(watch: Watch) -> dict[str, tuple[Direction, str, bool]]:
    return {
        watch.probe.name_of(each.ifindex): (
            Direction(each.direction),
            address_text(each.remote),
            bool(each.repeated),
        )
        for each in watch.handshakes
    }


def test_handshake_that_crosses_several_counts_once(lab: Lab, container: str) -> None:
    lab.add(Host(FAR, delay_s=0.01))
    with watching(lab, selection=[ANY]) as watch:
        connect_from(container)
        watch.take(3)
        assert by_interface(watch) == {
            lab.device: (Direction.OUTBOUND, FAR, False),
            "br0": (Direction.INBOUND, CONTAINER, True),
            "veth0": (Direction.INBOUND, CONTAINER, True),
        }
        assert len({each.identity for each in watch.handshakes}) == 1
        counts = {account.interface: account.established for account in watch.probe.accounts()}
    assert counts == {lab.device: 1, "br0": 1, "veth0": 1, "lo": 0}


def test_loopback_shows_both_sides_each_once(lab: Lab) -> None:
    with watching(lab, selection=[ANY]) as watch:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname()).close()
        watch.take(2)
    assert [each.repeated for each in watch.handshakes] == [0, 0]
    assert {each.direction for each in watch.handshakes} == set(Direction)


def test_named_ones_only(lab: Lab, container: str) -> None:
    lab.add(Host(FAR))
    with watching(lab, selection=["br0", "lo"]) as watch:
        connect_from(container)
        watch.take(1)
        assert by_interface(watch) == {"br0": (Direction.INBOUND, CONTAINER, False)}
        assert [account.interface for account in watch.probe.accounts()] == ["br0", "lo"]


def test_any_picks_up_what_comes_and_lets_go_of_what_goes(lab: Lab) -> None:
    def names() -> list[str]:
        return [account.interface for account in watch.probe.accounts()]

    with watching(lab, selection=[ANY]) as watch:
        assert names() == [lab.device, "lo"]
        subprocess.run(
            lab.command("ip", "link", "add", "new0", "type", "veth", "peer", "name", "new1"), check=True
        )
        subprocess.run(lab.command("ip", "link", "set", "new0", "up"), check=True)
        watch.until(lambda _: names() == [lab.device, "lo", "new0"])
        assert len([each for each in attachments(lab) if each.startswith("new0")]) == 2
        subprocess.run(lab.command("ip", "link", "delete", "new0"), check=True)
        watch.until(lambda _: names() == [lab.device, "lo"])
    assert attachments(lab) == []


def test_any_goes_alone(lab: Lab) -> None:
    with pytest.raises(NoSuchInterface, match="name it alone"), watching(lab, selection=[ANY, "lo"]):
        pass


def test_tags_apart_from_the_frame_and_in_it(lab: Lab) -> None:
    """The kernel moves the tag of what arrives out of the bytes before the hook; what a raw socket sends keeps it."""
    if lab.layer != "ethernet":
        return
    tag = [Vlan(7)]

    def theirs(flags: int, seq: int, ack: int) -> bytes:
        return ethernet(ip(FAR, lab.ipv4, Tcp(443, 5555, flags, seq, ack)), vlans=tag)

    with watching(lab) as watch, socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((lab.device, 0))
        lab.inject(theirs(SYN, 5000, 0))
        watch.until(lambda _: watch.account.syns == 1)
        raw.send(ethernet(ip(lab.ipv4, FAR, Tcp(5555, 443, SYN | ACK, 1000, 5001)), vlans=tag))
        lab.inject(theirs(ACK, 5001, 1001))
        (handshake,) = watch.take(1)
    assert (handshake.direction, handshake.outcome) == (Direction.INBOUND, Outcome.ESTABLISHED)
