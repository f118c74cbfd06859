"""Control groups of nodes: made in every tree, removed wherever they are, and never those of others."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tools.cluster import cgroups, host
from tools.cluster.errors import ClusterError

PREFIX = "plimsoll-test-0123ab-"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "cgroup"
    made.mkdir()
    monkeypatch.setattr(host, "CGROUPS", made)
    monkeypatch.setattr(cgroups, "ROOT", made)
    return made


def version_1(root: Path) -> None:
    for name in ("cpu", "memory", "pids", "cpuset", "unified"):
        (root / name).mkdir()
        (root / name / "cgroup.procs").touch()
    (root / "cpuset" / "cpuset.cpus").write_text("0-3\n")
    (root / "cpuset" / "cpuset.mems").write_text("0\n")


def test_a_group_is_made_in_every_tree_of_version_1(root: Path) -> None:
    version_1(root)
    for _ in range(2):
        cgroups.make(f"{PREFIX}1")
    trees = ("cpu", "memory", "pids", "cpuset")
    assert all((root / tree / f"{PREFIX}1").is_dir() for tree in trees)
    assert (root / "cpuset" / f"{PREFIX}1" / "cpuset.cpus").read_text() == "0-3\n"
    assert (root / "cpuset" / f"{PREFIX}1" / "cpuset.mems").read_text() == "0\n"


def test_a_group_of_version_2_gets_every_controller(root: Path) -> None:
    (root / "cgroup.controllers").write_text("cpu memory pids\n")
    cgroups.make(f"{PREFIX}1")
    assert (root / f"{PREFIX}1").is_dir()
    assert (root / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"


def test_groups_are_removed_with_all_below_them_from_both_versions(root: Path) -> None:
    version_1(root)
    for tree in ("cpu", "memory", "unified"):
        (root / tree / f"{PREFIX}1" / "kubepods" / "pod1").mkdir(parents=True)
    (root / f"{PREFIX}2" / "kubepods").mkdir(parents=True)
    cgroups.remove(f"{PREFIX}[0-9]")
    assert list(root.rglob("plimsoll-*")) == []
    assert (root / "unified").is_dir()


@pytest.mark.parametrize("other", ["plimsoll-other-0123ab-1", f"{PREFIX}4567cd-1", "system.slice"])
def test_groups_of_others_stay(root: Path, other: str) -> None:
    for parent in (root, root / "memory"):
        (parent / other).mkdir(parents=True)
    cgroups.remove(f"{PREFIX}[0-9]")
    assert (root / other).is_dir()
    assert (root / "memory" / other).is_dir()


def test_a_group_whose_last_process_is_still_ending_is_tried_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = root / f"{PREFIX}1"
    group.mkdir()
    (group / "process").touch()

    def patient(condition: Callable[[], bool], patience: float) -> bool:
        assert not condition()
        (group / "process").unlink()
        return condition()

    monkeypatch.setattr(cgroups, "wait_until", patient)
    cgroups.remove(f"{PREFIX}[0-9]")
    assert not group.exists()


def test_a_group_that_stays_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / f"{PREFIX}1").mkdir()
    (root / f"{PREFIX}1" / "process").touch()
    monkeypatch.setattr(cgroups, "wait_until", lambda condition, patience: condition())
    with pytest.raises(ClusterError, match=rf"control group .*{PREFIX}1 cannot be removed"):
        cgroups.remove(f"{PREFIX}[0-9]")
