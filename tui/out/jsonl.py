"""The `--json` format, and that of recordings: one JSON object a line. Its names are a contract (README, "JSON").

`bpf.recording` reads it back.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from bpf.event import Direction, Flow, Handshake, Outcome, address_text
from bpf.recording import VERSION
from bpf.source import Account, Names
from tui.out.wall_clock import timestamp

_DIRECTIONS = tuple(direction.name.lower() for direction in Direction)
_OUTCOMES = tuple(outcome.name.lower() for outcome in Outcome)
_address = lru_cache(maxsize=65536)(address_text)
_quoted = lru_cache(maxsize=1024)(json.dumps)


@lru_cache(maxsize=1024)
def _process(padded: bytes) -> str:
    process = padded.partition(b"\0")[0].decode(errors="replace")
    return json.dumps(process) if process else "null"


def handshake_line(handshake: Handshake, names: Names, wall_offset_ns: int) -> str:
    """Write a handshake; `wall_offset_ns` is what to add to the source's time to get Unix time."""
    # Written by hand, for a busy box: json.dumps of a dictionary takes three times as long; taken apart at once, for
    # a field by its name takes as long as to write it.
    (
        time_ns,
        latency_ns,
        connect_ns,
        answer_ns,
        remote,
        local,
        process,
        _,
        cgroup,
        ifindex,
        pid,
        remote_port,
        local_port,
        retransmits,
        outcome,
        direction,
        ambiguous,
        repeated,
    ) = handshake
    unit = names.unit_of(cgroup)
    return (
        f'{{"type":"handshake","time":"{timestamp(time_ns + wall_offset_ns)}"'
        f',"interface":{_quoted(names.name_of(ifindex))}'
        f',"direction":"{_DIRECTIONS[direction]}","outcome":"{_OUTCOMES[outcome]}"'
        f',"remote_address":"{_address(remote)}","remote_port":{remote_port}'
        f',"local_address":"{_address(local)}","local_port":{local_port}'
        f',"latency_ns":{latency_ns or "null"},"connect_ns":{connect_ns or "null"}'
        f',"answer_ns":{answer_ns or "null"},"retransmits":{retransmits}'
        f',"ambiguous":{"true" if ambiguous else "false"}'
        f',"pid":{pid or "null"},"process":{_process(process)}'
        f',"unit":{_quoted(unit) if unit else "null"},"repeated":{"true" if repeated else "false"}}}\n'
    )


def flow_line(flow: Flow, names: Names, wall_offset_ns: int) -> str:
    """Write a sample of an open connection."""
    unit = names.unit_of(flow.cgroup)
    direction = "null" if flow.direction is None else f'"{_DIRECTIONS[flow.direction]}"'
    counts = (flow.segments, flow.retransmits, flow.bytes_acked, flow.bytes_received)
    segments, retransmits, acked, received = ("null",) * 4 if flow.is_forwarded else counts
    age = flow.time_ns - flow.opened_ns if flow.opened_ns else "null"
    return (
        f'{{"type":"flow","time":"{timestamp(flow.time_ns + wall_offset_ns)}"'
        f',"interface":{_quoted(names.name_of(flow.ifindex))},"direction":{direction}'
        f',"remote_address":"{_address(flow.remote)}","remote_port":{flow.remote_port}'
        f',"local_address":"{_address(flow.local)}","local_port":{flow.local_port},"cookie":{flow.cookie}'
        f',"srtt_ns":{flow.srtt_ns},"min_rtt_ns":{flow.min_rtt_ns or "null"}'
        f',"segments":{segments},"retransmits":{retransmits}'
        f',"delivery_rate_bps":{flow.delivery_rate_bps or "null"}'
        f',"bytes_acked":{acked},"bytes_received":{received}'
        f',"cwnd":{flow.cwnd or "null"},"age_ns":{age}'
        f',"closing":{"true" if flow.is_closing else "false"}'
        f',"forwarded":{"true" if flow.is_forwarded else "false"}'
        f',"pid":{flow.pid or "null"},"process":{_process(flow.process)}'
        f',"unit":{_quoted(unit) if unit else "null"}}}\n'
    )


def account_line(account: Account, wall_offset_ns: int) -> str:
    """Write the probe's account of one interface; its time is when it was read."""
    fields = asdict(account)
    time = timestamp(fields.pop("read_ns") + wall_offset_ns)
    return _line({"type": "probe", "time": time, **fields})


def header_line(wall_ns: int, program: str, host: str) -> str:
    """Write what a recording begins with. `program`: by what version of what; `host`: on which machine."""
    return _line(
        {
            "type": "recording",
            "version": VERSION,
            "time": timestamp(wall_ns),
            "program": program,
            "host": host,
        }
    )


def lost_line(wall_ns: int, handshakes: int) -> str:
    """Write that so many are missing here, which the disk did not take."""
    return _line({"type": "lost", "time": timestamp(wall_ns), "handshakes": handshakes})


def _line(fields: dict[str, Any]) -> str:
    return json.dumps(fields, separators=(",", ":")) + "\n"
