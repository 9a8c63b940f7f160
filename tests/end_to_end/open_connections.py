"""Connections of a lab that stay open, and what TCP says of them."""

from __future__ import annotations

import socket
import struct
import time
from typing import NamedTuple

from bpf.lab import Lab

V4 = "198.18.0.1"
PATIENCE_S = 10.0


class TcpInfo(NamedTuple):
    """Of struct tcp_info (include/uapi/linux/tcp.h)."""

    unacked: int
    rtt_us: int
    cwnd: int
    total_retrans: int
    bytes_acked: int
    bytes_received: int
    min_rtt_us: int
    data_segs_out: int
    delivery_rate: int


def tcp_info(connection: socket.socket) -> TcpInfo:
    raw = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
    return TcpInfo._make(struct.unpack_from("=24xI40xI8xI16xI16xQQ12xI4xIQ", raw))


def connected(lab: Lab, address: str = V4, port: int = 443) -> socket.socket:
    with lab.entered():
        connection = socket.create_connection((address, port), timeout=PATIENCE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def settle(connection: socket.socket) -> TcpInfo:
    """Wait until everything sent has been acknowledged."""
    until = time.monotonic() + PATIENCE_S
    while (info := tcp_info(connection)).unacked:
        assert time.monotonic() < until, info
        time.sleep(0.0005)
    return info
