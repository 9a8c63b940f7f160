"""A recording of the real probe, made and read by the real program: the same bytes come out; nothing is overwritten."""

from __future__ import annotations

import os
import pty
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bpf.lab import Behaviour, Host, Lab
from bpf.source import Account
from tests.end_to_end.commands import PATIENCE_S, lines_of, streaming, tcplat
from tui.out.jsonl import account_line

V4, V6 = "198.18.0.", "2001:db8:1::"
HOSTS = [
    Host(f"{V4}1", delay_s=0.003),
    Host(f"{V4}2", behaviour=Behaviour.REFUSES),
    Host(f"{V4}3", behaviour=Behaviour.SILENT),
    Host(f"{V6}4", delay_s=0.02),
]
TARGETS = [(host.address, 443) for host in HOSTS]

GOOD = (
    b'{"type":"handshake","time":"2026-11-22T12:00:00.000000001Z","interface":"eth0","direction":"outbound"'
    b',"outcome":"established","remote_address":"1.2.3.4","remote_port":443,"local_address":"5.6.7.8"'
    b',"local_port":1024,"latency_ns":5,"connect_ns":5,"answer_ns":null,"retransmits":0,"ambiguous":false'
    b',"pid":null,"process":null,"unit":null,"repeated":false}\n'
)


