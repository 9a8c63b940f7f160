"""The keys of the filter language. This one list drives the parser, completion and help."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

GREATEST = 10**18
"""No number is greater, in the unit it is kept in."""


class Kind(enum.Enum):
    """What a key is compared with, and what of a `Subject` it reads."""

    ADDRESS = "address"
    """Any of `addresses()` is in one of the networks."""
    CHOICE = "choice"
    """Any of `labels(reads)` is one of a few words."""
    NAME = "name"
    """Any of `labels(reads)` is the value, in any case, or matches the regular expression."""
    TEXT = "text"
    """Any of `labels(reads)` contains the value, in any case, or matches the regular expression."""
    NUMBERS = "numbers"
    """Any of `numbers(reads)` is in the list or compares so."""
    FIGURE = "figure"
    """`figure(reads)` is in the list or compares so; no figure: neither."""


NUMERIC = frozenset({Kind.NUMBERS, Kind.FIGURE})
"""The kinds that can be compared with `<` and the like."""


@dataclass(frozen=True, slots=True)
class Measure:
    """How numbers of one sort are written and kept: as whole numbers of a small unit."""

    units: Mapping[str, int]
    """The suffixes understood, and how many of the kept unit each is; "": no suffix."""
    printed: tuple[str, ...]
    """The suffixes that canonical text uses, largest first."""
    greatest: int = GREATEST
    figure_size: int = 1
    """How many of the kept unit make one of the subject's figure."""


_S = 10**9
_COUNT = Measure({"": 1, "k": 10**3, "M": 10**6, "G": 10**9}, ("",))
_PORT = Measure({"": 1}, ("",), greatest=65535)
_ID = Measure({"": 1}, ("",))
_RATE = Measure({"": 10**9, "k": 10**12}, ("",), figure_size=10**9)
_TIME = Measure(
    {"": 10**6, "ns": 1, "us": 10**3, "\u00b5s": 10**3, "\u03bcs": 10**3, "ms": 10**6, "s": _S},
    ("s", "ms", "us", "ns"),
)
_PERCENT = Measure({"": 10**6, "%": 10**6}, ("%",), figure_size=10**6)
_FACTOR = Measure({"": 10**6, "x": 10**6}, ("x",), figure_size=10**6)
_AGE = Measure({"": _S, "s": _S, "m": 60 * _S, "h": 3600 * _S}, ("h", "m", "s"))


@dataclass(frozen=True, slots=True)
class Key:
    """One key."""

    name: str
    kind: Kind
    reads: str
    """What the subject is asked for: a label, a set of numbers, or a column's figure, by id."""
    takes: str
    """What goes after it, for messages: "a time like 80ms"."""
    example: str
    help: str
    measure: Measure | None = None
    """Of the numeric kinds."""
    choices: Mapping[str, str] | None = None
    """Of a choice: every spelling understood, and the word it stands for."""
    aliases: tuple[str, ...] = ()


def _count(name: str, help_: str, example: str, reads: str = "", aliases: tuple[str, ...] = ()) -> Key:
    return Key(
        name, Kind.FIGURE, reads or name, "a whole number like 20", example, help_, _COUNT, aliases=aliases
    )


def _time(name: str, help_: str, example: str) -> Key:
    return Key(name, Kind.FIGURE, name, "a time like 80ms", example, help_, _TIME)


def _text(name: str, kind: Kind, takes: str, example: str, help_: str, aliases: tuple[str, ...] = ()) -> Key:
    return Key(name, kind, name, takes, example, help_, aliases=aliases)


KEYS: tuple[Key, ...] = (
    Key(
        name="ip",
        kind=Kind.ADDRESS,
        reads="",
        takes="an address or a network like 10.0.0.0/8",
        example="ip:10.0.0.0/8,2001:db8::/32",
        help="remote address, or the network it is in",
        aliases=("net",),
    ),
    _text("host", Kind.TEXT, "part of a name or address", "host:example.org", "remote name or address"),
    Key(
        name="port",
        kind=Kind.NUMBERS,
        reads="port",
        takes="a port like 443 or a range like 1-1023",
        example="port:80,443,8000-8999",
        help="the port connected to",
        measure=_PORT,
    ),
    _text(
        "service",
        Kind.TEXT,
        "part of a service's name",
        "service:https",
        "name of the service behind the port",
    ),
    Key(
        name="dir",
        kind=Kind.CHOICE,
        reads="dir",
        takes="in or out",
        example="dir:out",
        help="out: we open the connection; in: the remote host does",
        choices={"in": "in", "out": "out", "inbound": "in", "outbound": "out"},
        aliases=("direction",),
    ),
    _text(
        "if",
        Kind.NAME,
        "an interface like eth0",
        "if:eth0,wg0",
        "network interface, its whole name",
        ("interface",),
    ),
    _text(
        "proc",
        Kind.TEXT,
        "part of a process name",
        "proc:curl",
        "process that opened the connection",
        ("process",),
    ),
    Key(
        name="pid",
        kind=Kind.NUMBERS,
        reads="pid",
        takes="a process id like 812",
        example="pid:812",
        help="id of the process that opened the connection",
        measure=_ID,
    ),
    _text("unit", Kind.TEXT, "part of a unit's name", "unit:nginx", "systemd unit of the process"),
    _count("n", "established handshakes", "n>=20", "count", ("count",)),
    Key(
        name="rate",
        kind=Kind.FIGURE,
        reads="rate",
        takes="a number per second like 0.5",
        example="rate>0.5",
        help="established handshakes per second",
        measure=_RATE,
    ),
    _time("last", "latest latency", "last>1s"),
    _time("min", "least latency", "min<500us"),
    _time("p50", "median latency", "p50:10ms-20ms"),
    _time("p95", "95 of 100 latencies are at most this", "p95>80ms"),
    _time("p99", "99 of 100 latencies are at most this", "p99>=0.2s"),
    _time("max", "greatest latency", "max>1s"),
    _count("retx", "retransmitted SYNs and SYN-ACKs", "retx>0"),
    _count("failed", "refused, unreachable or unanswered", "failed>0", "fail", ("fail",)),
    _count("refused", "answered by a reset", "refused>0"),
    _count("unreachable", "answered by an ICMP error", "unreachable>0"),
    _count("unanswered", "not answered within the timeout", "unanswered>=3"),
    Key(
        name="age",
        kind=Kind.FIGURE,
        reads="age",
        takes="a time like 30s or 5m",
        example="age<5m",
        help="time since the last handshake",
        measure=_AGE,
    ),
    _count("flows", "open connections", "flows>0"),
    _time("srtt", "median of the open connections' smoothed round-trip times", "srtt>80ms"),
    _time("minrtt", "median of their least round-trip times", "minrtt<1ms"),
    Key(
        name="bloat",
        kind=Kind.FIGURE,
        reads="bloat",
        takes="a factor like 4 or 2.5x",
        example="bloat>=3",
        help="srtt over min RTT, of the open connection where that is most",
        measure=_FACTOR,
    ),
    Key(
        name="loss",
        kind=Kind.FIGURE,
        reads="loss",
        takes="a percentage like 2 or 0.5%",
        example="loss>1%",
        help="of 100 segments of open connections, so many were sent again",
        measure=_PERCENT,
    ),
    _text("box", Kind.TEXT, "part of a box's name", "box:web1", "with --fleet: the machine that counted"),
)
"""Times are nanoseconds, `age` too; the rate is per second."""

KEY_OF: Mapping[str, Key] = {spelling: key for key in KEYS for spelling in (key.name, *key.aliases)}
"""Every spelling that is understood, in lower case."""
