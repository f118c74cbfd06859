"""What a test of a tier with a cluster gets: a namespace of its own and the audit log from its start."""

from __future__ import annotations

import re
import secrets
from collections.abc import Generator, Iterator

import pytest

from tests.support import objects
from tests.support.audit import Audit
from tests.support.invariants import require_no_orphans
from tests.support.kube import Kube
from tests.support.tiers import tier_of
from tools.cluster.cluster import ProcessCluster

_START_SECONDS = 30
_TAIL = 20
_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture
def namespace(request: pytest.FixtureRequest, kube: Kube) -> Iterator[str]:
    """The name of a namespace that only this test uses and that enforces `restricted`."""
    wanted = objects.namespace(_name_for(request.node.originalname))
    name: str = kube.create(wanted)["metadata"]["name"]
    # The API server alone has nobody who makes service accounts, and nobody who empties a deleted namespace.
    alone = tier_of(request.node) == "api"
    if not alone:
        kube.wait(objects.service_account(name), lambda _: True, _START_SECONDS, f"the service account of {name}")
    yield name
    failed = request.node.stash.get(_FAILED, False)
    if failed:
        print(_story(kube, name))
    if alone:
        return
    try:
        # A test that failed has said already what is wrong.
        if not failed:
            require_no_orphans(kube, name)
    finally:
        kube.delete(wanted)


@pytest.fixture
def audit(cluster: ProcessCluster, kube: Kube) -> Audit:
    return Audit(cluster.audit_log, kube)


def _name_for(test: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", test.lower().removeprefix("test_"))[:40].strip("-")
    return f"{words}-{secrets.token_hex(3)}"


def _story(kube: Kube, namespace: str) -> str:
    """What a reader of a failed run wants to know first: the pods and the last events."""
    pods = [
        f"pod {pod['metadata']['name']}: {pod['status'].get('phase')} on {pod['spec'].get('nodeName', 'no node')}"
        for pod in kube.list("v1", "Pod", namespace)
    ]
    events = [
        f"{event['type']} {event['involvedObject']['kind']} {event['involvedObject']['name']}: {event['message']}"
        for event in kube.list("v1", "Event", namespace)
    ]
    return "\n".join([f"namespace {namespace}:", *pods, *events[-_TAIL:]])
