"""The bpf(2) system call, for what bcc has no call for: TCX links, whole tables at once, test runs.

Layouts are those of `union bpf_attr` in the kernel's include/uapi/linux/bpf.h. Every function raises OSError.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterator

_SYSCALL_NUMBERS = {
    "x86_64": 321,
    "aarch64": 280,
    "riscv64": 280,
    "loongarch64": 280,
    "s390x": 351,
    "ppc64le": 361,
    "armv7l": 386,
    "i686": 357,
}

_MAP_LOOKUP_ELEM = 1
_MAP_UPDATE_ELEM = 2
_MAP_DELETE_ELEM = 3
_PROG_LOAD = 5
_PROG_TEST_RUN = 10
_OBJ_GET_INFO_BY_FD = 15
_PROG_QUERY = 16
_MAP_LOOKUP_BATCH = 24
_LINK_CREATE = 28
_ENABLE_STATS = 32

CGROUP_INET4_CONNECT = 10
CGROUP_INET6_CONNECT = 11
TCX_INGRESS = 46
TCX_EGRESS = 47

_SCHED_CLS = 3
_CGROUP_SOCK_ADDR = 18
FETCH_ADD, EXCHANGE, COMPARE_AND_EXCHANGE = 0x01, 0xE1, 0xF1
"""What an atomic operation's immediate field says."""
_ATOMICS = b"".join(
    struct.pack("=BBhi", *instruction)
    for instruction in (
        (0x7A, 10, -8, 0),  # *(u64 *)(r10 - 8) = 0
        (0xB7, 1, 0, 1),  # r1 = 1
        (0xDB, 1 << 4 | 10, -8, FETCH_ADD),  # r1 = atomic_fetch_add(r10 - 8, r1)
        (0xDB, 1 << 4 | 10, -8, EXCHANGE),  # r1 = xchg(r10 - 8, r1)
        (0xBF, 1 << 4, 0, 0),  # r0 = r1
        (0xDB, 1 << 4 | 10, -8, COMPARE_AND_EXCHANGE),  # r0 = cmpxchg(r10 - 8, r0, r1)
        (0xC3, 1 << 4 | 10, -8, COMPARE_AND_EXCHANGE),  # ... of half a word
        (0xB7, 0, 0, 0),  # r0 = 0
        (0x95, 0, 0, 0),  # exit
    )
)
_INSTRUCTION_BYTES = 8
_BATCH = 4096
_SKB_CONTEXT_BYTES = 192
_SKB_IFINDEX_OFFSET = 40
_SKB_TSTAMP_OFFSET = 152

_libc = ctypes.CDLL(None, use_errno=True)


def attempt(command: int, attributes: bytes) -> tuple[int, bytes]:
    """Call bpf(2); return its result (negative: the error's number) and the attributes as the kernel left them."""
    number = _SYSCALL_NUMBERS.get(platform.machine())
    if number is None:
        return -errno.ENOSYS, attributes
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    result = _libc.syscall(
        ctypes.c_long(number), ctypes.c_int(command), ctypes.byref(buffer), ctypes.c_uint(len(attributes))
    )
    return (result if result >= 0 else -ctypes.get_errno()), buffer.raw


def call(command: int, attributes: bytes) -> tuple[int, bytes]:
    """Call bpf(2) as `attempt` does; raise what went wrong."""
    result, left = attempt(command, attributes)
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result, left


def is_available() -> bool:
    """Whether the kernel has bpf(2) at all."""
    result, _ = attempt(_PROG_QUERY, bytes(64))  # Of no hook: whatever it says, it knows the call.
    return result != -errno.ENOSYS


def _element(map_fd: int, key: ctypes.Array[ctypes.c_char], value: int) -> bytes:
    return struct.pack("=IxxxxQQQ", map_fd, ctypes.addressof(key), value, 0)


def lookup(map_fd: int, key: bytes, value_bytes: int) -> bytes:
    """Read one value (per-CPU tables: the values of all possible CPUs, each padded to 8 bytes, one after another)."""
    key_buffer = ctypes.create_string_buffer(key, len(key))
    value = ctypes.create_string_buffer(value_bytes)
    call(_MAP_LOOKUP_ELEM, _element(map_fd, key_buffer, ctypes.addressof(value)))
    return value.raw


