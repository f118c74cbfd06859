"""Clusters that live as long as the tests that need them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.tiers import runnable_tiers
from tools.cluster import build, open_cluster
from tools.cluster.cluster import ProcessCluster
from tools.cluster.errors import ClusterError
from tools.cluster.process import ProcessTable
from tools.cluster.progress import Progress


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Whatever has to be built is built before the first test: where its progress is seen and no test pays for it."""
    try:
        for tier in runnable_tiers(session):
            if tier != "units":
                build.ensure(tier, Progress())
    except ClusterError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.TESTS_FAILED)


@contextmanager
def running(name: str, shape: str, nodes: int = 1) -> Iterator[ProcessCluster]:
    """A cluster from now to the end of the block, also after a failure; PLIMSOLL_TEST_KEEP=1 keeps and reuses it."""
    cluster = open_cluster(name, shape=shape, nodes=nodes)
    keep = os.environ.get("PLIMSOLL_TEST_KEEP") == "1"
    if not keep:
        # A run that was killed could not take its cluster down.
        cluster.down()
    try:
        cluster.up()
        yield cluster
    finally:
        if not keep:
            cluster.down()


def kill(cluster: ProcessCluster, component: str) -> None:
    """SIGKILL, as a crash or the kernel's memory killer would; only ever to the very process that was started."""
    process = ProcessTable(cluster.instance.records, cluster.instance.logs).get(component)
    assert process is not None, f"{component} was never started"
    assert process.alive(), f"{component} is dead already"
    process.signal(signal.SIGKILL)
