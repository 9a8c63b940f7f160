"""The lab's packets, as the kernel takes and sends them."""

from __future__ import annotations

import socket

import pytest

from bpf.lab import Host, Lab, packets
from bpf.lab.device import Layer
from bpf.lab.packets import ACK, FIN, SYN
from bpf.lab.segment import timestamp
from tests.bpf.lab.sent import Sent

pytestmark = pytest.mark.kernel

LAYERS: tuple[Layer, ...] = ("ethernet", "ip")


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("address", ["198.18.0.9", "2001:db8:1::9"])
@pytest.mark.parametrize("timestamps", [True, False])
def test_conversation_has_no_noise_and_ends(layer: Layer, address: str, timestamps: bool) -> None:
    sent = Sent(layer)
    with Lab(layer, [Host(address, timestamps=timestamps)], sent=sent) as lab:
        lab.connect(address)
        segments = sent.wait(4)
        assert [one.flags & (SYN | ACK | FIN) for one in segments] == [SYN, ACK, ACK | FIN, ACK]
        assert [timestamp(one.options) is not None for one in segments[1:]] == [timestamps] * 3


EXTENSIONS = (
    packets.options_extension(packets.HOP_BY_HOP),
    packets.options_extension(packets.DESTINATION_OPTIONS, 3),
    packets.fragment_extension(0, more=False),
)


@pytest.mark.parametrize("shape", ["ipv4", "ipv4-options", "ipv6", "ipv6-extensions"])
@pytest.mark.parametrize("layer", LAYERS)
def test_kernel_accepts_built_packets(layer: Layer, shape: str) -> None:
    sent = Sent(layer)
    ours, family = (Lab.ipv6, socket.AF_INET6) if "ipv6" in shape else (Lab.ipv4, socket.AF_INET)
    with Lab(layer, sent=sent) as lab:
        with lab.entered():
            listener = socket.create_server((ours, 0), family=family)
        options = packets.mss(1_400) + packets.timestamps(77) + packets.window_scale(3)
        syn = packets.Tcp(5_000, listener.getsockname()[1], SYN, seq=99, options=options, payload=b"odd")
        packet = {
            "ipv4": lambda: packets.ipv4("198.18.0.7", ours, syn),
            "ipv4-options": lambda: packets.ipv4("198.18.0.7", ours, syn, options=packets.NOP * 7, ttl=1),
            "ipv6": lambda: packets.ipv6("2001:db8:1::7", ours, syn),
            "ipv6-extensions": lambda: packets.ipv6("2001:db8:1::7", ours, syn, extensions=EXTENSIONS),
        }[shape]()
        lab.inject(packets.ethernet(packet) if layer == "ethernet" else packet)
        (answer,) = sent.wait(1)
        listener.close()
    assert answer.flags == SYN | ACK
    assert (answer.remote_port, answer.ack) == (5_000, 100)
    assert answer.options.find((77).to_bytes(4, "big")) > 0


def test_vlan_tags_are_written_outermost_first() -> None:
    tags = (packets.Vlan(5, packets.ETHERTYPE_QINQ), packets.Vlan(100, priority=1))
    frame = packets.ethernet(b"\x45", vlans=tags)
    assert frame[12:] == bytes.fromhex("88a80005 81002064 0800 45")