def update(map_fd: int, key: bytes, value: bytes) -> None:
    """Write one value."""
    key_buffer = ctypes.create_string_buffer(key, len(key))
    value_buffer = ctypes.create_string_buffer(value, len(value))
    call(_MAP_UPDATE_ELEM, _element(map_fd, key_buffer, ctypes.addressof(value_buffer)))


def delete(map_fd: int, key: bytes) -> bool:
    """Delete one entry; False if it was not there."""
    key_buffer = ctypes.create_string_buffer(key, len(key))
    try:
        call(_MAP_DELETE_ELEM, _element(map_fd, key_buffer, 0))
    except FileNotFoundError:
        return False
    return True


def entries(map_fd: int, key_bytes: int, value_bytes: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield every (key, value) of a hash table, by the thousand a call (BPF_MAP_LOOKUP_BATCH, Linux 5.6)."""
    keys = ctypes.create_string_buffer(_BATCH * key_bytes)
    values = ctypes.create_string_buffer(_BATCH * value_bytes)
    position = ctypes.create_string_buffer(8)
    layout = struct.Struct("=QQQQIIQQ")
    start, more = 0, True
    while more:
        attributes = layout.pack(
            start,
            ctypes.addressof(position),
            ctypes.addressof(keys),
            ctypes.addressof(values),
            _BATCH,
            map_fd,
            0,
            0,
        )
        result, left = attempt(_MAP_LOOKUP_BATCH, attributes)
        if result == -errno.ENOENT:  # That was the last batch, and its count is valid.
            more = False
        elif result < 0:
            raise OSError(-result, os.strerror(-result))
        count = layout.unpack(left)[4]
        for i in range(count):
            key = ctypes.string_at(ctypes.addressof(keys) + i * key_bytes, key_bytes)
            value = ctypes.string_at(ctypes.addressof(values) + i * value_bytes, value_bytes)
            yield key, value
        start = ctypes.addressof(position)


def compare_and_exchange(size: int) -> bytes:
    """Put a value (r3) where another one (r2) is, in memory (r1) of 4 or 8 bytes; r0 is what was there."""
    return struct.pack("=BBhi", 0xBF, 2 << 4, 0, 0) + struct.pack(
        "=BBhi", 0xDB if size == 8 else 0xC3, 3 << 4 | 1, 0, COMPARE_AND_EXCHANGE
    )


def has_atomics() -> bool:
    """Whether there are atomic operations that tell what was there before (Linux 5.12; arm64: 5.18)."""
    try:
        os.close(load_classifier("atomics", _ATOMICS))
    except OSError:
        return False
    return True


def load_classifier(name: str, instructions: bytes) -> int:
    """Load a TC program; return its descriptor. Raises OSError with the verifier's last words."""
    return _load(_SCHED_CLS, name, instructions, 0)


def load_connect_hook(name: str, instructions: bytes, attach_type: int) -> int:
    """Load a program for a cgroup's connect(); return its descriptor. Raises OSError as `load_classifier`."""
    return _load(_CGROUP_SOCK_ADDR, name, instructions, attach_type)


def _load(program_type: int, name: str, instructions: bytes, attach_type: int) -> int:
    code = ctypes.create_string_buffer(instructions, len(instructions))
    license_text = ctypes.create_string_buffer(b"GPL")
    log = ctypes.create_string_buffer(1 << 20)

    def attributes(log_level: int) -> bytes:
        return struct.pack(
            "=IIQQIIQII16sII",
            program_type,
            len(instructions) // _INSTRUCTION_BYTES,
            ctypes.addressof(code),
            ctypes.addressof(license_text),
            log_level,
            len(log) if log_level else 0,
            ctypes.addressof(log) if log_level else 0,
            0,
            0,
            name.encode()[:15],
            0,
            attach_type,
        )

    try:
        return call(_PROG_LOAD, attributes(0))[0]
    except OSError as error:
        if error.errno == errno.EPERM:
            raise
        attempt(_PROG_LOAD, attributes(1))
        last_words = [line for line in log.value.decode(errors="replace").splitlines() if line][-2:]
        raise OSError(error.errno, "; ".join([os.strerror(error.errno or 0), *last_words])) from None


def create_link(program_fd: int, target: int, attach_type: int) -> int:
    """Attach a program to an interface (its index) or a cgroup (a descriptor); return the link's descriptor.

    The link lives as long as that.
    """
    link_fd, _ = call(_LINK_CREATE, struct.pack("=IIII48x", program_fd, target, attach_type, 0))
    return link_fd


def attached(ifindex: int, attach_type: int) -> list[int]:
    """List the ids of the programs on a TCX hook, in the order they run. Raises OSError (EINVAL before Linux 6.6)."""
    room = 64  # BPF_MPROG_MAX: a hook holds no more.
    ids = (ctypes.c_uint32 * room)()
    layout = struct.Struct("=IIIIQI4xQQQQ")
    _, left = call(
        _PROG_QUERY, layout.pack(ifindex, attach_type, 0, 0, ctypes.addressof(ids), room, 0, 0, 0, 0)
    )
    return list(ids[: layout.unpack(left)[5]])


def program_id(program_fd: int) -> int:
    """The id of a program, which is what `attached` lists."""
    return int(_PROGRAM_INFO.unpack(_program_info(program_fd))[0])


def program_runs(program_fd: int) -> tuple[int, int]:
    """How long a program has run, in ns, and how often; (0, 0) unless kernel.bpf_stats_enabled was on meanwhile."""
    _, run_time_ns, run_count = _PROGRAM_INFO.unpack(_program_info(program_fd))
    return run_time_ns, run_count


def time_programs() -> int:
    """Let the kernel time programs, as kernel.bpf_stats_enabled does, until the descriptor is closed (Linux 5.8)."""
    return call(_ENABLE_STATS, struct.pack("=I", 0))[0]


_PROGRAM_INFO = struct.Struct("=4xI184xQQ")
"""Of struct bpf_prog_info: id, run_time_ns, run_cnt."""


def _program_info(program_fd: int) -> bytes:
    info = ctypes.create_string_buffer(_PROGRAM_INFO.size)
    call(_OBJ_GET_INFO_BY_FD, struct.pack("=IIQ", program_fd, len(info), ctypes.addressof(info)))
    return info.raw


_RUN = struct.Struct("=IIIIQQIIIIQQIIIxxxx")


def run(program_fd: int, data: bytes) -> int:
    """Run a TC program once on some data (14 bytes or more); return its verdict, 0 or more."""
    return _run(program_fd, data, b"", 1)[0]


def test_run(
    program_fd: int, packet: bytes, ifindex: int = 1, repeat: int = 1, stamp_ns: int = 0
) -> tuple[int, int]:
    """Run a TC program on a packet as if `ifindex` had it; return (verdict, ns a run).

    `stamp_ns`: TCP's stamp on it; 0: none.
    """
    context = bytearray(_SKB_CONTEXT_BYTES)
    struct.pack_into("=I", context, _SKB_IFINDEX_OFFSET, ifindex)
    struct.pack_into("=Q", context, _SKB_TSTAMP_OFFSET, stamp_ns)
    verdict, duration_ns = _run(program_fd, packet, bytes(context), repeat)
    return verdict - (verdict >> 31 << 32), duration_ns


def _run(program_fd: int, data: bytes, context: bytes, repeat: int) -> tuple[int, int]:
    inward = [ctypes.create_string_buffer(each, len(each)) for each in (data, context)]
    addresses = [ctypes.addressof(each) if len(each) else 0 for each in inward]
    attributes = (program_fd, 0, len(data), 0, addresses[0], 0, repeat, 0, len(context), 0, addresses[1])
    _, left = call(_PROG_TEST_RUN, _RUN.pack(*attributes, 0, 0, 0, 0))
    fields = _RUN.unpack(left)
    return int(fields[1]), int(fields[7])
