"""Filters on a clsact qdisc: whose it is can always be told, so that whoever comes next can clear it away."""

from __future__ import annotations

import os
import random
import signal
import struct
import subprocess
import time
from collections.abc import Iterator

import pytest
from pyroute2 import IPBatch

from bpf import clsact, syscall
from bpf.attach import Hook
from bpf.clsact import hang_filters
from bpf.errors import AttachFailed
from bpf.lab import Lab
from tests.end_to_end.attachments import attachments
from tests.rounds import rounds

pytestmark = pytest.mark.kernel
NEXT = struct.pack("=BBhi", 0xB7, 0, 0, -1) + struct.pack("=BBhi", 0x95, 0, 0, 0)
"""return TC_ACT_UNSPEC"""
KILLS = rounds(60, 600)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab("ethernet") as lab, lab.entered():
        yield lab
        assert attachments(lab) == []


@pytest.fixture
def hook(lab: Lab) -> Iterator[Hook]:
    program_fd = syscall.load_classifier("next", NEXT)
    yield Hook(lab.ifindex, lab.device, program_fd, program_fd)
    os.close(program_fd)


def hang_again_and_again(hook: Hook) -> None:
    while True:
        hang_filters(hook).close()


def test_killed_at_any_moment_it_leaves_nothing_or_what_the_next_one_removes(lab: Lab, hook: Hook) -> None:
    chance = random.Random(4)
    for _ in range(KILLS):
        child = os.fork()
        if not child:
            hang_again_and_again(hook)
        time.sleep(chance.uniform(0.02, 0.04))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert attachments(lab) != [f"{lab.device} clsact"], "a qdisc that nobody owns"
    hang_filters(hook).close()


def test_what_the_kernel_refuses_leaves_no_qdisc(hook: Hook) -> None:
    with open(os.devnull) as file, pytest.raises(AttachFailed, match="by clsact"):
        hang_filters(Hook(hook.ifindex, hook.interface, file.fileno(), file.fileno()))


def test_a_qdisc_that_somebody_made_at_the_same_moment_is_theirs(
    lab: Lab, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    tc = lab.command("tc", "qdisc")

    def begin() -> IPBatch:
        """Between the look whether there is one and making it."""
        subprocess.run([*tc, "add", "dev", lab.device, "clsact"], check=True)
        return IPBatch()

    monkeypatch.setattr(clsact, "IPBatch", begin)
    hung = hang_filters(hook)
    assert hung.programs_ahead() == 0
    hung.close()
    assert attachments(lab) == [f"{lab.device} clsact"]
    subprocess.run([*tc, "del", "dev", lab.device, "clsact"], check=True)


def test_two_share_a_qdisc_and_the_last_one_removes_it(lab: Lab, hook: Hook) -> None:
    first, second = hang_filters(hook), hang_filters(hook)
    first.close()
    assert second.programs_ahead() == 0
    second.close()
