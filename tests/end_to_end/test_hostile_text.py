"""A process, an interface and a directory whose names mean harm to a terminal: they are text, and do nothing."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpf.lab import Host, Lab
from tests.end_to_end.attachments import attachments
from tests.end_to_end.commands import PATIENCE_S, lines_of, tcplat
from tests.end_to_end.terminal import Terminal
from tests.end_to_end.test_listen import LATENCY, ended, listening, scrape_until
from tests.exporter.scraped import total_of

pytestmark = pytest.mark.kernel

HOST = "198.18.0.1"
PROCESS = b"\x1b]0;p\x07[red]\xff\xe2\x80\xae"
"""As long as a name may be: it sets a title; is markup; is no UTF-8; turns the direction of writing."""
INTERFACE = os.fsdecode(b"w\x1b[31m[b]\xff")
SHOWN = "?]0;p?[red]\ufffd?"
CALLED = "w?[31m[b]\ufffd"
DIRECTORY = r"h\033]0;d\007\033[31m[b]\377"
"""As printf(1) writes it."""
ROOT = Path(__file__).parents[2]
CONNECT = f"""
import socket
with open("/proc/self/comm", "wb") as name:
    name.write({PROCESS!r})
socket.create_connection(({HOST!r}, 443)).close()"""


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab("ethernet", [Host(HOST, 0.002)]) as network:
        subprocess.run(
            network.command("ip", "link", "set", "dev", network.device, "name", INTERFACE), check=True
        )
        subprocess.run(network.command("ip", "link", "set", "dev", INTERFACE, "up"), check=True)
        yield network
        assert attachments(network) == []


def connect(lab: Lab) -> None:
    """By the process with that name."""
    subprocess.run(lab.command(sys.executable, "-c", CONNECT), check=True, timeout=PATIENCE_S)


def streamed(lab: Lab, *arguments: str) -> tuple[str, str]:
    """What it says of a connection, on stdout and stderr."""
    words = lab.command(*tcplat("any", *arguments))
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stderr
        began = child.stderr.readline()
        connect(lab)
        out, said = child.communicate(timeout=PATIENCE_S)
    return out.decode(), (began + said).decode()


def test_lines_and_recordings(lab: Lab, tmp_path: Path) -> None:
    recording = tmp_path / "r.jsonl"
    out, said = streamed(lab, "--json", "--count", "1", "--record", str(recording))
    assert "".join(out.splitlines()).isprintable() and out.isascii()
    assert "".join(said.splitlines()).isprintable()
    found = [each for text in (out, recording.read_text()) for each in lines_of(text)]
    handshakes = [each for each in found if each["type"] == "handshake"]
    assert [(each["process"], each["outcome"]) for each in handshakes] == [
        (PROCESS.decode(errors="replace"), "established")
    ] * 2
    read = subprocess.run(
        tcplat("--read", str(recording), "--log"), check=True, capture_output=True, timeout=PATIENCE_S
    )
    assert HOST in read.stdout.decode()
    assert "".join((read.stdout + read.stderr).decode().splitlines()).isprintable()


def test_log(lab: Lab) -> None:
    out, said = streamed(lab, "--log", "--count", "1")
    assert out.startswith("Matched SYN/SYN-ACK, Source: ")
    assert "".join((out + said).splitlines()).isprintable()


@pytest.mark.parametrize("label_by", ["host", "network", "service", "none"])
def test_labels(lab: Lab, label_by: str) -> None:
    with listening(lab, "any", "--label-by", label_by) as (child, url):
        connect(lab)
        series = scrape_until(
            lab, url, lambda series: bool(total_of(series, f"{LATENCY}_count", interface=CALLED))
        )
        values = [value for _, labels in series for _, value in labels]
        assert all(each.isprintable() for each in values)
        status, out, said = ended(child)
        assert (status, out) == (0, "") and "".join(said.splitlines()).isprintable()


@pytest.mark.skipif(not shutil.which("tmux"), reason="make setup-test installs tmux")
def test_screen_and_exports(lab: Lab) -> None:
    # A short name: where a message is wrapped, too, what is looked for is on one line.
    with tempfile.TemporaryDirectory(prefix="t-") as name, Terminal(lab, 190, 30) as terminal:
        title = terminal.title
        start = " ".join(["env", f"PYTHONPATH={ROOT}", *tcplat("any")])
        terminal.type(rf"cd {name}; d=$(printf '{DIRECTORY}'); mkdir $d; cd $d; {start}")
        terminal.shows("No handshake on ")
        connect(lab)
        terminal.shows(HOST)
        terminal.press("a", "a", "a")
        terminal.shows(SHOWN)
        terminal.press("Enter")
        terminal.shows(f"process {SHOWN}")
        terminal.shows(CALLED)
        terminal.press("1", "a")
        terminal.until(lambda: any(line.startswith(CALLED) for line in terminal.lines))
        for view in ("3", "4"):
            terminal.press(view)
            terminal.shows(CALLED)
        terminal.press("5")
        terminal.shows("the figures of the table are made of these")
        terminal.press("G")  # The account of one interface, after another's.
        terminal.shows(CALLED)
        terminal.press("1", "i")
        terminal.shows("all that are up")
        terminal.shows(CALLED)
        terminal.press("Escape")
        terminal.until(lambda: "all that are up" not in terminal.text)
        terminal.press("c", "a", "a", "a", "a")
        terminal.shows(SHOWN)
        for number in range(2):
            terminal.press("E", *["j"] * number, "Enter")
            terminal.until(lambda: len(list(Path(name).glob("*/tcplat-*"))) == number + 1)  # noqa: B023
            terminal.shows("?[31m[b]?")
            assert "\x1b[31m[b]" not in terminal.painted
        terminal.press("q")
        terminal.shows("status=0")
        assert terminal.title == title
        (as_csv,), (as_json,) = Path(name).glob("*/*.csv"), Path(name).glob("*/*.json")
        assert next(csv.DictReader(as_csv.read_text().splitlines()))["row"] == SHOWN
        assert json.loads(as_json.read_text())[0]["row"] == SHOWN
