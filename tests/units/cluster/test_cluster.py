"""A cluster of processes by its run folder alone: found, told about and ended, with real programs in the roles."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.support.waiting import wait_until
from tests.units.cluster.conftest import Told
from tools.cluster import cluster as cluster_module
from tools.cluster import instance
from tools.cluster.cluster import ProcessCluster
from tools.cluster.errors import ClusterError
from tools.cluster.instance import Instance
from tools.cluster.process import Order, ProcessTable


@pytest.fixture
def here() -> Instance:
    return instance.create("test", "api")


@pytest.fixture
def table(here: Instance) -> Iterator[ProcessTable]:
    made = ProcessTable(here.records, here.logs)
    yield made
    for process in made.all():
        made.stop(process, patience=10)


@pytest.fixture
def cluster(told: Told) -> ProcessCluster:
    return ProcessCluster("test", "api", progress=told)


def play(table: ProcessTable, component: str, notes: Path) -> None:
    """Something that notes when it is asked to end."""
    script = f"trap 'echo {component} >> {notes}; exit' TERM; echo ready; while :; do sleep 0.02; done"
    table.start(Order(component, ["/bin/sh", "-c", script]))
    wait_until(lambda: "ready" in table.tail(component, 1), 10, f"{component} listens to signals")


@pytest.mark.parametrize("name", ["Test", "", "a" * 21])
def test_an_impossible_name_is_refused_at_once(name: str) -> None:
    with pytest.raises(ClusterError, match="cannot name a cluster"):
        ProcessCluster(name)


def test_a_cluster_that_is_not_there_says_how_to_start_it(cluster: ProcessCluster, told: Told) -> None:
    for ask in (lambda: cluster.kubeconfig, lambda: cluster.run_folder, lambda: cluster.audit_log, cluster.logs):
        with pytest.raises(ClusterError, match=r"no cluster 'test'; `make cluster CLUSTER=test` starts it"):
            ask()
    assert cluster.status().components == ()
    cluster.down()
    assert told.said == ["test is not up"]


def test_a_cluster_of_a_deleted_checkout_is_taken_down_by_its_full_identity(told: Told) -> None:
    name = "a-rather-long-name"
    foreign = Instance(name, instance.identity_of(name, Path("/deleted")), 7, "api")
    for folder in (foreign.logs, foreign.records):
        folder.mkdir(parents=True)
    (foreign.folder / "instance.json").write_text(json.dumps(asdict(foreign)))
    ProcessCluster(foreign.identity, progress=told).down()
    assert not foreign.folder.exists()


def test_a_cluster_that_was_never_up_completely_says_how_to_go_on(here: Instance, cluster: ProcessCluster) -> None:
    with pytest.raises(ClusterError, match=r"never up completely; `make cluster CLUSTER=test` goes on"):
        cluster.kubectl("get", "pods")


def test_status_names_what_does_not_run_with_its_log(
    cluster: ProcessCluster, table: ProcessTable, tmp_path: Path
) -> None:
    play(table, "etcd", tmp_path / "notes")
    status = cluster.status()
    assert [(each.name, each.running) for each in status.components] == [("etcd", True), ("kube-apiserver", False)]
    assert status.problems == [
        f"kube-apiserver is not running; its log: {table.log('kube-apiserver')}; `up` repairs",
    ]
    assert status.components[0].memory_bytes > 0
    assert not status.healthy


def test_another_shape_needs_another_name_or_a_down(here: Instance, told: Told) -> None:
    with pytest.raises(ClusterError, match="test is up in the api shape"):
        ProcessCluster("test", "control", progress=told).up()


def test_images_cannot_be_loaded_where_no_pod_runs(here: Instance, cluster: ProcessCluster) -> None:
    with pytest.raises(ClusterError, match="test has no nodes"):
        cluster.load([Path("image.tar")])


def test_down_ends_in_the_reverse_order_of_the_start_and_leaves_nothing(
    here: Instance, cluster: ProcessCluster, table: ProcessTable, tmp_path: Path, told: Told
) -> None:
    notes = tmp_path / "notes"
    for component in ("etcd", "kube-apiserver"):
        play(table, component, notes)
    processes = table.all()
    cluster.down()
    assert notes.read_text().split() == ["kube-apiserver", "etcd"]
    assert not any(process.alive() for process in processes)
    assert not here.folder.exists()
    cluster.down()
    assert told.said == ["test is down", "test is not up"]


def test_down_after_a_crash_signals_nobody_who_got_the_pid(
    here: Instance, cluster: ProcessCluster, table: ProcessTable
) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        forged = {"component": "etcd", "pid": stranger.pid, "born": "1"}
        (here.records / "etcd.json").write_text(json.dumps(forged))
        cluster.down()
        assert not here.folder.exists()
        stranger.send_signal(2)
        assert stranger.wait(10) == -2


def test_a_run_folder_with_something_mounted_in_it_is_not_removed(
    here: Instance, cluster: ProcessCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Path.read_text
    line = f"36 35 98:0 / {here.folder}/volume rw - ext4 /dev/sda1 rw\n"
    monkeypatch.setattr(Path, "read_text", lambda path: line if path.name == "mountinfo" else read(path))
    with pytest.raises(ClusterError, match=rf"{here.folder}/volume is mounted inside .*: unmount it"):
        cluster.down()
    assert here.folder.exists()
    monkeypatch.setattr(Path, "read_text", lambda path: "" if path.name == "mountinfo" else read(path))
    cluster.down()
    assert not here.folder.exists()


def test_logs_are_the_end_of_one_or_of_all(here: Instance, cluster: ProcessCluster) -> None:
    (here.logs / "etcd.log").write_text("one\ntwo\n")
    (here.logs / "kube-apiserver.log").write_text("three\n")
    assert cluster.logs("etcd", lines=1) == "two"
    assert cluster.logs(lines=1) == "==> etcd <==\ntwo\n==> kube-apiserver <==\nthree"
    with pytest.raises(ClusterError, match="'helm' has no log in test; there are: etcd, kube-apiserver"):
        cluster.logs("helm")


def test_binaries_of_an_older_recipe_are_noted(
    here: Instance, cluster: ProcessCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "key", lambda: "new")
    (here.folder / "recipe").write_text("new")
    assert cluster.status().notes == []
    (here.folder / "recipe").write_text("old")
    assert cluster.status().notes == ["It runs binaries of an older recipe: `down` and `up` takes the new ones."]
