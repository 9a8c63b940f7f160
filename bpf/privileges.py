"""Giving up what watching does not need: capabilities, and, where sudo started us, being root.

What stays, stays for attaching to other interfaces later. Linux keeps identities and capabilities thread by thread,
so all this is for the main thread, while it is the only one: those begun later inherit what it has.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import resource
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bpf import prctl
from bpf.errors import TcplatError

CAP_DAC_OVERRIDE, CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_PERFMON, CAP_BPF = 1, 12, 21, 38, 39
"""Bits of capabilities(7)."""
_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = Path("/proc/sys/kernel/cap_last_cap")
_LIBC = ctypes.CDLL(None, use_errno=True)
STAY_ROOT = "to stay root: sudo env -u SUDO_UID tcplat ..."
"""What to do where the caller may not."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who called sudo."""

    uid: int
    gid: int
    name: str
    """Empty: the system's list of users does not know them."""

    def __str__(self) -> str:
        return f"{self.name or self.uid}, who called sudo,"


def caller(environment: Mapping[str, str]) -> Caller | None:
    """Who called sudo, as it says in SUDO_UID and SUDO_GID; None: nobody did, or root, or we are not root any more."""
    try:
        uid, gid = int(environment["SUDO_UID"]), int(environment["SUDO_GID"])
    except (KeyError, ValueError):
        return None
    if uid <= 0 or gid < 0 or os.geteuid() != 0:
        return None
    try:
        return Caller(uid, gid, pwd.getpwuid(uid).pw_name)
    except KeyError:
        return Caller(uid, gid, "")


@contextmanager
def acting_as(who: Caller | None) -> Iterator[None]:
    """Open files as they may, and with none of our capabilities. In the main thread, as root, while it is the only one.

    None: as ourselves. Raises OSError.
    """
    if who is None:
        yield
        return
    groups = os.getgroups()
    try:
        _take_groups(who)
        os.setegid(who.gid)
        os.seteuid(who.uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def may_read(who: Caller, paths: Iterable[Path]) -> bool:
    """Whether they may read all of these files: asked of the kernel in their place, as `acting_as` does."""
    try:
        with acting_as(who):
            return all(os.access(path, os.R_OK, effective_ids=True) for path in paths)
    except OSError:
        return False


def give_up(who: Caller | None, *, is_watching: bool) -> None:
    """Keep the capabilities that the probe needs, none if it does not watch, and become `who`. For good.

    Root whom nobody called keeps CAP_DAC_OVERRIDE, so that it may save where root may. No program started from here on
    gets more than we have (no_new_privs). Raises TcplatError if `who` cannot be become, and OSError.
    """
    kept = _needed(capabilities()) if is_watching else 0
    if who is None and os.geteuid() == 0:
        kept |= 1 << CAP_DAC_OVERRIDE
    kept &= capabilities("CapPrm")
    with suppress(OSError):  # Without CAP_SETPCAP the bounding set stays; nothing can be gained from it.
        for bit in range(int(_LAST_CAPABILITY.read_text()) + 1):
            if not kept >> bit & 1:
                prctl.prctl(prctl.CAPBSET_DROP, bit)
    if who:
        prctl.prctl(prctl.SET_KEEPCAPS, 1)
        _become(who)
        prctl.prctl(prctl.SET_KEEPCAPS, 0)
    _set_capabilities(kept)
    prctl.prctl(prctl.SET_NO_NEW_PRIVS, 1)


@contextmanager
def forking(environment: Mapping[str, str]) -> Iterator[None]:
    """What is forked meanwhile can be ended by us, and mostly hurried, even when we have given up our privileges.

    kill(2) and setpriority(2) ask who the other is really, and what priority it may have, which takes CAP_SYS_RESOURCE
    to change; all else stays as it is.
    """
    who = caller(environment)
    before = resource.getrlimit(resource.RLIMIT_NICE)
    priority = 20 - os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NICE, (priority, max(priority, before[1])))
    if who:
        os.setresuid(who.uid, -1, -1)
    try:
        yield
    finally:
        if who:
            os.setresuid(0, -1, -1)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NICE, before)


def capabilities(which: str = "CapEff") -> int:
    """Those of this thread, a bit each: effective, or permitted (`CapPrm`), or as proc(5) calls them."""
    status = Path("/proc/thread-self/status").read_text()
    return int(status.split(f"{which}:")[1].split()[0], 16)


def _needed(effective: int) -> int:
    """CAP_SYS_ADMIN only where it stands in for those that came with Linux 5.8."""
    needed = 1 << CAP_NET_ADMIN | 1 << CAP_PERFMON | 1 << CAP_BPF
    return needed if effective & needed == needed else needed | 1 << CAP_SYS_ADMIN


def _become(who: Caller) -> None:
    try:
        _take_groups(who)
        os.setresgid(who.gid, who.gid, who.gid)
        os.setresuid(who.uid, who.uid, who.uid)
    except OSError as error:
        what = f"{who} is not somebody to become: {(error.strerror or str(error)).lower()}"
        raise TcplatError(what, STAY_ROOT) from error


def _take_groups(who: Caller) -> None:
    if who.name:
        os.initgroups(who.name, who.gid)
    else:
        os.setgroups([who.gid])


def _set_capabilities(kept: int) -> None:
    """Have these effective and permitted, and none that could be inherited (capset(2))."""
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    low, high = kept & 0xFFFFFFFF, kept >> 32
    if _LIBC.capset(header, struct.pack("=6I", low, low, 0, high, high, 0)):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
