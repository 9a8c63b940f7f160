"""Each benchmark runs for a moment, and leaves nothing behind; what was measured is told right."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from bpf import syscall
from tools import bench_filter, bench_flow, bench_read, bench_record
from tools.bench.__main__ import FAMILIES, main, measure
from tools.bench.effort import MOMENT
from tools.bench.hooks import hooks
from tools.bench.kernel import EMPTY
from tools.bench.network import Pair
from tools.bench.report import Figure, as_json, quantile, spread, table
from tools.bench.screen import settled, watching

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_KERNEL = {"rows", "model", "order"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in WITHOUT_KERNEL else [pytest.mark.kernel]) for name in FAMILIES],
)
def test_a_family_is_measured(name: str) -> None:
    figures = list(measure([name], MOMENT))
    assert figures
    for figure in figures:
        assert figure.samples and figure.reference and figure.reference_samples, figure
        assert all(map(math.isfinite, (*figure.samples, *figure.reference_samples))), figure
        if figure.unit == "handshakes":
            assert figure.is_met, figure
    assert len({figure.row for figure in figures}) == len(figures) or name == "model"


@pytest.mark.kernel
def test_interrupted_it_leaves_nothing() -> None:
    words = [sys.executable, "-m", "tools.bench", "keys"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True) as child:
        try:
            until(lambda: len(children_of(child.pid)) >= 2 or child.poll(), 10)
            children = children_of(child.pid)
            child.send_signal(signal.SIGINT)
            assert child.wait(10) == 130
        finally:
            child.kill()
    assert len(children) >= 2
    until(lambda: not [pid for pid in children if Path(f"/proc/{pid}").exists()], 10)


@pytest.mark.kernel
def test_the_probe_of_a_screen_is_taken_off_and_hung_again_and_nobody_elses() -> None:
    with ExitStack() as stack:
        pair = stack.enter_context(Pair())
        screen = settled(stack.enter_context(watching(pair)), MOMENT)
        with pair.ours.entered():
            other_fd = syscall.load_classifier("other", EMPTY)
            stack.callback(os.close, other_fd)
            stack.callback(os.close, syscall.create_link(other_fd, pair.ifindex, syscall.TCX_EGRESS))

        def hung() -> list[int]:
            with pair.ours.entered():
                return [
                    len(syscall.attached(pair.ifindex, side))
                    for side in (syscall.TCX_INGRESS, syscall.TCX_EGRESS)
                ]

        assert hung() == [1, 2]
        with hooks(pair, screen.pid) as ours:
            assert hung() == [0, 1]
            ours.hang()
            assert hung() == [1, 2]
            ours.take_off()
            assert hung() == [0, 1]
            ours.hang()
        assert hung() == [0, 1]


@pytest.mark.kernel
def test_a_process_without_links_has_no_hooks_to_take() -> None:
    with Pair() as pair, pytest.raises(RuntimeError, match="no links"), hooks(pair, os.getpid()):
        pass


def until(wanted: Callable[[], object], patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def children_of(pid: int) -> list[int]:
    return [
        int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if word.isdigit()
    ]


def test_unknown_rows_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["kernel", "nosuch"])
    assert ended.value.code == 2
    assert "no such rows: nosuch; there are kernel, " in capsys.readouterr().err


def figure(samples: Sequence[float], target: float | None = 3.0) -> Figure:
    return Figure("row", "us", samples, "us bare", [0.5, 1.5], target)


def test_the_median_is_held_against_the_target() -> None:
    assert figure([1, 2, 3, 4, 90]).is_met is True
    assert figure([1, 2, 3.1, 4, 90]).is_met is False
    assert figure([1], target=None).is_met is None


def test_the_spread_is_the_quartiles_or_of_few_the_extremes() -> None:
    assert spread([5, 1, 3, 2, 4]) == (2, 4)
    assert spread([1, 9, 2]) == (1, 9)


def test_quantiles_are_by_nearest_rank() -> None:
    assert [quantile(range(1, 101), q) for q in (0.0, 0.5, 0.99, 1.0)] == [1, 50, 99, 100]
    assert quantile([7], 0.99) == 7


def test_the_table_has_a_line_a_figure() -> None:
    header, met, missed = table([figure([1, 2]), figure([1234.5])]).splitlines()
    assert header.split() == ["row", "median", "spread", "unit", "target", "reference"]
    assert met.split() == ["row", "1.50", "1", "to", "2", "us", "3", "met", "1", "us", "bare"]
    assert missed.split() == ["row", "1,234", "us", "3", "MISSED", "1", "us", "bare"]


def test_json_has_all_samples() -> None:
    told = json.loads(as_json({"cores": 2}, [figure([1, 2, 6])]))
    assert told["machine"] == {"cores": 2}
    (each,) = told["figures"]
    assert each["samples"] == [1, 2, 6]
    assert each["reference_samples"] == [0.5, 1.5]
    assert (each["median"], each["reference_median"], each["target"], each["met"]) == (2, 1, 3, True)


def test_the_filter_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    bench_filter.main(["50"])
    assert "p95>80ms" in capsys.readouterr().out


def test_recording_is_measured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bench_record, "COUNT", 1000)
    monkeypatch.setattr(bench_record, "bench_memory", lambda handshakes: None)
    bench_record.main()
    assert "flight recorder" in capsys.readouterr().out


def test_reading_captures_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(b"".join(bench_read.pcap(bench_read.mixed(500))))
    bench_read.main(["--read", os.fspath(path)])
    assert "500 packets" in capsys.readouterr().out


@pytest.mark.kernel
def test_sampling_is_measured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bench_flow, "REPETITIONS", 1)
    monkeypatch.setattr(bench_flow, "RUN_S", 0.05)
    bench_flow.main(["1"])
    assert "a sample a second" in capsys.readouterr().out
