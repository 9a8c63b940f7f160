"""What a demonstration is made of: who answers, who calls, who visits, and what changes. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from bpf.lab.hosts import Client, Host


@dataclass(frozen=True, slots=True)
class Call:
    """What a local process connects to."""

    address: str
    port: int
    every_s: float
    """On average."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Connections that a local process keeps open."""

    address: str
    port: int
    connections: int
    every_s: float
    """How often something is sent through each, on average."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A local process that connects to remote hosts."""

    name: str
    """At most 15 bytes, as the kernel keeps it."""
    calls: tuple[Call, ...]
    pools: tuple[Pool, ...] = ()


@dataclass(frozen=True, slots=True)
class Server:
    """A local process that accepts connections."""

    name: str
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Visit:
    """What a remote host connects to here."""

    client: Client
    port: int
    every_s: float
    """On average."""
    ack_delays_s: tuple[float, ...] = ()
    """When given, replaces the client's `ack_delay_s`: its visits take them in turn."""


@dataclass(frozen=True, slots=True)
class Spell:
    """A time in which a host behaves otherwise; it comes again and again."""

    host: Host
    """What it is like then."""
    first_s: float
    lasts_s: float
    every_s: float
    """From one beginning to the next."""


@dataclass(frozen=True, slots=True)
class Scene:
    """All of it."""

    hosts: tuple[Host, ...]
    callers: tuple[Caller, ...]
    servers: tuple[Server, ...]
    visits: tuple[Visit, ...]
    spells: tuple[Spell, ...] = ()

    def over_ipv4(self) -> Scene:
        """Return what is left of it on a machine without IPv6."""
        callers = (
            Caller(
                caller.name,
                tuple(call for call in caller.calls if _is_ipv4(call.address)),
                tuple(pool for pool in caller.pools if _is_ipv4(pool.address)),
            )
            for caller in self.callers
        )
        return Scene(
            tuple(host for host in self.hosts if _is_ipv4(host.address)),
            tuple(caller for caller in callers if caller.calls),
            self.servers,
            tuple(visit for visit in self.visits if _is_ipv4(visit.client.address)),
            tuple(spell for spell in self.spells if _is_ipv4(spell.host.address)),
        )


def _is_ipv4(address: str) -> bool:
    return ":" not in address
