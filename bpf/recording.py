"""Recording: the tape of what an earlier run wrote with `--record` or `--json`, one JSON object a line."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from types import TracebackType
from typing import Any

from bpf.errors import UnreadableFile
from bpf.event import Direction, Flow, Handshake, Outcome, address_bytes
from bpf.recorded_values import moment_ns, text, truth, whole
from bpf.source import Account
from bpf.tape import Piece

VERSION = 1
"""Of the format; a change that older readers would misunderstand makes it greater. A field more does not."""

_CHUNK_BYTES = 1 << 16
_LINE_BYTES = 1 << 20
"""No line is as long; what seems to be is damage."""
_ADDRESS_MAX = 64
"""No address is longer, in characters."""
_NAMES_MAX = 1 << 18
_OUTCOMES = {outcome.name.lower(): int(outcome) for outcome in Outcome}
_DIRECTIONS = {direction.name.lower(): int(direction) for direction in Direction}
_ACCOUNT_FIELDS = {each.name: each.type for each in fields(Account)}
_address_bytes = lru_cache(maxsize=65536)(address_bytes)


class Numbered:
    """Numbers for names, as handshakes carry them; 0 is no name. One thread adds, any reads."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._numbers: dict[str, int] = {"": 0}

    def number_of(self, name: str) -> int:
        """The number that stands for `name` from now on. Raises ValueError for more names than anybody has."""
        number = self._numbers.get(name)
        if number is None:
            if len(self.names) >= _NAMES_MAX:
                raise ValueError(name)
            self.names.append(name)
            number = self._numbers[name] = len(self.names)
        return number

    def name_of(self, number: int) -> str:
        """The name that `number` stands for; empty: none."""
        return self.names[number - 1] if 0 < number <= len(self.names) else ""


