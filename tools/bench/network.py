"""A veth pair between two network namespaces: what crosses it is seen by the probe on our end."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from types import TracebackType

from bpf.lab.device import keep_quiet
from bpf.lab.namespace import Namespace

OURS, THEIRS = "bench0", "peer0"
OTHERS, _OTHER_END = "bench1", "peer1"
"""Another wire, without traffic."""
PORT = 443
LOCAL_IPV4, LOCAL_IPV6 = "192.0.2.1", "2001:db8::1"
_GATEWAY = "192.0.2.2"
_REMOTE = "198.18.0.0/15"
"""The far end answers for all of these."""
_BACKLOG = 4096


def _begin(device: str, address: str) -> list[str]:
    return ["link set lo up", f"addr add {address}/24 dev {device}"]


class Pair:
    """Made when entered. `ours` has the end that is watched, `OTHERS` (an interface without traffic), and lo."""

    def __enter__(self) -> Pair:
        with ExitStack() as stack:
            self.ours, self.theirs = Namespace(), Namespace()
            for each in (self.ours, self.theirs):
                stack.callback(each.close)
                keep_quiet(each)
            for ours, theirs in ((OURS, THEIRS), (OTHERS, _OTHER_END)):
                ends = f"link add {ours} type veth peer name {theirs} netns {self.theirs.path}"
                self.ours.configure([ends, f"link set {ours} up"])
                self.theirs.configure([f"link set {theirs} up"])
            self.ours.configure([*_begin(OURS, LOCAL_IPV4), f"route add {_REMOTE} via {_GATEWAY}"])
            self.theirs.configure([*_begin(THEIRS, _GATEWAY), f"route add local {_REMOTE} dev lo"])
            self._leaving = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.close()

    @property
    def ifindex(self) -> int:
        """Of our end."""
        with self.ours.entered():
            return socket.if_nametoindex(OURS)

    def listener(self) -> socket.socket:
        """What accepts connections to any remote host. The caller closes it."""
        with self.theirs.entered():
            return socket.create_server(("", PORT), backlog=_BACKLOG)

    def raw(self, *, is_ours: bool) -> socket.socket:
        """What puts frames on the wire, from our end or from theirs. The caller closes it."""
        namespace, device = (self.ours, OURS) if is_ours else (self.theirs, THEIRS)
        with namespace.entered():
            sending = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        sending.bind((device, 0))
        return sending
