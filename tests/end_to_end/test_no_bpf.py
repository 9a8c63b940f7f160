"""A kernel without BPF, played by a seccomp filter (seccomp(2)) that answers bpf(2) as such a kernel does."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.kernel

WITHOUT_BPF = """
import ctypes, errno, os, struct, sys
from bpf.syscall import _SYSCALL_NUMBERS
number = _SYSCALL_NUMBERS[os.uname().machine]
load, jump_if_equal, give = 0x20, 0x15, 0x06
code = struct.pack("HBBIHBBIHBBIHBBI", load, 0, 0, 0, jump_if_equal, 0, 1, number,
                   give, 0, 0, 0x00050000 | errno.ENOSYS, give, 0, 0, 0x7FFF0000)
buffer = ctypes.create_string_buffer(code, len(code))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer)))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, program, 0, 0) == 0  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
from tui.__main__ import main
sys.exit(main(["lo", "--json"]))
"""


def test_kernel_without_bpf_is_told_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_BPF], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "has no BPF; tcplat needs Linux 5.8 or later" in done.stderr