def read(*arguments: str, check: int = 0, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `tcplat --read` to its end."""
    done: subprocess.CompletedProcess[str] = subprocess.run(
        tcplat("--read", *arguments),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        **options,
    )
    assert done.returncode == check, done.stderr
    return done


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A recording, and what the run that made it wrote as `--json`; it has SYNs that nobody answered."""
    path = tmp_path_factory.mktemp("recordings") / "made.jsonl.gz"
    with Lab("ethernet", HOSTS) as lab:
        arguments = ("lab0", "--json", "--timeout", "1", "--count", "40", "--record", str(path))
        with streaming(lab, *arguments) as child:
            lab.connect_many(TARGETS * 10, timeout_s=0.2)
            assert child.stdout
            return path, child.stdout.read()


@pytest.mark.kernel
def test_replay_gives_the_bytes_of_the_run_that_was_recorded(recorded: tuple[Path, str]) -> None:
    path, json_lines = recorded
    kinds = {line.get("outcome", line["type"]) for line in lines_of(json_lines)}
    assert kinds == {"probe", "established", "refused", "unanswered"}
    done = read(str(path), "--json")
    assert done.stdout == json_lines
    assert done.stderr == f"tcplat: reading {path}; Ctrl+C ends it\n"


def test_replay_gives_the_same_bytes_with_interfaces_that_come_and_go(tmp_path: Path) -> None:
    eth0, veth1 = (account_line(Account(name, "tcx", syns=1), 0).encode() for name in ("eth0", "veth1"))
    # More than is read at a time: one of the cuts is between two accounts.
    lines = (eth0 + veth1 + GOOD) * 300 + (eth0 + GOOD) * 300
    path = tmp_path / "trace.jsonl"
    path.write_bytes(lines)
    assert read(str(path), "--json").stdout.encode() == lines


@pytest.mark.kernel
def test_samples_are_recorded_and_replayed_to_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "flows.jsonl"
    arguments = (
        "lab0",
        "--json",
        "--flows",
        "--flow-interval",
        "0.1",
        "--count",
        "201",
        "--record",
        str(path),
    )
    with Lab("ethernet", HOSTS[:1]) as lab, streaming(lab, *arguments) as child:
        with lab.entered():
            connection = socket.create_connection((f"{V4}1", 443))
        with connection:
            for _ in range(200):
                connection.send(b"x")
                lab.connect_many(TARGETS[:1])
        assert child.stdout
        json_lines = child.stdout.read()
    flows = [line for line in lines_of(json_lines) if line["type"] == "flow"]
    assert {flow["closing"] for flow in flows} == {False, True}
    assert {(flow["direction"], flow["remote_address"], flow["pid"]) for flow in flows} == {
        ("outbound", f"{V4}1", os.getpid())
    }
    assert path.read_text().partition("\n")[2] == json_lines
    assert read(str(path), "--json").stdout == json_lines
    assert read("-", "--json", input=json_lines).stdout == json_lines


@pytest.mark.kernel
def test_piped_json_is_a_recording_too(recorded: tuple[Path, str]) -> None:
    assert read("-", "--json", input=recorded[1]).stdout == recorded[1]


@pytest.mark.kernel
def test_recording_of_a_recording_is_the_same(recorded: tuple[Path, str], tmp_path: Path) -> None:
    again = tmp_path / "again.jsonl.zst"
    read(str(recorded[0]), "--log", "--record", str(again))
    assert read(str(again), "--json").stdout == recorded[1]


@pytest.mark.kernel
def test_count_and_interface_choose_from_a_recording(recorded: tuple[Path, str]) -> None:
    lines = lines_of(read(str(recorded[0]), "lab0", "--json", "--count", "2").stdout)
    assert [line["type"] for line in lines].count("handshake") == 2
    assert read(str(recorded[0]), "eth9", "--json").stdout == ""


@pytest.mark.kernel
@pytest.mark.parametrize("name", ["killed.jsonl", "killed.jsonl.gz", "killed.jsonl.zst"])
def test_sigkill_costs_the_last_second_at_most(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with Lab("ethernet", HOSTS[:1]) as lab, streaming(lab, "lab0", "--json", "--record", str(path)) as child:
        lab.connect_many(TARGETS[:1] * 20)
        while '"handshake"' not in read(str(path), "--json").stdout:
            pass
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert '"established"' in read(str(path), "--json").stdout


@pytest.mark.kernel
def test_recording_does_not_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text("precious")
    done = subprocess.run(
        tcplat("lo", "--json", "--record", str(path)), capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (done.returncode, done.stdout, path.read_text()) == (1, "", "precious")
    assert done.stderr.startswith(f"tcplat: {path} exists; ") and done.stderr.count("\n") == 1


def test_reading_needs_no_capability_and_no_bcc(tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_text('{"type":"recording","version":1}\n')
    (tmp_path / "bcc.py").write_text("raise ImportError('not here')\n")
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*powerless, *tcplat("--read", str(path), "--json")],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert (done.returncode, done.stdout) == (0, "")


BAD = {
    "empty": (b"", "there is nothing in {path}; did what should have written it fail?"),
    "text": (b"hello, world\n", "{path} is neither a capture nor a recording; give a file of tcpdump -w"),
    "binary": (bytes(range(256)), "{path} is neither a capture nor a recording; "),
    "gzip of nothing": (
        bytes.fromhex("1f8b080000000000000303000000000000000000"),
        "there is nothing in {path}; ",
    ),
    "torn gzip": (
        bytes.fromhex("1f8b0800"),
        "there is nothing in {path}: ends in the middle of the gzip stream; ",
    ),
    "newer": (
        b'{"type":"recording","version":99,"program":"tcplat 7"}\n',
        "{path} was recorded by a newer tcplat 7; update tcplat: this one reads format 1, not 99",
    ),
}


@pytest.mark.parametrize("form", ["--json", "--log"])
@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_one_clear_line(kind: str, form: str, tmp_path: Path) -> None:
    path = tmp_path / "bad"
    content, said = BAD[kind]
    path.write_bytes(content)
    done = read(str(path), form, check=1)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("tcplat: " + said.format(path=path))


def test_what_cannot_be_opened_is_one_clear_line(tmp_path: Path) -> None:
    assert read(str(tmp_path / "none"), "--log", check=1).stderr == (
        f"tcplat: cannot read {tmp_path}/none: no such file or directory; check the name\n"
    )
    assert read(str(tmp_path), "--log", check=1).stderr == (
        f"tcplat: {tmp_path} is a directory; name a file in it\n"
    )
    assert read("-", "--log", check=1, stdin=subprocess.DEVNULL).stderr == (
        "tcplat: there is nothing in stdin; did what should have written it fail?\n"
    )


def test_error_of_the_disk_is_one_clear_line() -> None:
    assert read("/proc/self/mem", "--log", check=1).stderr == (
        "tcplat: cannot read /proc/self/mem: input/output error; try another copy\n"
    )


def test_name_of_a_file_does_not_steer_the_terminal(tmp_path: Path) -> None:
    said = read(str(tmp_path / "\x1b[31m\nroot#"), "--log", check=1).stderr
    assert said.startswith(f"tcplat: cannot read {tmp_path}/?[31m?root#: no such file")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_pipe_that_says_nothing_can_be_left(number: signal.Signals, status: int) -> None:
    with silent_pipe("--log") as child:
        assert child.stderr and child.stderr.readline() == "tcplat: reading stdin; Ctrl+C ends it\n"
        child.send_signal(number)
        assert child.wait(PATIENCE_S) == status


def test_duration_ends_the_reading_of_a_pipe_that_says_nothing() -> None:
    with silent_pipe("--log", "--duration", "0.1") as child:
        assert child.wait(PATIENCE_S) == 0


@contextmanager
def silent_pipe(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`tcplat --read -` on a pipe into which nothing is written."""
    reader, writer = os.pipe()
    words = tcplat("--read", "-", *arguments)
    with subprocess.Popen(words, stdin=reader, stderr=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()
            os.close(reader)
            os.close(writer)


def test_file_given_as_stdin_need_not_be_opened_again(tmp_path: Path) -> None:
    """As that of another user is, or one that was removed."""
    path = tmp_path / "trace.jsonl"
    path.write_bytes(GOOD)
    path.chmod(0)
    words = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--", *tcplat("--read", "-", "--json")]
    with path.open("rb") as file:
        done = subprocess.run(words, stdin=file, capture_output=True, timeout=PATIENCE_S, check=False)
    assert (done.stdout, done.returncode) == (GOOD, 0), done.stderr


def test_pipe_that_was_left_not_to_wait_is_waited_for() -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    words = tcplat("--read", "-", "--json")
    with subprocess.Popen(
        words, stdin=reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        os.close(reader)
        assert child.stderr and child.stderr.readline() == "tcplat: reading stdin; Ctrl+C ends it\n"
        os.write(writer, GOOD)
        os.close(writer)
        assert child.stdout and child.stdout.read().encode() == GOOD


def test_stdin_that_is_a_terminal_is_not_read() -> None:
    leader, follower = pty.openpty()
    done = read("-", "--log", check=1, stdin=follower)
    os.close(leader)
    os.close(follower)
    assert done.stderr.startswith("tcplat: --read - reads stdin, and nothing is piped into it; as in: ssh ")


def test_damage_is_said_and_the_rest_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "damaged.jsonl"
    path.write_bytes(GOOD + b"{]\n" + GOOD + GOOD[:100])
    done = read(str(path), "--json")
    assert done.stdout.encode() == GOOD * 2
    assert done.stderr.splitlines()[-1] == f"tcplat: {path}: 1 damaged line skipped; the last line is torn"


def test_recording_is_not_made_where_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_bytes(GOOD)
    arguments = (str(path), "--log", "--record", str(path), "--record-rotate", "1h")
    said = "tcplat: --record would write to what --read reads; name another file\n"
    assert read(*arguments, check=1).stderr == said
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [GOOD]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--record-rotate", "64M"], "--record-rotate goes with --record"),
        (["--record", "x", "--record-rotate", "64"], "argument --record-rotate: "),
        (["--read", "x", "--record", "y"], "--record goes with --read only if --log or --json is there too"),
        (["--local", "10.0.0.0/8"], "--local goes with --read"),
        (
            ["--read", "x", "--local", "10/99"],
            "argument --local: '10/99' is not a network such as 10.0.0.0/8",
        ),
        (["--read", "x", "--demo"], "argument --demo: not allowed with argument --read"),
        (["--read", ""], "argument --read: the name of the file is empty"),
        (["--record", ""], "argument --record: the name of the file is empty"),
        (["--read", "x", "--read", "y"], "--read can be given once"),
        (["--demo", "eth0"], "--demo has an interface of its own: name none"),
    ],
)
def test_arguments_that_do_not_go_together(arguments: list[str], said: str) -> None:
    done = subprocess.run(tcplat(*arguments), capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"tcplat: {said}") and done.stderr.endswith("; see tcplat --help\n")
