"""What `up` waits for, and what it says when that never comes."""

import datetime
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.waiting import wait_until
from tests.units.cluster.conftest import Programs, Told
from tools.cluster import bringup, instance, node
from tools.cluster.bringup import Bringup, load_into, name_by_digest, node_readiness, nodes_of
from tools.cluster.cache import Cache
from tools.cluster.errors import ClusterError, ComponentFailed
from tools.cluster.kubectl import Kubectl
from tools.cluster.node import Node
from tools.cluster.process import Order, Process, ProcessTable


@pytest.fixture
def steps(programs: Programs, told: Told) -> Iterator[Bringup]:
    here = instance.create("test", "api")
    table = ProcessTable(here.records, here.logs)
    kubectl = Kubectl(programs.put("kubectl"), here.kubeconfig)
    yield Bringup(here, Cache.of("key"), table, kubectl, told)
    for process in table.all():
        table.stop(process, patience=10)


def test_a_component_that_ended_is_named_with_its_log_whoever_was_waited_for(
    steps: Bringup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bringup, "_PATIENCE", 0.0)
    ended = steps.processes.start(Order("etcd", ["/bin/sh", "-c", "echo panic: no disk"]))
    steps.processes.start(Order("kube-apiserver", ["/bin/sleep", "60"]))

    def never() -> bool:
        wait_until(lambda: not ended.alive(), 10, "etcd has ended")
        return False

    with pytest.raises(ComponentFailed) as failure:
        steps._await("etcd", never)
    assert str(failure.value) == f"etcd: ended. Its log: {steps.processes.log('etcd')}\npanic: no disk"


def test_a_component_that_never_becomes_ready_is_named(steps: Bringup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bringup, "_PATIENCE", 0.0)
    steps.processes.start(Order("etcd", ["/bin/sleep", "60"]))
    with pytest.raises(ComponentFailed, match=r"^etcd: is not ready after 0 s. Its log: .*etcd\.log"):
        steps._await("etcd", lambda: False)


def test_one_that_ends_just_after_it_was_ready_is_named_and_not_who_needs_it(steps: Bringup) -> None:
    etcd = steps.processes.start(Order("etcd", ["/bin/sleep", "60"]))
    steps._await("etcd", lambda: True)
    etcd.signal(signal.SIGKILL)
    wait_until(lambda: not etcd.alive(), 10, "etcd has ended")
    steps.processes.start(Order("kube-apiserver", ["/bin/sleep", "60"]))
    with pytest.raises(ComponentFailed, match="etcd: ended"):
        steps._await("kube-apiserver", lambda: False)


def test_who_has_no_space_is_named_and_not_who_ended_for_it(steps: Bringup) -> None:
    etcd = steps.processes.start(Order("etcd", ["/bin/sh", "-c", "echo write: No space left on device; sleep 60"]))
    wait_until(lambda: "space" in steps.processes.said(etcd), 10, "etcd has complained")
    steps.processes.start(Order("kube-apiserver", ["/bin/false"]))
    with pytest.raises(ComponentFailed, match=r"^etcd: has no space left on its disk; free some .*etcd\.log"):
        steps._await("kube-apiserver", lambda: False)


def test_a_disk_that_was_full_before_the_last_start_is_not_blamed_again(steps: Bringup) -> None:
    first = steps.processes.start(Order("etcd", ["/bin/sh", "-c", "echo no space left on device"]))
    wait_until(lambda: not first.alive(), 10, "it has ended")
    steps.processes.start(Order("etcd", ["/bin/sh", "-c", "echo another trouble"]))
    with pytest.raises(ComponentFailed, match=r"^etcd: ended"):
        steps._await("etcd", lambda: False)


def test_one_that_was_dead_before_does_not_disturb_the_repair_of_another(steps: Bringup) -> None:
    dead = steps.processes.start(Order("kube-scheduler", ["/bin/true"]))
    wait_until(lambda: not dead.alive(), 10, "it has ended")
    steps.processes.start(Order("etcd", ["/bin/sleep", "60"]))
    steps._await("etcd", lambda: True)


def test_a_first_up_on_a_taken_port_starts_nothing(steps: Bringup, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(component: str, *_: object) -> None:
        raise ComponentFailed(component, "cannot listen", "log")

    monkeypatch.setattr("tools.cluster.control_plane.require_free", taken)
    with pytest.raises(ComponentFailed, match="etcd: cannot listen"):
        steps.run(1, datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC))
    assert steps.processes.all() == []


def listed(**ready: str) -> str:
    items = [
        {"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": status}]}}
        for name, status in ready.items()
    ]
    items.append({"metadata": {"name": "new"}, "status": {}})
    return json.dumps({"items": items})


def test_a_node_is_ready_when_it_says_so_itself(programs: Programs, tmp_path: Path) -> None:
    (tmp_path / "nodes").write_text(listed(one="True", two="False", three="Unknown"))
    kubectl = Kubectl(programs.put("kubectl", f"cat {tmp_path}/nodes"), tmp_path / "kubeconfig")
    assert node_readiness(kubectl) == {"one": True, "two": False, "three": False, "new": False}


def test_an_api_that_does_not_answer_knows_no_nodes(programs: Programs, tmp_path: Path) -> None:
    kubectl = Kubectl(programs.put("kubectl", "echo refused >&2; exit 1"), tmp_path / "kubeconfig")
    assert node_readiness(kubectl) == {}
    assert not kubectl.ready()


def test_the_nodes_of_an_instance_are_those_that_have_a_folder(steps: Bringup) -> None:
    for number in (3, 1):
        (steps.instance.folder / f"node-{number}").mkdir()
    assert [each.number for each in nodes_of(steps.instance)] == [1, 3]


def test_images_for_a_node_that_does_not_run_are_refused_with_the_way_out(steps: Bringup) -> None:
    with pytest.raises(ClusterError, match=r"node-1 is not running: `up` repairs it"):
        load_into(Node(steps.instance, 1), steps.processes, [Path("image.tar")])


def test_what_was_imported_may_be_named_by_its_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = (
        "REF                TYPE         DIGEST      SIZE    PLATFORMS   LABELS\n"
        "localhost/a/new:1  application  sha256:11   3 MiB   linux/amd64 -\n"
        "localhost/a/old:1  application  sha256:22   3 MiB   linux/amd64 -\n"
        "localhost/a/old@sha256:22  application  sha256:22   3 MiB   linux/amd64 -\n"
        "sha256:33          application  sha256:11   3 MiB   linux/amd64 -\n"
    )
    asked: list[tuple[str, ...]] = []

    def ctr(_init: Process, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        asked.append(arguments)
        return subprocess.CompletedProcess(arguments, 0, listed.encode(), b"")

    monkeypatch.setattr(node, "ctr", ctr)
    name_by_digest(Process("node-1-init", 1, ""))
    assert asked[1:] == [("images", "tag", "localhost/a/new:1", "localhost/a/new@sha256:11")]


def test_no_command_of_a_cluster_reads_the_users_kubeconfig(
    programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "of-the-user"))
    kubectl = Kubectl(programs.put("kubectl", 'echo "[$KUBECONFIG]"'), tmp_path / "kubeconfig")
    assert kubectl("get", "pods") == "[]\n"
    assert programs.calls("kubectl")[0].startswith(f"--kubeconfig={tmp_path}/kubeconfig --cache-dir={tmp_path}/")
