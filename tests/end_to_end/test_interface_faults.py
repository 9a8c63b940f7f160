"""What may happen to an interface, or to what hangs on it, while it is watched."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from bpf.attach import AttachMode
from bpf.event import address_text
from bpf.lab import Host, Lab
from bpf.lab.namespace import Namespace
from bpf.source import Account
from tests.end_to_end.attachments import attachments
from tests.end_to_end.commands import lines_of, streaming, tcplat
from tests.end_to_end.detaching import detach
from tests.end_to_end.terminal import Terminal
from tests.end_to_end.watching import Watch, watching

pytestmark = pytest.mark.kernel

FAST, SLOW = "198.18.0.1", "198.18.0.2"
MODES = [AttachMode.TCX, AttachMode.CLSACT]
NOTICED_WITHIN_S = 2.0


@pytest.fixture
def network() -> Iterator[Lab]:
    with Lab("ethernet", [Host(FAST, 0.002), Host(SLOW, 0.030)]) as lab:
        yield lab
        assert attachments(lab) == []


def ip(lab: Lab, *words: str) -> None:
    subprocess.run(lab.command("ip", *words), check=True)


def remotes(watch: Watch) -> list[str]:
    return [address_text(each.remote) for each in watch.handshakes]


def make_pair(lab: Lab) -> None:
    ip(lab, *["link", "add", "new0", "type", "veth", "peer", "name", "new1"])
    ip(lab, *["link", "set", "new1", "up"])
    ip(lab, *["link", "set", "new0", "up"])


@pytest.mark.parametrize("mode", MODES)
def test_being_detached_is_noticed_and_mended_when_asked(
    network: Lab, mode: AttachMode, survived: Callable[[str], None]
) -> None:
    with watching(network, mode) as watch:
        network.connect(FAST, 443)
        watch.take(1)
        detach(network, network.device, os.getpid())
        began_s = time.monotonic()
        accounts: list[Account] = []
        while not any(each.is_detached for each in accounts):
            assert time.monotonic() - began_s < NOTICED_WITHIN_S
            accounts = watch.probe.drain(0.05).accounts or accounts
        took_s = time.monotonic() - began_s
        assert [(each.attach, each.established) for each in accounts] == [("", 1)]

        watch.probe.watch([network.device])
        assert (watch.account.attach, watch.account.is_detached) == (mode.value, False)
        network.connect(SLOW, 443)
        watch.take(2)
        assert remotes(watch) == [FAST, SLOW]
    measured = f"{len(watch.handshakes)} of 2 handshakes measured"
    survived(f"detached by somebody, {mode.value}: noticed after {took_s:.1f} s, {measured}")


def test_being_detached_is_told_on_stderr_and_in_the_account(network: Lab) -> None:
    with streaming(network, network.device, "--json") as child:
        detach(network, network.device, child.pid)
        assert child.stderr
        told = child.stderr.readline()
        child.terminate()
        out, _ = child.communicate()
    assert told == (
        f"tcplat: somebody has detached tcplat from {network.device}: nothing is seen until it is started again\n"
    )
    assert [each["is_detached"] for each in lines_of(out)][:2] == [False, True]


def test_being_detached_is_told_on_the_screen_and_mended_by_keys(network: Lab) -> None:
    with Terminal(network, columns=120) as terminal:
        terminal.run(*tcplat(network.device))
        terminal.shows(f"No handshake on {network.device} yet.")
        network.connect(FAST, 443)
        terminal.shows(FAST)
        detach(network, network.device, terminal.child)
        terminal.shows(f"DETACHED from {network.device} by somebody: i Enter attaches again")
        terminal.press("i")
        terminal.shows("all that are up")
        terminal.press("Enter")
        terminal.until(lambda: "DETACHED" not in terminal.text)
        network.connect(SLOW, 443)
        terminal.shows(SLOW)
        assert FAST in terminal.text
        terminal.press("q")
        terminal.shows("status=0")


@pytest.mark.parametrize("mode", MODES)
def test_renamed_interface_is_followed(
    network: Lab, mode: AttachMode, survived: Callable[[str], None]
) -> None:
    with watching(network, mode) as watch:
        network.connect(FAST, 443)
        watch.take(1)
        device = network.device
        ip(network, "link", "set", device, "name", "wan0")
        try:
            watch.until(lambda _: watch.probe.selection == ("wan0",))
            network.connect(SLOW, 443)
            assert [watch.probe.name_of(each.ifindex) for each in watch.take(2)] == ["wan0", "wan0"]
            account = watch.account
            assert (account.interface, account.established, account.is_gone) == ("wan0", 2, False)
            assert not watch.probe.gone
        finally:
            ip(network, "link", "set", "wan0", "name", device)
    figures = f"{account.established} of 2 handshakes measured, {account.events_lost} records lost"
    survived(f"renamed, {mode.value}: {figures}")


def test_renamed_interface_is_told(network: Lab) -> None:
    make_pair(network)
    with streaming(network, "new0", "--json") as child:
        ip(network, "link", "set", "new0", "name", "wan0")
        assert child.stderr
        assert child.stderr.readline() == "tcplat: new0 is called wan0 now\n"
    with Terminal(network, columns=120) as terminal:
        terminal.run(*tcplat("wan0"))
        terminal.shows("No handshake on wan0 yet.")
        ip(network, "link", "set", "wan0", "name", "new0")
        terminal.shows("No handshake on new0 yet.")
        terminal.press("q")
        terminal.shows("status=0")


@pytest.mark.parametrize("mode", MODES)
def test_interface_that_moves_to_another_namespace_is_gone_until_it_returns(
    network: Lab, mode: AttachMode
) -> None:
    make_pair(network)
    with closing(Namespace()) as other, watching(network, mode, selection=["new0"]) as watch:
        ip(network, "link", "set", "new0", "netns", other.path)
        watch.until(lambda _: watch.probe.gone == {"new0"})
        other.configure([f"link set new0 netns {network.path}"])
        watch.until(lambda _: not watch.probe.gone)
        assert watch.account.attach == mode.value


@pytest.mark.parametrize("mode", MODES)
def test_down_and_up_and_another_qdisc_change_nothing(network: Lab, mode: AttachMode) -> None:
    routes = subprocess.run(
        network.command("ip", "route", "show"), check=True, capture_output=True, text=True
    ).stdout
    with watching(network, mode) as watch:
        subprocess.run(
            network.command("tc", "qdisc", "replace", "dev", network.device, "root", "pfifo"), check=True
        )
        ip(network, "link", "set", network.device, "down")
        ip(network, "link", "set", network.device, "up")
        for route in routes.splitlines():
            ip(network, "route", "replace", *route.split())
        network.connect(FAST, 443)
        watch.take(1)
        assert watch.account.attach == mode.value
        subprocess.run(network.command("tc", "qdisc", "del", "dev", network.device, "root"), check=True)
