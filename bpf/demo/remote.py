"""The remote side: the hosts that answer, and the clients that visit us."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import random
import resource
import select
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NoReturn

from bpf.demo.scene import Scene, Visit
from bpf.demo.timetable import Timetable
from bpf.lab.hosts import Host, silence
from bpf.lab.packets import packed
from bpf.lab.responder import Cast, Responder

_KEEP = 2_000
"""Handshakes remembered: more than pass within the time that a SYN is repeated."""
_SPIN_US = 1_000_000
"""So long it may run without a pause before the kernel ends it: it comes before everything else."""


def be_remote(device: int, scene: Scene) -> NoReturn:
    """Be everybody behind the device; never returns. Raises OSError once the device was deleted."""
    _come_first()
    cast = Cast({packed(host.address): host for host in scene.hosts}, silence, None)
    responder = Responder("ethernet", cast, _KEEP)
    responder.attach(device)
    timetable = Timetable(random.Random("remote"))
    for visit in scene.visits:
        timetable.add_soon(_visiting(responder, visit), visit.every_s)
    _add_spells(timetable, scene, cast.hosts)
    while True:
        wait_s = timetable.run_due()
        due_ns = responder.write_due()
        if due_ns is not None:
            wait_s = min(wait_s, max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
        # Not epoll, which waits in whole milliseconds.
        if select.select((device,), (), (), None if wait_s == math.inf else wait_s)[0]:
            responder.read()


def _come_first() -> None:
    """Answer at once, whatever else is running; the screen redrawing, above all. Otherwise that shows as latency."""
    resource.setrlimit(resource.RLIMIT_RTTIME, (_SPIN_US, _SPIN_US))
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))


def _visiting(responder: Responder, visit: Visit) -> Callable[[], object]:
    delays_s = itertools.cycle(visit.ack_delays_s or (visit.client.ack_delay_s,))
    return lambda: responder.call_in(replace(visit.client, ack_delay_s=next(delays_s)), visit.port)


def _add_spells(timetable: Timetable, scene: Scene, hosts: dict[bytes, Host]) -> None:
    for spell in scene.spells:
        address = packed(spell.host.address)
        begin = partial(hosts.__setitem__, address, spell.host)
        end = partial(hosts.__setitem__, address, hosts[address])
        timetable.add(begin, spell.every_s, spell.first_s, spread=0)
        timetable.add(end, spell.every_s, spell.first_s + spell.lasts_s, spread=0)
