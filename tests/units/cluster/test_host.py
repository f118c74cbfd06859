"""What this machine can run, told from commands, users and control groups that were put there for the test."""

import os
import sys
from pathlib import Path

import pytest

from tests.units.cluster.conftest import Programs
from tools.cluster import choose_cluster, host, instance
from tools.cluster.cluster import ProcessCluster
from tools.cluster.errors import ClusterError, HostUnfit
from tools.cluster.kind import KindCluster

COMMANDS = ("ip", "nft", "runc", "mount", "nsenter")


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "cgroup"
    root.mkdir()
    monkeypatch.setattr(host, "CGROUPS", root)
    return root


def version_1(root: Path, *controllers: str) -> None:
    for name in (*controllers, "unified"):
        (root / name).mkdir()
        (root / name / "cgroup.procs").touch()


@pytest.fixture
def fit(groups: Path, only_programs: Programs, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """A machine that lacks nothing, whatever the real one lacks."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    read = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda path: "nodev\toverlay\n" if str(path) == "/proc/filesystems" else read(path)
    )
    version_1(groups, "cpu", "memory", "pids")
    for command in COMMANDS:
        only_programs.put(command)
    return only_programs


@pytest.fixture
def unfit(fit: Programs, monkeypatch: pytest.MonkeyPatch) -> Programs:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return fit


def test_a_machine_that_has_everything_lacks_nothing(fit: Programs) -> None:
    assert [host.missing(shape) for shape in instance.SHAPES] == [[], [], []]
    host.require("node")


def test_nodes_need_root(unfit: Programs) -> None:
    assert host.missing("node") == ["root"]
    assert host.missing("control") == []


def test_missing_commands_are_named_with_their_packages(fit: Programs) -> None:
    for command in ("nft", "ip"):
        (fit.folder / command).unlink()
    assert host.missing("node") == ["ip, nft (Debian: apt-get install iproute2 nftables)"]


def test_nodes_need_an_overlay_file_system(fit: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda _: "nodev\ttmpfs\n\text4\n")
    assert host.missing("node") == ["the overlay file system (modprobe overlay)"]


@pytest.mark.parametrize("lost", ["cpu", "memory", "pids"])
def test_nodes_need_every_control_group(fit: Programs, groups: Path, lost: str) -> None:
    (groups / lost / "cgroup.procs").unlink()
    assert host.missing("node") == ["control groups below /sys/fs/cgroup with cpu, memory and pids"]


def test_other_systems_run_the_control_plane_only(fit: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert host.missing("node") == ["Linux"]
    assert host.missing("control") == []
    monkeypatch.setattr(sys, "platform", "win32")
    assert host.missing("control") == ["Linux or macOS"]
    with pytest.raises(HostUnfit, match="needs Linux or macOS"):
        host.require("control")


def test_version_2_of_control_groups_is_one_tree(groups: Path) -> None:
    (groups / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    assert host.cgroup_controllers() == {"unified": groups}


def test_version_2_without_memory_cannot_hold_a_node(groups: Path) -> None:
    (groups / "cgroup.controllers").write_text("cpu pids\n")
    assert host.cgroup_controllers() == {}


def test_version_1_of_control_groups_is_a_tree_for_each(groups: Path) -> None:
    version_1(groups, "cpu", "memory", "pids", "freezer")
    (groups / "a-file").touch()
    names = ("cpu", "memory", "pids", "freezer")
    assert host.cgroup_controllers() == {name: groups / name for name in names}


def test_a_docker_command_without_a_daemon_counts_as_absent(only_programs: Programs) -> None:
    only_programs.put("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    assert host.container_engine() is None
    only_programs.put("podman")
    assert host.container_engine() == "podman"
    only_programs.put("docker")
    assert host.container_engine() == "docker"
    assert only_programs.calls("docker") == ["info"] * 3


def test_a_machine_that_cannot_is_told_in_one_sentence_what_is_missing_and_what_still_works(unfit: Programs) -> None:
    with pytest.raises(HostUnfit) as refusal:
        host.require("node")
    assert str(refusal.value) == (
        "A cluster with real nodes needs root here, or a container engine that answers, with kind; "
        "`make test` still runs the tiers units, api and control, which need neither."
    )


def test_an_engine_without_kind_is_told_to_need_kind(unfit: Programs) -> None:
    unfit.put("docker")
    assert host.choose_backend("node") == "processes"
    with pytest.raises(HostUnfit, match="needs root here, or kind, which docker would run;"):
        host.require("node")


def test_kind_runs_the_nodes_where_plain_processes_cannot(unfit: Programs) -> None:
    unfit.put("docker")
    unfit.put("kind")
    assert isinstance(choose_cluster("test"), KindCluster)
    assert isinstance(choose_cluster("test", "control"), ProcessCluster)
    assert isinstance(choose_cluster("test", backend="processes"), ProcessCluster)


def test_plain_processes_are_preferred_to_kind(fit: Programs) -> None:
    fit.put("docker")
    fit.put("kind")
    assert isinstance(choose_cluster("test"), ProcessCluster)
    assert isinstance(choose_cluster("test", backend="kind"), KindCluster)


def test_an_instance_keeps_the_backend_that_it_was_started_with(fit: Programs) -> None:
    (instance.state_root().parent / "kind" / f"plimsoll-{instance.identity_of('old')}").mkdir(parents=True)
    assert host.existing_backend("old") == "kind"
    assert isinstance(choose_cluster("old"), KindCluster)
    instance.create("test", "api")
    assert host.existing_backend("test") == "processes"
    assert host.existing_backend("none") is None


def test_a_machine_that_cannot_run_nodes_is_refused_by_up_before_anything_is_made(unfit: Programs) -> None:
    for backend in ("auto", "processes"):
        with pytest.raises(HostUnfit, match="needs root"):
            choose_cluster("test", backend=backend).up()
    assert instance.existing() == []


def test_a_machine_that_cannot_run_nodes_still_answers_the_other_verbs(unfit: Programs) -> None:
    cluster = choose_cluster("test")
    assert cluster.status().components == ()
    cluster.down()
    with pytest.raises(ClusterError, match="There is no cluster 'test'"):
        cluster.load([])
