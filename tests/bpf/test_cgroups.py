"""Names of cgroups: units and containers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpf.callers import cgroup_root
from bpf.cgroups import Cgroups, unit_of

PATIENCE_S = 10.0
HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/system.slice/nginx.service", "nginx.service"),
        ("/user.slice/user-1000.slice/session-3.scope", "session-3.scope"),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.service", "app-x.service"),
        (f"/system.slice/docker-{HEX}.scope", "docker:0123456789ab"),
        (f"/docker/{HEX}", "docker:0123456789ab"),
        (f"/system.slice/docker-{HEX}.scope/init.scope", "docker:0123456789ab"),
        (f"/kubepods.slice/kubepods-pod1.slice/cri-containerd-{HEX}.scope", "containerd:0123456789ab"),
        (f"/kubepods/burstable/pod1/{HEX}", "container:0123456789ab"),
        (f"/machine.slice/libpod-{HEX}.scope/container", "podman:0123456789ab"),
        ("/lxc.payload.web/system.slice/cron.service", "lxc:web"),
        ("/lxc.payload.web", "lxc:web"),
        ("/", ""),
        ("", ""),
        ("/system.slice", ""),
    ],
)
def test_unit_of_a_path(path: str, name: str) -> None:
    assert unit_of(path) == name


@pytest.fixture
def service() -> Iterator[Path]:
    root = cgroup_root()
    assert root
    made = root / "tcplat-test.service"
    made.mkdir()
    try:
        yield made
    finally:
        if made.exists():
            made.rmdir()


@pytest.mark.kernel
def test_name_of_an_id_is_found_in_the_hierarchy_and_remembered(service: Path) -> None:
    cgroups = Cgroups(cgroup_root())
    identity = service.stat().st_ino
    assert cgroups.name_of(identity) == "tcplat-test.service"
    service.rmdir()
    assert cgroups.name_of(identity) == "tcplat-test.service"
    assert cgroups.name_of(2**63) == ""
    assert cgroups.name_of(0) == ""


def test_one_look_finds_all_those_below(tmp_path: Path) -> None:
    deep = tmp_path / "system.slice" / "web.service" / "inner"
    deep.mkdir(parents=True)
    other = tmp_path / "user.slice" / "session-1.scope"
    other.mkdir(parents=True)
    cgroups = Cgroups(tmp_path)
    assert cgroups.name_of(deep.stat().st_ino) == "web.service"
    assert cgroups.name_of(other.stat().st_ino) == "session-1.scope"


def test_one_that_comes_later_is_found_after_a_while(tmp_path: Path) -> None:
    cgroups = Cgroups(tmp_path)
    assert cgroups.name_of(1) == ""
    late = tmp_path / "late.service"
    late.mkdir()
    deadline = time.monotonic() + PATIENCE_S
    while not (name := cgroups.name_of(late.stat().st_ino)):
        assert time.monotonic() < deadline
    assert name == "late.service"


def test_without_a_hierarchy_nothing_is_known() -> None:
    assert Cgroups(None).name_of(1) == ""


def test_root_is_found_beside_version_1(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("cgroup /a cgroup rw 0 0\ncgroup2 /sys/fs/cgroup/my\\040unified cgroup2 rw 0 0\n")
    assert cgroup_root(mounts) == Path("/sys/fs/cgroup/my unified")
    mounts.write_text("proc /proc proc rw 0 0\n")
    assert cgroup_root(mounts) is None