class Recording:
    """A `Tape` over a binary stream, which it closes. It yields what came at a time, so a pipe can be followed."""

    def __init__(self, stream: io.BufferedIOBase, title: str) -> None:
        """`title` is what errors call it."""
        self._stream = stream
        self._title = title
        self._interfaces = Numbered()
        self._units = Numbered()
        self._time_ns = 0
        self._rest = b""
        """A line's beginning, whose end was not read yet."""
        self._is_at_end = False
        self._damaged = 0
        self._lost = 0
        self._torn = ""
        self._handlers = {
            "handshake": self._take_handshake,
            "flow": self._take_flow,
            "probe": self._take_account,
            "recording": self._take_header,
            "lost": self._take_loss,
        }
        self._handshakes: list[Handshake] = []
        self._flows: list[Flow] = []
        self._accounts: list[Account] = []
        self._pieces: list[Piece] = []

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    @property
    def interfaces(self) -> Sequence[str]:
        """The names of those seen so far. From any thread."""
        return tuple(self._interfaces.names)

    @property
    def trouble(self) -> str:
        """What could not be read so far, in one line for people; empty: all could."""
        parts = []
        if self._damaged:
            parts.append(f"{_counted(self._damaged, 'damaged line')} skipped")
        if self._torn:
            parts.append(self._torn)
        if self._lost:
            parts.append(f"{_counted(self._lost, 'handshake')} missing that the disk did not take")
        return "; ".join(parts)

    def name_of(self, ifindex: int) -> str:
        """Name the interface of a handshake that was read here."""
        return self._interfaces.name_of(ifindex)

    def unit_of(self, cgroup: int) -> str:
        """Name the systemd unit or container of a handshake that was read here; empty: none."""
        return self._units.name_of(cgroup)

    def read(self) -> Piece | None:
        """Read the next piece; None: that was all. Blocks on a pipe. Raises TcplatError for a newer format."""
        while not self._pieces and not self._is_at_end:
            self._read_chunk()
        return self._pieces.pop(0) if self._pieces else None

    def _read_chunk(self) -> None:
        chunk = b""
        try:
            chunk = self._stream.read1(_CHUNK_BYTES)
        except OSError as error:
            self._torn = f"cannot be read any further: {(error.strerror or str(error)).lower()}"
        if not chunk:
            self._is_at_end = True
            self._take_last_line()
            self._torn = self._torn or getattr(self._stream, "trouble", "")
        else:
            lines = (self._rest + chunk).split(b"\n")
            self._rest = lines.pop()
            for line in lines:
                self._take(line)
            if len(self._rest) > _LINE_BYTES:
                self._rest = b"?"  # Makes no line with its end either, when that comes.
        self._cut()

    def _take_last_line(self) -> None:
        """A line without its end: cut off while it was written, or only lacking the newline."""
        damaged = self._damaged
        self._take(self._rest)
        if self._damaged > damaged:
            self._damaged = damaged
            self._torn = self._torn or "the last line is torn"

    def _take(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            entry = json.loads(line)
            take = self._handlers.get(entry["type"])
            # What a later version may add is not damage.
            if take:
                take(entry)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            self._damaged += 1

    def _take_header(self, entry: dict[str, Any]) -> None:
        version = whole(entry["version"], 1 << 16)
        if version > VERSION:
            raise UnreadableFile(
                f"{self._title} was recorded by a newer {entry.get('program', 'tcplat')!s:.40}",
                f"update tcplat: this one reads format {VERSION}, not {version}",
            )

    def _take_loss(self, entry: dict[str, Any]) -> None:
        self._lost += whole(entry["handshakes"], 1 << 62)

    def _take_handshake(self, entry: dict[str, Any]) -> None:
        handshake = self._handshake(entry)
        if self._flows or self._accounts:
            self._cut()
        self._time_ns = max(self._time_ns, handshake.time_ns)
        self._handshakes.append(handshake)

    def _handshake(self, entry: dict[str, Any]) -> Handshake:
        process = text(entry["process"] or "").encode(errors="surrogatepass")
        return Handshake(
            time_ns=moment_ns(entry["time"]),
            latency_ns=whole(entry["latency_ns"] or 0, 1 << 64),
            connect_ns=whole(entry["connect_ns"] or 0, 1 << 64),
            answer_ns=whole(entry["answer_ns"] or 0, 1 << 64),
            remote=_address_bytes(text(entry["remote_address"], _ADDRESS_MAX)),
            local=_address_bytes(text(entry["local_address"], _ADDRESS_MAX)),
            process=process,
            identity=0,
            cgroup=self._units.number_of(text(entry["unit"] or "")),
            ifindex=self._interfaces.number_of(text(entry["interface"])),
            pid=whole(entry["pid"] or 0, 1 << 32),
            remote_port=whole(entry["remote_port"], 1 << 16),
            local_port=whole(entry["local_port"], 1 << 16),
            retransmits=whole(entry["retransmits"], 1 << 16),
            outcome=_OUTCOMES[entry["outcome"]],
            direction=_DIRECTIONS[entry["direction"]],
            ambiguous=int(truth(entry["ambiguous"])),
            repeated=int(truth(entry["repeated"])),
        )

    def _take_flow(self, entry: dict[str, Any]) -> None:
        flow = self._flow(entry)
        if self._accounts:
            self._cut()
        self._time_ns = max(self._time_ns, flow.time_ns)
        self._flows.append(flow)

    def _flow(self, entry: dict[str, Any]) -> Flow:
        direction = entry["direction"]
        time_ns = moment_ns(entry["time"])
        age_ns = entry.get("age_ns")
        return Flow(
            time_ns=time_ns,
            srtt_ns=whole(entry["srtt_ns"], 1 << 64),
            min_rtt_ns=whole(entry["min_rtt_ns"] or 0, 1 << 64),
            delivery_rate_bps=whole(entry["delivery_rate_bps"] or 0, 1 << 64),
            bytes_acked=whole(entry["bytes_acked"] or 0, 1 << 64),
            bytes_received=whole(entry["bytes_received"] or 0, 1 << 64),
            segments=whole(entry["segments"] or 0, 1 << 32),
            retransmits=whole(entry["retransmits"] or 0, 1 << 32),
            remote=_address_bytes(text(entry["remote_address"], _ADDRESS_MAX)),
            local=_address_bytes(text(entry["local_address"], _ADDRESS_MAX)),
            process=text(entry["process"] or "").encode(errors="surrogatepass"),
            cookie=whole(entry["cookie"], 1 << 64),
            cgroup=self._units.number_of(text(entry["unit"] or "")),
            ifindex=self._interfaces.number_of(text(entry["interface"])),
            pid=whole(entry["pid"] or 0, 1 << 32),
            remote_port=whole(entry["remote_port"], 1 << 16),
            local_port=whole(entry["local_port"], 1 << 16),
            direction=None if direction is None else _DIRECTIONS[direction],
            is_closing=truth(entry["closing"]),
            opened_ns=0 if age_ns is None else time_ns - whole(age_ns, time_ns + 1),
            cwnd=whole(entry.get("cwnd") or 0, 1 << 32),
            is_forwarded=truth(entry.get("forwarded", False)),
        )

    def _take_account(self, entry: dict[str, Any]) -> None:
        account = _account(entry)
        self._interfaces.number_of(account.interface)
        self._time_ns = max(self._time_ns, account.read_ns)
        self._accounts.append(account)

    def _cut(self) -> None:
        """Make a piece of what was taken since the last."""
        if self._handshakes or self._flows or self._accounts:
            self._pieces.append(Piece(self._time_ns, self._handshakes, self._accounts, self._flows))
            self._handshakes, self._flows, self._accounts = [], [], []


def _account(entry: dict[str, Any]) -> Account:
    known = {name: entry[name] for name in _ACCOUNT_FIELDS if name in entry}
    account = Account(**known, read_ns=moment_ns(entry["time"]))
    for name, kind in _ACCOUNT_FIELDS.items():
        value = getattr(account, name)
        if kind == "int" or (kind == "int | None" and value is not None):
            whole(value, 1 << 64)
        elif kind == "bool":
            truth(value)
        elif kind == "str":
            text(value)
    return account


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
