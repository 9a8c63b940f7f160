"""Hanging the two programs on an interface by clsact filters: kernels before 6.6, or whoever asks for it.

A filter stays until somebody deletes it: ours carry in their name whose they are, so that the next run takes over what
a killed one left.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pyroute2 import IPBatch, IPRoute, NetlinkError

from bpf import syscall
from bpf.attach import Hook
from bpf.errors import AttachFailed

_CLSACT_INGRESS = 0xFFFFFFF2
_CLSACT_EGRESS = 0xFFFFFFF3
_PARENTS = (_CLSACT_INGRESS, _CLSACT_EGRESS)
_MARK = "tcplat"
_MADE_QDISC = "clsact"
_HEADER = struct.Struct("=I12x")
"""Of a netlink message: its length."""
_ERROR = struct.Struct("=i")
_ANSWER_BYTES = 1 << 16


def hang_filters(hook: Hook) -> ClsactFilters:
    """Attach. Raises AttachFailed."""
    try:
        return ClsactFilters(hook)
    except (NetlinkError, OSError) as error:
        raise AttachFailed(
            f"cannot attach to {hook.interface} by clsact: {error}",
            f"look at what is there with: tc qdisc show dev {hook.interface}",
        ) from error


class ClsactFilters:
    """A pair of direct-action filters on the clsact qdisc.

    The qdisc is made if need be, and removed if a tcplat made it and nothing is left on it. A filter's name reads
    `tcplat TOKEN` or `tcplat TOKEN clsact`; the second says that a tcplat made the qdisc. Whoever lives holds the
    abstract socket of its token (abstract names belong to the network namespace, as the interface does, and vanish
    with the process), so a filter whose token can be bound was left by a killed run.
    """

    kind = "clsact"

    def __init__(self, hook: Hook) -> None:
        """Attach; raises NetlinkError or OSError, with nothing of ours attached."""
        self._ifindex = hook.ifindex
        self._token = secrets.token_hex(8)
        self._alive = _bind(self._token)
        try:
            with IPRoute() as netlink:
                self._attach(netlink, hook)
        except BaseException:
            self.close()
            raise

    def _attach(self, netlink: IPRoute, hook: Hook) -> None:
        if self._hang_with_qdisc(netlink, hook):
            return
        before = list(_filters(netlink, hook.ifindex))
        self._hang(netlink, hook, made_qdisc=any(leaf.made_qdisc for leaf in before))
        for leaf in before:
            if leaf.token and _is_abandoned(leaf.token):
                _delete(netlink, hook.ifindex, leaf)

    def _hang_with_qdisc(self, netlink: IPRoute, hook: Hook) -> bool:
        """Make the qdisc with our filters; False if there is one.

        In one system call, in which SIGKILL waits: without a filter nobody would know whose the qdisc is.
        """
        kinds = {_kind_of(qdisc) for qdisc in netlink.get_qdiscs(index=hook.ifindex)}
        if "ingress" in kinds:
            raise AttachFailed(
                f"{hook.interface} has another tool's ingress qdisc, which leaves no room for clsact",
                f"look at it with: tc qdisc show dev {hook.interface}",
            )
        if "clsact" in kinds:
            return False
        with IPBatch() as batch:
            batch.tc("add", "clsact", hook.ifindex)
            self._hang(batch, hook, made_qdisc=True)
            errors = _sent_at_once(bytes(batch.batch))
        if not any(errors):
            return True
        if errors[0] == errno.EEXIST:  # Somebody was quicker: it is theirs.
            self._delete_ours(netlink, list(_filters(netlink, hook.ifindex)))
            return False
        if not errors[0] and all(leaf.token == self._token for leaf in _filters(netlink, hook.ifindex)):
            netlink.tc("del", "clsact", hook.ifindex)
        refusal = next(filter(None, errors))
        raise OSError(refusal, os.strerror(refusal))

    def _hang(self, netlink: IPRoute, hook: Hook, *, made_qdisc: bool) -> None:
        name = f"{_MARK} {self._token} {_MADE_QDISC}" if made_qdisc else f"{_MARK} {self._token}"
        for parent, fd in zip(_PARENTS, (hook.ingress_fd, hook.egress_fd), strict=True):
            netlink.tc("add-filter", "bpf", hook.ifindex, parent=parent, fd=fd, name=name, direct_action=True)

    def programs_ahead(self) -> int | None:
        """As `TcxLinks` does: TCX programs of others, and filters of lower number."""
        ahead = sum(len(_attached(self._ifindex, side)) for side in (syscall.TCX_INGRESS, syscall.TCX_EGRESS))
        try:
            with IPRoute() as netlink:
                leaves = list(_filters(netlink, self._ifindex))
        except NetlinkError as error:  # The interface is gone, or the qdisc (EINVAL).
            return None if error.code == errno.EINVAL else 0
        ours = [each for each in leaves if each.token == self._token]
        if len(ours) < len(_PARENTS):
            return None
        for one in ours:
            ahead += sum(1 for each in leaves if each.parent == one.parent and each.info < one.info)
        return ahead

    def close(self) -> None:
        """Delete our filters, and the qdisc if a tcplat made it and nothing is left on it."""
        try:
            with IPRoute() as netlink:
                self._take_down(netlink)
        except NetlinkError as error:
            # The interface or its qdisc is gone.
            if error.code not in (errno.ENODEV, errno.ENOENT, errno.EINVAL):
                raise
        finally:
            self._alive.close()

    def _take_down(self, netlink: IPRoute) -> None:
        leaves = list(_filters(netlink, self._ifindex))
        if leaves and all(leaf.token == self._token and leaf.made_qdisc for leaf in leaves):
            netlink.tc("del", "clsact", self._ifindex)  # Ours go with it, at once.
        else:
            self._delete_ours(netlink, leaves)

    def _delete_ours(self, netlink: IPRoute, leaves: Sequence[_Filter]) -> None:
        for leaf in leaves:
            if leaf.token == self._token:
                _delete(netlink, self._ifindex, leaf)


@dataclass(frozen=True, slots=True)
class _Filter:
    parent: int
    info: int
    handle: int
    kind: str
    token: str
    """Empty: another tool's."""
    made_qdisc: bool


