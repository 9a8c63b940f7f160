"""Which tests need what: those of the kernel need root, and are never skipped in CI."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from bpf import program as kernel_program
from bpf.compiler import compile_program
from bpf.interfaces import Layer
from bpf.lab import Lab
from bpf.program import Program

_IN_CI = bool(os.environ.get("CI"))
_LEFT_OUT = "loads the kernel program, which needs root: sudo make test"


if not _IN_CI:  # where Hypothesis has a profile of its own, without deadlines too.
    # How long an example takes depends on what the other cores do; where it matters, a test measures its own time.
    settings.register_profile("unhurried", deadline=None)
    settings.load_profile("unhurried")


def pytest_xdist_auto_num_workers() -> int:
    """Two processes for each core: for more than half of its time a test waits."""
    return 2 * len(os.sched_getaffinity(0))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests run side by side, those of the kernel in one file run one after another: they share what it makes."""
    for item in items:
        if item.get_closest_marker("kernel"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.hookimpl(hookwrapper=True)
def pytest_report_from_serializable() -> Generator[None, Any, None]:
    """Name a test as pytest takes it: xdist writes its group behind."""
    outcome = yield
    report = outcome.get_result()
    if isinstance(report, pytest.TestReport):
        report.nodeid = re.sub(r"@\w+$", "", report.nodeid)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("kernel") and os.geteuid() != 0:
        pytest.skip(_LEFT_OUT)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """In CI a kernel test that is left out has failed."""
    outcome = yield
    report = outcome.get_result()
    if _IN_CI and report.skipped and item.get_closest_marker("kernel"):
        report.outcome = "failed"
        report.longrepr = f"left out in CI: {report.longrepr}"


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that all processes of a test run have in common, for what takes long to make."""
    base = tmp_path_factory.getbasetemp()
    directory = (base.parent if base.name.startswith("popen-") else base) / "shared"
    directory.mkdir(exist_ok=True)
    return directory


@pytest.fixture(scope="session", autouse=True)
def compiled_once(shared: Path) -> Iterator[None]:
    """Compiling takes bcc most of a second, and gives the same each time: once here, once for all `tcplat` runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CACHE_DIRECTORY", str(shared / "cache"))
        patch.setattr(kernel_program, "compile_program", functools.cache(compile_program))
        yield


@pytest.fixture(scope="session")
def program() -> Iterator[Program]:
    """The kernel program, loaded once, attached to nothing; tests feed it packets by BPF_PROG_TEST_RUN."""
    with Program(timeout_ns=10_000_000_000) as loaded:
        yield loaded


@pytest.fixture(params=list(Layer), ids=[layer.value for layer in Layer])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The test network, once over Ethernet and once over bare IP."""
    with Lab(request.param.value) as network:
        yield network
