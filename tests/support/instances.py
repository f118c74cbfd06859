"""Clusters that live as long as the tests that need them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from plimsoll.api import names
from plimsoll.api.crd import custom_resource_definition
from plimsoll.api.kinds import KINDS
from tests.support import engine_home, hosts
from tests.support.kube import Kube, Object
from tests.support.tiers import runnable_tiers
from tests.support.waiting import wait_until
from tools.cluster import build, open_cluster
from tools.cluster.cluster import ProcessCluster
from tools.cluster.errors import ClusterError
from tools.cluster.instance import identity_of, locked, state_root
from tools.cluster.process import ProcessTable
from tools.cluster.progress import Progress
from tools.engine.errors import EngineError
from tools.generate.definition import definition_text
from tools.sdists import Unreachable

# Made by a function, it belongs to the conftest that holds it, and so ends with that tier and not with the session.
Fixture = Any


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Whatever has to be built is built before the first test: where its progress is seen and no test pays for it."""
    try:
        for tier in runnable_tiers(session):
            if tier in hosts.WITH_CLUSTER:
                build.ensure(tier, Progress())
            elif tier == "runtime":
                engine_home.ensure()
    except (ClusterError, EngineError, Unreachable) as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.TESTS_FAILED)


@contextmanager
def running(name: str, shape: str, nodes: int = 1) -> Iterator[ProcessCluster]:
    """A cluster from now to the end of the block, also after a failure; PLIMSOLL_TEST_KEEP=1 keeps and reuses it."""
    cluster = open_cluster(name, shape=shape, nodes=nodes)
    keep = os.environ.get("PLIMSOLL_TEST_KEEP") == "1"
    # A second run in this checkout waits its turn: it would take the cluster away from under the first one.
    with locked(state_root() / f"{identity_of(name)}.tests"):
        if not keep:
            # A run that was killed could not take its cluster down.
            cluster.down()
        try:
            cluster.up()
            yield cluster
        finally:
            if not keep:
                cluster.down()


def shared_cluster(name: str, shape: str, nodes: int = 1) -> Fixture:
    """For the conftest of a tier: starts with the tier's first test that needs it and goes down after its last."""

    @pytest.fixture(scope="package")
    def cluster() -> Iterator[ProcessCluster]:
        with running(name, shape, nodes) as cluster:
            yield cluster

    return cluster


def shared_kube() -> Fixture:
    """For the conftest of a tier: the administrator's door to the tier's cluster."""

    @pytest.fixture(scope="package")
    def kube(cluster: ProcessCluster) -> Iterator[Kube]:
        kube = Kube(cluster.kubeconfig)
        yield kube
        kube.close()

    return kube


def shared_definition() -> Fixture:
    """For the conftest of a tier: every kind of ours is served; yields the definition of ModelConfig."""

    @pytest.fixture(scope="package")
    def definition(cluster: ProcessCluster, kube: Kube) -> Iterator[Object]:
        texts = "---\n".join(definition_text(kind) for kind in KINDS)
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=texts)
        targets = [custom_resource_definition(kind) for kind in KINDS]
        for target in targets:
            name = target["metadata"]["name"]
            kube.wait(target, lambda found: _says(found, "Established"), 30, f"{name} is established")
        wait_until(
            lambda: all(kube.serves(names.API_VERSION, kind.name) for kind in KINDS), 30, "every kind of ours is served"
        )
        yield kube.read(targets[0])
        for target in targets:
            kube.delete(target)
        for target in targets:
            # Its objects go with it, and the long form leaves thousands.
            kube.wait_gone(target, 120)

    return definition


def _says(definition: Object, condition: str) -> bool:
    return any(
        each["type"] == condition and each["status"] == "True"
        for each in definition.get("status", {}).get("conditions") or []
    )


def kill(cluster: ProcessCluster, component: str) -> None:
    """SIGKILL, as a crash or the kernel's memory killer would; only ever to the very process that was started."""
    process = ProcessTable(cluster.instance.records, cluster.instance.logs).get(component)
    assert process is not None, f"{component} was never started"
    assert process.alive(), f"{component} is dead already"
    process.signal(signal.SIGKILL)