def _attached(ifindex: int, attach_type: int) -> list[int]:
    """The programs on a TCX hook; none before Linux 6.6, or when the interface is gone."""
    try:
        return syscall.attached(ifindex, attach_type)
    except OSError:
        return []


def _bind(token: str) -> socket.socket:
    """Hold a token; raises OSError (EADDRINUSE) while another process does."""
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        holder.bind(f"\0{_MARK} {token}")
    except OSError:
        holder.close()
        raise
    return holder


def _is_abandoned(token: str) -> bool:
    try:
        _bind(token).close()
    except OSError:
        return False
    return True


def _sent_at_once(messages: bytes) -> list[int]:
    """Send netlink messages together; return the number of each one's error, 0 for none (netlink(7))."""
    wanted = len(list(_lengths(messages)))
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.send(messages)
        errors: list[int] = []
        while len(errors) < wanted:
            answer, at = netlink.recv(_ANSWER_BYTES), 0
            for length in _lengths(answer):
                errors.append(-_ERROR.unpack_from(answer, at + _HEADER.size)[0])
                at += length
    return errors


def _lengths(messages: bytes) -> Iterator[int]:
    """How long each message is, up to the next."""
    at = 0
    while at < len(messages):
        length = -(-_HEADER.unpack_from(messages, at)[0] // 4) * 4
        yield length
        at += length


def _delete(netlink: IPRoute, ifindex: int, leaf: _Filter) -> None:
    netlink.tc("del-filter", leaf.kind, ifindex, handle=leaf.handle, info=leaf.info, parent=leaf.parent)


def _filters(netlink: IPRoute, ifindex: int) -> Iterator[_Filter]:
    for parent in _PARENTS:
        for message in netlink.get_filters(index=ifindex, parent=parent):
            options = message.get_attr("TCA_OPTIONS")
            if options is None:  # The kernel lists each priority once by itself, before its filters.
                continue
            kind = _kind_of(message)
            name = str(options.get_attr("TCA_BPF_NAME") or "") if kind == "bpf" else ""
            mark, token, made = ([*name.split(" "), "", ""])[:3]
            yield _Filter(
                parent,
                message["info"],
                message["handle"],
                kind,
                token if mark == _MARK else "",
                mark == _MARK and made == _MADE_QDISC,
            )


def _kind_of(message: object) -> str:
    return str(message.get_attr("TCA_KIND"))  # type: ignore[attr-defined]
