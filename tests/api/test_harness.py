"""The harness of the fault tests, held against a real API server and the smallest of operators."""

from __future__ import annotations

import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import objects, world_differ
from tests.support.api_calls import watches_of, writes_of
from tests.support.api_faults import Answer, Fault
from tests.support.api_proxy import ApiProxy
from tests.support.audit import Audit, returns
from tests.support.canaries import Canaries, Leaks
from tests.support.crash_runner import KillPoint, kill_points, run_killed
from tests.support.kube import Kube, RefusedError
from tests.support.operator_process import OperatorProcess, Ports, free_ports
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster

PARTS = 3


@pytest.fixture
def proxy(cluster: ProcessCluster, tmp_path: Path) -> Iterator[ApiProxy]:
    with ApiProxy(cluster.kubeconfig, tmp_path) as proxy:
        yield proxy


@pytest.fixture
def toy(proxy: ApiProxy, namespace: str, tmp_path: Path) -> Iterator[OperatorProcess]:
    port = free_ports().health
    arguments = [str(proxy.kubeconfig), namespace, str(PARTS), str(port)]
    toy = OperatorProcess(
        [sys.executable, "-m", "tests.support.toy_operator", *arguments], Ports(port, port), tmp_path, "toy"
    )
    yield toy
    toy.kill()


def _part(namespace: str, number: int) -> objects.Object:
    return objects.config_map(namespace, f"part-{number}")


def _settled(kube: Kube, toy: OperatorProcess, namespace: str) -> Callable[[], None]:
    def settle() -> None:
        for number in range(PARTS):
            kube.wait(_part(namespace, number), lambda _: True, 20, f"part {number}")
        toy.wait_ready()

    return settle


def test_a_real_client_works_through_the_proxy(proxy: ApiProxy, kube: Kube, namespace: str) -> None:
    through = Kube(proxy.kubeconfig)
    through.create(objects.config_map(namespace, "chart", sea="north"), manager="mate")
    assert kube.read(objects.config_map(namespace, "chart"))["data"] == {"sea": "north"}
    (entry,) = proxy.journal.writes()
    assert (entry.call.resource, entry.call.name, entry.call.manager) == ("configmaps", "chart", "mate")
    proxy.faults.add(Fault(writes_of("configmaps"), Answer(409)))
    with pytest.raises(RefusedError) as refusal:
        through.create(objects.config_map(namespace, "second"))
    assert (refusal.value.status, refusal.value.reason) == (409, "Conflict")
    through.close()


def test_a_real_watch_passes_and_can_be_frozen(
    cluster: ProcessCluster, proxy: ApiProxy, kube: Kube, namespace: str
) -> None:
    seen: list[bytes] = []
    url = f"{proxy.url}/api/v1/namespaces/{namespace}/configmaps?watch=true"

    def listen() -> None:
        with urllib.request.urlopen(url) as stream:
            seen.extend(stream)

    listener = threading.Thread(target=listen)
    listener.start()
    wait_until(lambda: proxy.open_watches(watches_of("configmaps")), 5, "the watch is open")
    kube.create(objects.config_map(namespace, "one"))
    wait_until(lambda: len(seen) == 1, 5, "the first event")
    proxy.freeze_watches()
    kube.create(objects.config_map(namespace, "two"))
    wait_until(lambda: len(proxy.events()) == 2, 5, "the proxy knows the second")
    assert len(seen) == 1
    proxy.thaw_watches()
    proxy.expire_watches()
    listener.join(5)
    assert [b'"two"' in line for line in seen] == [False, True, False]


@pytest.mark.kill_points("point", kill_points(PARTS), short=6)
def test_killed_at_any_write_the_world_ends_the_same(
    kube: Kube, toy: OperatorProcess, proxy: ApiProxy, namespace: str, point: KillPoint
) -> None:
    assert run_killed(toy, proxy, point, _settled(kube, toy, namespace))
    # A write that was done is not done again; one that was not, is.
    done = [entry for entry in proxy.journal.writes() if entry.status]
    assert len(done) == PARTS
    killed = world_differ.look(kube, namespace)
    other = kube.create(objects.namespace(f"{namespace}-p"))["metadata"]["name"]
    for number in range(PARTS):
        kube.apply({**_part(other, number), "data": {"written": "yes"}}, manager="toy")
    assert killed.differences(world_differ.look(kube, other)) == []


def test_two_processes_of_one_user_are_told_apart_in_the_audit_log(
    cluster: ProcessCluster, kube: Kube, namespace: str, audit: Audit, tmp_path: Path
) -> None:
    for name in ("first", "second", "first"):
        with ApiProxy(cluster.kubeconfig, tmp_path, name=name) as proxy:
            through = Kube(proxy.kubeconfig)
            through.create(objects.config_map(namespace, f"{name}-{proxy.url[-4:]}"))
            through.close()
    (told,) = returns(audit.writes(namespace=namespace))
    assert "(first)" in told


def test_calls_in_the_name_of_a_user_have_the_rights_of_this_user(
    cluster: ProcessCluster, kube: Kube, namespace: str, tmp_path: Path
) -> None:
    with ApiProxy(cluster.kubeconfig, tmp_path, user="stowaway") as proxy:
        through = Kube(proxy.kubeconfig)
        with pytest.raises(RefusedError) as refusal:
            through.read(objects.config_map(namespace, "chart"))
        through.close()
    assert 'User "stowaway" cannot get' in refusal.value.message


def test_a_secret_in_any_object_but_a_secret_is_a_leak(kube: Kube, namespace: str, tmp_path: Path) -> None:
    canaries = Canaries()
    kept = canaries.plant()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": namespace}}
    kube.create({**secret, "stringData": {"token": kept}})
    canaries.check(tmp_path, [], kube, namespace)
    kube.create(objects.config_map(namespace, "open", token=kept))
    with pytest.raises(Leaks, match="ConfigMap open"):
        canaries.check(tmp_path, [], kube, namespace)
