"""What breaks is named, the next `up` repairs it, and `down` leaves the host as it was."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import objects, pods
from tests.support.instances import kill, running
from tests.support.kube import Kube
from tests.support.waiting import wait_until
from tests.support.world import World, look
from tools.cluster import instance, open_cluster
from tools.cluster.cluster import ProcessCluster
from tools.cluster.errors import ComponentFailed

NAME = "test-faults"
FULL = "test-full"
COMPONENTS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "node-1-containerd",
    "node-1-kubelet",
    "node-1-kube-proxy",
    "node-1-init",
)
_STEPS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "1 node")
_SECONDS = 30


@dataclass(frozen=True)
class Victim:
    """A cluster of its own for these tests, and the host as it was without it."""

    cluster: ProcessCluster
    before: World


@pytest.fixture(scope="module")
def instance_of_its_own() -> Iterator[Victim]:
    open_cluster(NAME).down()
    before = look(instance.identity_of(NAME))
    with running(NAME, shape="node") as cluster:
        yield Victim(cluster, before)


@pytest.fixture
def victim(instance_of_its_own: Victim) -> Victim:
    """Whole, whatever the test before has broken."""
    instance_of_its_own.cluster.up()
    return instance_of_its_own


def _serves_a_new_pod(cluster: ProcessCluster) -> None:
    """A pod is admitted, placed, started, named and reached: every component had its part in it."""
    name = f"proof-{secrets.token_hex(3)}"
    with closing(Kube(cluster.kubeconfig)) as kube:
        kube.create(objects.namespace(name))
        wait_until(lambda: kube.find(objects.service_account(name)), _SECONDS, f"the service account of {name}")
        kube.create(objects.service(name, "web"))
        pods.start_replicas(kube, objects.deployment(name, "web", cluster.probe_image, replicas=1))
        caller = pods.caller(kube, name, cluster.probe_image)
        assert pods.call(cluster, caller, "http://web/").startswith("web-")
        kube.delete(objects.namespace(name))


def test_status_shows_exactly_the_components_that_these_tests_kill(victim: Victim) -> None:
    assert {each.name for each in victim.cluster.status().components} == set(COMPONENTS)


@pytest.mark.long
@pytest.mark.kill_points("component", COMPONENTS, short=3)
def test_a_killed_component_is_named_by_status_and_repaired_by_up(victim: Victim, component: str) -> None:
    kill(victim.cluster, component)
    log = victim.cluster.run_folder / "log" / f"{component}.log"

    def named() -> bool:
        return any(component in told and str(log) in told for told in victim.cluster.status().problems)

    wait_until(named, _SECONDS, f"status names {component} and its log")
    assert log.exists()
    victim.cluster.up()
    assert victim.cluster.status().healthy
    _serves_a_new_pod(victim.cluster)


@pytest.mark.long
def test_a_whole_node_that_was_killed_comes_back_with_its_pods(victim: Victim) -> None:
    name = f"crew-{secrets.token_hex(3)}"
    with closing(Kube(victim.cluster.kubeconfig)) as kube:
        kube.create(objects.namespace(name))
        wait_until(lambda: kube.find(objects.service_account(name)), _SECONDS, f"the service account of {name}")
        wanted = objects.deployment(name, "web", victim.cluster.probe_image, replicas=2)
        pods.start_replicas(kube, wanted)
        kill(victim.cluster, "node-1-init")
        dead = [each for each in COMPONENTS if each.startswith("node-1-")]
        wait_until(lambda: _not_running(victim.cluster) == dead, _SECONDS, "status names every part of the node")
        victim.cluster.up()
        caller = pods.caller(kube, name, victim.cluster.probe_image)
        address = pods.ready_replicas(kube, wanted)[0]["status"]["podIP"]
        assert pods.call(victim.cluster, caller, f"http://{address}:8080/").startswith("web-")
        kube.delete(objects.namespace(name))


def _not_running(cluster: ProcessCluster) -> list[str]:
    order = {name: place for place, name in enumerate(COMPONENTS)}
    return sorted((each.name for each in cluster.status().components if not each.running), key=order.__getitem__)


def test_up_on_a_running_cluster_starts_nothing(victim: Victim) -> None:
    before = {each.name: each.pid for each in victim.cluster.status().components}
    victim.cluster.up()
    assert {each.name: each.pid for each in victim.cluster.status().components} == before


@pytest.mark.long
@pytest.mark.kill_points("step", _STEPS, short=1)
def test_an_up_that_was_killed_halfway_is_finished_by_the_next(victim: Victim, step: str) -> None:
    victim.cluster.down()
    command = [sys.executable, "-m", "tools.cluster", "up", "--name", NAME, "--shape", "node"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as starting:
        assert starting.stderr is not None
        said = next((line for line in starting.stderr if f" {step} (" in line), None)
        starting.kill()
    assert said is not None, f"`up` never said that {step} is done"
    victim.cluster.up()
    assert victim.cluster.status().healthy
    _serves_a_new_pod(victim.cluster)


@pytest.mark.long
@pytest.mark.parametrize("crash", [False, True], ids=["in-order", "after-everything-crashed"])
def test_down_leaves_nothing_on_the_host(victim: Victim, crash: bool) -> None:
    _serves_a_new_pod(victim.cluster)
    folder = victim.cluster.run_folder
    if crash:
        for component in reversed(COMPONENTS[:4]):
            kill(victim.cluster, component)
        kill(victim.cluster, "node-1-init")
    victim.cluster.down()
    left: list[str] = []

    def nothing_left() -> bool:
        left[:] = look(folder.name).left_since(victim.before)
        return not left

    # The kernel takes emptied namespaces and their links apart a moment after the last process ended.
    wait_until(nothing_left, _SECONDS, lambda: "nothing is left; still there:\n" + "\n".join(left))
    assert not folder.exists()


def test_a_user_without_root_is_told_so_in_one_sentence_that_names_what_still_works(tmp_path: Path) -> None:
    # The capability only lets this user read the checkout wherever it lies.
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    readable = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(tmp_path)}
    command = [*nobody, *readable, sys.executable, "-B", "-m", "tools.cluster", "up", "--name", "test-nobody"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert "needs root" in sentence
    assert "units, api and control" in sentence
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """The folder of etcd's data, on a disk of 16 MiB, for an instance that is not up yet."""
    open_cluster(FULL).down()
    data = instance.create(FULL, "api").folder / "etcd"
    data.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=0700", "tmpfs", str(data)], check=True)
    yield data
    subprocess.run(["umount", "--lazy", str(data)], check=True)
    open_cluster(FULL).down()


def test_a_full_disk_names_the_component_and_room_is_all_it_needs(small_disk: Path) -> None:
    cluster = open_cluster(FULL, shape="api")
    with pytest.raises(ComponentFailed, match=r"etcd: .*etcd\.log"):
        cluster.up()
    assert "no space left on device" in cluster.logs("etcd", lines=200)
    subprocess.run(["mount", "-o", "remount,size=1g", str(small_disk)], check=True)
    cluster.up()
    assert cluster.status().healthy
