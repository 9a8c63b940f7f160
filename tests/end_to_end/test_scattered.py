"""Packets whose headers are not in the first piece of the kernel's buffer, as some drivers deliver them."""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import socket
import struct

import pytest

from bpf.event import Direction, Outcome
from bpf.lab import Lab
from bpf.lab.packets import ACK, OUR_MAC, SYN, Tcp, ethernet, ipv4
from tests.end_to_end.watching import watching

pytestmark = pytest.mark.kernel

DEVICE = "frag0"
OURS, THEIRS = "203.0.113.1", "203.0.113.9"
TUNSETIFF = 0x400454CA
IFF_TAP_NO_PI, IFF_NAPI, IFF_NAPI_FRAGS = 0x1002, 0x0010, 0x0020
"""A TAP device that hands every piece of a writev() on as a fragment of its own."""
SIOCETHTOOL, ETHTOOL_SGRO = 0x8946, 0x2C


def open_device() -> int:
    fd = os.open("/dev/net/tun", os.O_RDWR)
    flags = IFF_TAP_NO_PI | IFF_NAPI | IFF_NAPI_FRAGS
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), flags))
    return fd


def switch_gro_off() -> None:
    """Generic receive offload would pull the headers together again before the hook."""
    value = struct.pack("II", ETHTOOL_SGRO, 0)
    buffer = ctypes.create_string_buffer(value, len(value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sP16x", DEVICE.encode(), ctypes.addressof(buffer))
        fcntl.ioctl(any_socket, SIOCETHTOOL, request)


def arrive(fd: int, segment: Tcp) -> None:
    """Let a segment arrive with nothing but its Ethernet header in the first piece."""
    frame = ethernet(ipv4(THEIRS, OURS, segment))
    os.writev(fd, [frame[:14], frame[14:40], frame[40:]])


def read_syn_ack(fd: int) -> tuple[int, int]:
    """Wait for our SYN-ACK; return its sequence and acknowledgement numbers."""
    while select.select([fd], [], [], 5.0)[0]:
        frame = os.read(fd, 2048)
        if frame[12:14] == b"\x08\x00" and frame[23] == 6 and frame[47] & 0x3F == SYN | ACK:
            seq, ack = struct.unpack_from("!II", frame, 38)
            return seq, ack
    raise TimeoutError("no SYN-ACK")


def test_headers_are_read_wherever_they_are() -> None:
    with Lab("ethernet") as lab, lab.entered():
        fd = open_device()
        try:
            switch_gro_off()
            mac = OUR_MAC.hex(":")
            for command in (
                f"link set {DEVICE} address {mac} up",
                f"addr add {OURS}/24 dev {DEVICE}",
                f"neigh add {THEIRS} lladdr 02:00:00:00:00:09 dev {DEVICE}",
            ):
                os.spawnvp(os.P_WAIT, "ip", ["ip", *command.split()])
            with watching(lab, selection=[DEVICE]) as watch, socket.create_server((OURS, 5555)):
                arrive(fd, Tcp(443, 5555, SYN, 5000))
                seq, ack = read_syn_ack(fd)
                arrive(fd, Tcp(443, 5555, ACK, ack, seq + 1))
                (handshake,) = watch.take(1)
                account = watch.account
        finally:
            os.close(fd)
    assert (handshake.direction, handshake.outcome) == (Direction.INBOUND, Outcome.ESTABLISHED)
    assert handshake.latency_ns > 0
    assert (account.truncated, account.malformed) == (0, 0)
