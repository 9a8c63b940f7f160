"""What else happens on a box: other programs on the hook, a clock that is set, a reader that does not read."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bpf import syscall
from bpf.lab import Host, Lab
from tests.end_to_end.attachments import attachments
from tests.end_to_end.commands import PATIENCE_S, lines_of, streaming
from tests.end_to_end.watching import watching

pytestmark = pytest.mark.kernel

FAST = "198.18.0.1"
NEXT = struct.pack("=BBhi", 0xB7, 0, 0, -1) + struct.pack("=BBhi", 0x95, 0, 0, 0)
"""A program that hands every packet on: r0 = TCX_NEXT; exit."""
WITH_A_CLOCK_OF_ITS_OWN = """
import sys, time
from pathlib import Path
path, real = Path(sys.argv.pop(1)), time.time_ns
time.time_ns = lambda: real() + int(path.read_text())
from tui.__main__ import main
sys.exit(main())
"""


@pytest.fixture
def network() -> Iterator[Lab]:
    with Lab("ethernet", [Host(FAST, 0.005)]) as lab:
        yield lab


def test_tcx_programs_of_others_stay_before_and_behind(network: Lab) -> None:
    with ExitStack() as stack, network.entered():
        program_fd = syscall.load_classifier("other", NEXT)
        stack.callback(os.close, program_fd)
        hooks = (syscall.TCX_INGRESS, syscall.TCX_EGRESS)
        for hook in hooks:
            stack.callback(os.close, syscall.create_link(program_fd, network.ifindex, hook))
        with watching(network) as watch:
            later_fd = syscall.load_classifier("later", NEXT)
            stack.callback(os.close, later_fd)
            for hook in hooks:
                stack.callback(os.close, syscall.create_link(later_fd, network.ifindex, hook))
            assert [len(syscall.attached(network.ifindex, hook)) for hook in hooks] == [3, 3]
            network.connect(FAST, 443)
            watch.take(1)
            assert (watch.account.programs_ahead, watch.account.established) == (2, 1)
        expected = [syscall.program_id(program_fd), syscall.program_id(later_fd)]
        assert [syscall.attached(network.ifindex, hook) for hook in hooks] == [expected] * 2
    assert attachments(network) == []


def test_wall_clock_that_is_set_changes_times_and_nothing_else(network: Lab, tmp_path: Path) -> None:
    offset = tmp_path / "offset_ns"
    offset.write_text("0")
    words = [sys.executable, "-c", WITH_A_CLOCK_OF_ITS_OWN, str(offset), network.device, "--json"]
    with subprocess.Popen(
        network.command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout and child.stderr
            assert child.stderr.readline().startswith("tcplat: watching")
            lines = [child.stdout.readline()]
            for hours in (0, -5, 3):
                offset.write_text(str(hours * 3600 * 10**9))
                network.connect(FAST, 443)
                lines.append(child.stdout.readline())
        finally:
            child.kill()
    first, back, ahead = lines_of("".join(lines))[1:]
    times = [datetime.fromisoformat(each["time"][:26] + "+00:00") for each in (first, back, ahead)]
    assert timedelta(hours=4.9) < times[0] - times[1] < timedelta(hours=5)
    assert timedelta(hours=8) < times[2] - times[1] < timedelta(hours=8.1)
    assert all(0.005 <= each["latency_ns"] / 1e9 < 0.5 for each in (first, back, ahead))


def test_reader_that_does_not_read_holds_nothing_up(network: Lab) -> None:
    """What does not fit the pipe and the ring is counted, and a signal ends it all the same."""
    with streaming(network, network.device, "--json") as child:
        network.connect_many([(FAST, 443)] * 600, reset=True)  # Some 300 kB, the pipe takes 64.
        time.sleep(1)
        began_s = time.monotonic()
        child.send_signal(signal.SIGTERM)
        child.wait(PATIENCE_S)
        assert time.monotonic() - began_s < 5
    assert attachments(network) == []
