"""The test network: a namespace, a device, and a responder behind it, for as long as a `with` lasts."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType

from .connections import Connection, Target, connect_all
from .device import DEVICE, OUR_IPV4, OUR_IPV6, Layer, keep_quiet, open_device
from .exchanges import Exchange
from .hosts import Client, Default, Host, silence
from .namespace import Namespace, inside
from .packets import packed
from .responder import Cast, Responder
from .stage import Predicate, Stage


class Lab:
    """A private network of known hosts. Enter and leave it in one thread; everything else is for any thread.

    Needs root, `ip` and /dev/net/tun. Nothing leaves the namespace, and nothing of it stays.
    """

    device = DEVICE
    ipv4, ipv6 = OUR_IPV4, OUR_IPV6

    def __init__(
        self,
        layer: Layer = "ethernet",
        hosts: Iterable[Host] = (),
        *,
        default: Default = silence,
        sent: Callable[[bytes], None] | None = None,
        keep: int = 100_000,
    ) -> None:
        """Take the hosts, and who answers for addresses not among them.

        `sent` gets every frame the kernel sends, in the responder's thread; `keep` bounds the record.
        """
        self.layer = layer
        cast = Cast({}, default, sent)
        self._hosts = cast.hosts
        self.add(*hosts)
        self._responder = Responder(layer, cast, keep)
        self._fd: int | None = None

    def __enter__(self) -> Lab:
        """Build the network. Blocks some tens of milliseconds; raises OSError."""
        with ExitStack() as stack:
            self._namespace = Namespace()
            stack.callback(self._namespace.close)
            keep_quiet(self._namespace)
            # Closed after the thread that reads it has ended.
            stack.callback(self._close_device)
            self._stage = Stage(self._responder)
            stack.callback(self._stage.stop)
            self._stage.start()
            self.plug()
            self._leaving = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take everything down. Blocks some tens of milliseconds; raises what the responder failed on."""
        self._leaving.close()

    @property
    def path(self) -> str:
        """Where other processes find the namespace: what `ip link set ... netns` and nsenter take."""
        return self._namespace.path

    @property
    def ifindex(self) -> int:
        """Index of the device, in the namespace; another one after `unplug` and `plug`. Raises OSError."""
        with self.entered():
            return socket.if_nametoindex(self.device)

    def command(self, *words: str) -> list[str]:
        """Return the command line that runs `words` inside."""
        return inside(self.path, *words)

    def entered(self) -> AbstractContextManager[None]:
        """Put the calling thread inside; sockets made there stay there."""
        return self._namespace.entered()

    def set_sysctl(self, name: str, value: int) -> None:
        """Set /proc/sys/net/NAME inside, as in `ipv4/tcp_timestamps`."""
        self._namespace.set_sysctl(name, value)

    def add(self, *hosts: Host) -> None:
        """Add hosts, or change how they behave from their next connection (what they do with data: segment) on."""
        self._hosts.update((packed(host.address), host) for host in hosts)

    def connect(
        self,
        address: str,
        port: int = 443,
        timeout_s: float = 5.0,
        *,
        local_port: int = 0,
        reset: bool = False,
    ) -> Connection:
        """Connect from inside, then close (with FIN, or RST when `reset`). Blocks."""
        with self.entered():
            return connect_all([(address, port)], timeout_s, at_once=1, reset=reset, local_port=local_port)[0]

    def connect_many(
        self, targets: Iterable[Target], timeout_s: float = 5.0, *, at_once: int = 500, reset: bool = False
    ) -> list[Connection]:
        """Connect to all, `at_once` at a time, as `connect` does. Blocks; results in the targets' order.

        `reset` spares the kernel a TIME_WAIT for each: for load.
        """
        with self.entered():
            return connect_all(targets, timeout_s, at_once=at_once, reset=reset, local_port=0)

    def connect_to_us(self, client: Client, port: int) -> int:
        """Let a remote host connect to a port inside; return the port it comes from. Does not wait."""
        return self._stage.call(lambda: self._responder.call_in(client, port))

    def fileno(self) -> int:
        """The device's descriptor, to which another process, too, may write what is to arrive. Raises OSError."""
        if self._fd is None:
            raise OSError(f"{self.device} is unplugged")
        return self._fd

    def inject(self, frame: bytes) -> None:
        """Write raw bytes (a frame, or a packet on layer "ip") as if they had arrived. Raises OSError."""
        os.write(self.fileno(), frame)

    def exchanges(self) -> list[Exchange]:
        """Return what the remote side saw so far, in the order it began."""
        return self._stage.call(self._responder.exchanges)

    def exchange(self, remote: str, remote_port: int, local_port: int) -> Exchange:
        """Return the latest handshake between these endpoints; raises LookupError."""
        local = packed(OUR_IPV6 if ":" in remote else OUR_IPV4)
        key = (packed(remote), remote_port, local, local_port)
        found = self._stage.call(lambda: self._responder.exchange(key))
        if found is None:
            raise LookupError(f"no handshake seen of {remote} port {remote_port} and our port {local_port}")
        return found

    def exchange_of(self, connection: Connection) -> Exchange:
        """Return what the remote side saw of a connection of ours; raises LookupError."""
        return self.exchange(connection.address, connection.port, connection.local_port)

    def wait_until(self, wanted: Predicate, timeout_s: float = 5.0) -> list[Exchange]:
        """Block until `wanted(exchanges)` holds, and return them; raises TimeoutError.

        `wanted` is called in the responder's thread, whenever something may have changed.
        """
        return self._stage.wait_until(wanted, timeout_s)

    def unplug(self) -> None:
        """Remove the device: the interface is gone."""
        self._stage.plug(None)
        self._close_device()

    def plug(self) -> None:
        """Make the device (again): same name, addresses and routes."""
        self._fd = open_device(self._namespace, self.layer)
        self._stage.plug(self._fd)

    def _close_device(self) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)
