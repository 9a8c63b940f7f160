"""Sets the stage: a network namespace of our own, a device in it, and the processes on both sides of the device."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial

from bpf.children import Children
from bpf.demo.cast import SCENE
from bpf.demo.local import accept, call, listen
from bpf.demo.remote import be_remote
from bpf.demo.scene import Scene, Server
from bpf.errors import NotPermitted, TcplatError
from bpf.lab.device import EVERYTHING, TUN, open_device
from bpf.lab.namespace import Namespace

DEVICE = "demo0"


@contextmanager
def demo(scene: Scene = SCENE) -> Iterator[str]:
    """Move this process into a private network of known hosts, and back; yields the name of its interface.

    Enter and leave it in the main thread, and enter it while there is no other: threads begun inside stay inside. It
    blocks some tens of milliseconds; raises TcplatError. Nothing outside is touched; and however this process ends,
    the network and the processes that play in it end with it.
    """
    has_ipv6 = socket.has_dualstack_ipv6()
    with ExitStack() as stack:
        namespace = _namespace()
        stack.callback(namespace.close)
        stack.enter_context(namespace.entered())
        children = Children()
        stack.callback(children.end)
        try:
            _begin(children, namespace, scene if has_ipv6 else scene.over_ipv4(), has_ipv6)
        except OSError as error:
            raise _explained(error) from error
        yield DEVICE


def _namespace() -> Namespace:
    try:
        return Namespace()
    except OSError as error:
        raise NotPermitted(
            f"the demo needs a network namespace of its own ({error.strerror})",
            "use sudo; in a container, run that with --privileged",
        ) from error


def _begin(children: Children, namespace: Namespace, scene: Scene, has_ipv6: bool) -> None:
    if has_ipv6:
        # Namespaces may inherit that it is off. Where /proc/sys cannot be written, the device tells.
        with suppress(OSError):
            namespace.set_sysctl("ipv6/conf/default/disable_ipv6", 0)
    device = open_device(namespace, "ethernet", DEVICE, EVERYTHING if has_ipv6 else EVERYTHING[:1])
    try:
        children.begin("tcplat demo", partial(be_remote, device, scene), [device])
    finally:
        # The child's alone from now on: it goes when that ends.
        os.close(device)
    for server in scene.servers:
        _begin_server(children, server)
    for caller in scene.callers:
        children.begin(caller.name, partial(call, caller))


def _begin_server(children: Children, server: Server) -> None:
    """Open its ports here, so that no visit comes before they are open."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(closing(listen(port))) for port in server.ports]
        children.begin(server.name, partial(accept, listeners), [one.fileno() for one in listeners])


def _explained(error: OSError) -> TcplatError:
    if error.filename == TUN:
        return TcplatError(
            f"the demo needs {TUN} ({error.strerror})",
            f"load it with: sudo modprobe tun; for a container add: --device {TUN}",
        )
    if error.filename == "ip":
        return TcplatError("the demo needs the command ip", "install the package iproute2 (Fedora: iproute)")
    return TcplatError(
        f"the demo's network cannot be made: {error}", "to look at a capture: tcplat --read FILE"
    )
