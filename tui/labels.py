"""What numbers stand for, on the screen: names of hosts, services, interfaces and units."""

from __future__ import annotations

from collections.abc import Mapping

from tui.names import Resolver, service_of


class ScreenLabels:
    """`Labels` of the table. The UI thread's; what it knows of interfaces and units is told by the worker thread."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self.has_names = False
        """Whether hosts are shown, and looked up, by name."""
        self._interfaces: dict[int, str] = {}
        self._units: dict[int, str] = {}

    def take(self, interfaces: Mapping[int, str], units: Mapping[int, str]) -> None:
        """Learn what numbers stand for."""
        self._interfaces.update(interfaces)
        self._units.update(units)

    def host(self, remote: bytes) -> str:
        """A remote host's name, once it is known and wanted."""
        return self._resolver.name_of(remote) or "" if self.has_names else ""

    def service(self, port: int) -> str:
        """A port's name in /etc/services."""
        return service_of(port)

    def interface(self, ifindex: int) -> str:
        """An interface's name."""
        return self._interfaces.get(ifindex, "")

    def unit(self, cgroup: int) -> str:
        """A systemd unit's or container's name."""
        return self._units.get(cgroup, "")

    # As the table of events asks.
    name_of = interface
    unit_of = unit
