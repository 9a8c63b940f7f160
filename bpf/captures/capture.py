"""A capture, pcap or pcapng, as a tape: its packets through the matcher, at the times stamped on them."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import BinaryIO

from bpf.captures import pcap, pcapng
from bpf.captures.inlets import ATTACH, Inlets
from bpf.captures.link import LINKS, describe
from bpf.captures.pcap import Pcap
from bpf.captures.pcapng import Pcapng
from bpf.captures.recorded import Reader, Record
from bpf.captures.tally import Tally
from bpf.captures.window import Damaged, Window
from bpf.errors import UnreadableFile
from bpf.event import Handshake
from bpf.matcher import Matcher
from bpf.repeats import Repeats
from bpf.sides import Network, Sides
from bpf.source import Account
from bpf.tape import Piece

_PIECE_NS = 100_000_000
_PIECE_PACKETS = 2000
_SWEEP_NS = 1_000_000_000
_BACK_NS = 2_000_000_000
"""A clock that goes back further was set; by less, packets were recorded out of order."""


def is_capture(begin: bytes) -> bool:
    """Whether a stream that begins with these bytes, four at least, is a pcap or a pcapng."""
    return pcap.is_pcap(begin) or begin.startswith(pcapng.MAGIC)


class Capture:
    """Handshakes of a capture, in order. One thread enters, reads and leaves.

    Interfaces have numbers of their own: `name_of` tells. Which way a packet went is as the capture says; or as
    `local`, our networks, tell; or else who sends the SYN is the local side.
    """

    def __init__(
        self,
        stream: BinaryIO,
        title: str,
        *,
        local: Sequence[Network] = (),
        timeout_s: float = 10.0,
        account_interval_s: float = 10.0,
    ) -> None:
        """`stream` begins with the capture, is read without seeking, and is closed in the end.

        It may be a pipe; it may say in `trouble` why it ended early. `title`: what to call it in errors.
        """
        self._stream = stream
        self._title = title
        self._timeout_ns = int(timeout_s * _SWEEP_NS)
        self._account_interval_ns = int(account_interval_s * _SWEEP_NS)
        self._matcher = Matcher(self._timeout_ns, Sides(local))
        self._inlets = Inlets()
        self._tallies: dict[int, Tally] = {}
        self._repeats = Repeats()
        self._records: list[Record] = []
        self._next = 0
        """Which of the records is."""
        self._untold = 0
        """How many packets were seen since the last piece."""
        self._is_over = False
        self._trouble = ""
        self._reached_ns = 0
        """The latest time told."""
        self._packet_ns = 0
        """When the last packet was seen."""
        self._sweep_due_ns: int | None = None
        self._page_due_ns = self._accounts_due_ns = 0

    def __enter__(self) -> Capture:
        try:
            self._reader = self._open()
            self._begin()
        except BaseException:
            self._stream.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    @property
    def interfaces(self) -> tuple[str, ...]:
        """The names of those seen so far. From any thread."""
        return self._inlets.names

    @property
    def trouble(self) -> str:
        """What could not be read so far, in one line. From any thread."""
        return self._trouble

    def name_of(self, ifindex: int) -> str:
        """Name the interface of a handshake that `read` returned."""
        return self._inlets.name_of(ifindex)

    def unit_of(self, cgroup: int) -> str:
        """Nothing: captures know no processes."""
        return ""

    def read(self) -> Piece | None:
        """Read the next piece: 0.1 s or 2,000 packets, or what has come of it. None: that was all.

        Without handshakes it may be longer, but has no more packets.
        """
        while not self._is_over:
            if self._next < len(self._records):
                piece = self._play()
                if piece:
                    return piece
                continue
            records = self._reader.read()
            self._note_trouble()
            if records is None:
                self._is_over = True
                return self._last_piece()
            self._records, self._next = records, 0
        return None

    def _open(self) -> Reader:
        """Read what the file begins with. Raises UnreadableFile."""
        window = Window(self._stream)
        try:
            window.has(pcap.MAGIC_BYTES)
            if window.data.startswith(pcapng.MAGIC):
                return Pcapng(window)
            if pcap.is_pcap(window.data):
                return Pcap(window)
        except Damaged as damage:
            raise self._unreadable(str(damage)) from damage
        raise self._unreadable("is neither a pcap nor a pcapng capture")

    def _begin(self) -> None:
        """Read on to an interface that can be read, or the first packets. Raises UnreadableFile."""
        reader = self._reader
        records: list[Record] | None = []
        while records == [] and not any(origin.link_type in LINKS for origin in reader.origins):
            records = reader.read()
        if records != [] and reader.origins:
            kinds = ", ".join(sorted({describe(origin.link_type) for origin in reader.origins}))
            raise self._unreadable(f"is of {kinds}, which is not read")
        if records is None and reader.trouble:
            raise self._unreadable(reader.trouble)
        self._records = records or []
        self._inlets.know(reader.origins)

    def _unreadable(self, why: str) -> UnreadableFile:
        return UnreadableFile(f"{self._title} {why}", "try another copy, or capture anew")

    def _play(self) -> Piece | None:
        """Let the next packets pass, or if it is time for that before, sweep; None: there is nothing to tell."""
        first_ns = self._records[self._next][0]
        if self._sweep_due_ns is None or first_ns < self._sweep_due_ns - _SWEEP_NS - _BACK_NS:
            self._set_clock(first_ns)
        assert self._sweep_due_ns is not None
        if first_ns >= self._sweep_due_ns:
            return self._keep_house(self._sweep_due_ns, first_ns)
        begin = self._next
        handshakes = self._see(first_ns - _BACK_NS, min(first_ns + _PIECE_NS, self._sweep_due_ns))
        self._untold += self._next - begin
        self._packet_ns = self._records[self._next - 1][0]
        if not handshakes and self._untold < _PIECE_PACKETS:
            return None
        latest_ns = max((each.time_ns for each in handshakes), default=0)
        return self._piece(max(self._packet_ns, latest_ns), handshakes)

    def _set_clock(self, time_ns: int) -> None:
        """Begin, or begin again after the capture's clock was set back, to sweep from this time on."""
        self._packet_ns = self._sweep_due_ns = self._accounts_due_ns = time_ns
        self._page_due_ns = time_ns

    def _see(self, from_ns: int, until_ns: int) -> list[Handshake]:
        """Let packets of an interval pass, the next one among them, until one is outside or enough have."""
        records, see = self._records, self._matcher.see
        handshakes = []
        current = None
        stop = min(len(records), self._next + _PIECE_PACKETS)
        for at in range(self._next, stop):
            time_ns, origin, is_ingress, data = records[at]
            if not from_ns <= time_ns < until_ns:
                stop = at
                break
            if origin is not current:
                current = origin
                link, number_of = self._inlets.way(origin)
            ethertype, offset, told, ifindex = link(data)
            way = is_ingress if told is None else told
            ended = see(time_ns, number_of(ifindex), way, data, ethertype, offset)
            if ended:
                handshakes.append(ended)
        self._next = stop
        return handshakes

    def _keep_house(self, now_ns: int, next_packet_ns: int) -> Piece | None:
        """Once a second of the capture's time: what was never answered, and the pages of awaited ACKs."""
        self._sweep_due_ns = now_ns + _SWEEP_NS
        if (
            self._sweep_due_ns < next_packet_ns
            and now_ns - self._packet_ns > self._timeout_ns + 2 * _SWEEP_NS
        ):
            # In a gap nothing happens once all has timed out.
            self._sweep_due_ns = next_packet_ns
        if now_ns >= self._page_due_ns:
            self._page_due_ns = now_ns + self._timeout_ns + 2 * _SWEEP_NS
            self._matcher.turn_page()
        unanswered = self._sweep(now_ns)
        accounts = []
        if now_ns >= self._accounts_due_ns:
            self._accounts_due_ns = now_ns + self._account_interval_ns
            accounts = self._accounts(now_ns)
        return self._piece(now_ns, unanswered, accounts) if unanswered or accounts else None

    def _last_piece(self) -> Piece | None:
        unanswered = self._sweep(self._packet_ns)
        accounts = self._accounts(self._packet_ns)
        return self._piece(self._packet_ns, unanswered, accounts) if accounts else None

    def _sweep(self, now_ns: int) -> list[Handshake]:
        self._inlets.know(self._reader.origins)
        sweep = self._matcher.sweep(now_ns)
        for number in range(1, len(self._inlets.names) + 1):
            if number not in self._tallies:
                self._tallies[number] = Tally(number)
                self._accounts_due_ns = now_ns
            self._tallies[number].take(sweep)
        return sweep.unanswered

    def _accounts(self, now_ns: int) -> list[Account]:
        """Of every interface, right after a sweep."""
        accounts = []
        for number, tally in self._tallies.items():
            trouble = self._inlets.trouble_of(number)
            account = Account(
                self._inlets.name_of(number), "" if trouble else ATTACH, trouble=trouble, read_ns=now_ns
            )
            accounts.append(tally.account(account, self._matcher.counters(number)))
        return accounts

    def _piece(self, time_ns: int, handshakes: list[Handshake], accounts: Sequence[Account] = ()) -> Piece:
        self._reached_ns = max(self._reached_ns, time_ns)
        self._untold = 0
        if len(self._inlets.names) > 1:
            handshakes = list(self._repeats.mark(handshakes))
        return Piece(self._reached_ns, handshakes, list(accounts))

    def _note_trouble(self) -> None:
        reader = self._reader
        troubles = self._inlets.troubles()
        if reader.undescribed:
            troubles.append(f"{reader.undescribed:,} packets are of interfaces that are not described")
        if reader.untimed:
            troubles.append(f"{reader.untimed:,} packets have no time")
        ending = getattr(self._stream, "trouble", "") or reader.trouble
        if ending:
            troubles.append(ending)
        self._trouble = "; ".join(troubles)
