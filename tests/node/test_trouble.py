"""O-21: whatever goes wrong with a real pod of a model is told in its status within half a minute, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from plimsoll.api.reasons import Reason
from tests.support import objects, pods
from tests.support.kube import Kube
from tests.support.objects import Object
from tests.support.served_models import SECONDS, Model, told
from tools.cluster.cluster import ProcessCluster

# Until an engine that hangs has been ready for a moment.
_SERVES_FIRST = 20
_NOWHERE = "127.0.0.1:1/none:1"


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        pytest.param({"engine": {"image": _NOWHERE}}, Reason.IMAGE_PULL_FAILED, "connection refused", id="image"),
        pytest.param(
            {"engine": {"image": "UPPER:1"}}, Reason.IMAGE_PULL_FAILED, "must be lowercase", id="name-of-an-image"
        ),
        pytest.param(told("engine", "eat-memory"), Reason.OUT_OF_MEMORY, "engine: the kernel", id="memory"),
        pytest.param(told("fetch", "eat-memory"), Reason.OUT_OF_MEMORY, "fetch: the kernel", id="memory-of-fetch"),
        pytest.param(
            {"hardware": {"profile": "gpu"}}, Reason.UNSCHEDULABLE, "Insufficient nvidia.com/gpu", id="unschedulable"
        ),
        pytest.param(
            {"resources": {"requests": {"memory": "1Ti"}, "limits": {"memory": "1Ti"}}},
            Reason.UNSCHEDULABLE,
            "Insufficient memory",
            id="unschedulable-memory",
        ),
        pytest.param(told("fetch", "end=DownloadFailed"), Reason.DOWNLOAD_FAILED, "container fetch", id="download"),
        pytest.param(told("fetch", "end=ChecksumMismatch"), Reason.CHECKSUM_MISMATCH, "container fetch", id="checksum"),
        pytest.param(told("engine", "crash"), Reason.CRASH_LOOP, "RuntimeError: the test engine", id="crash-loop"),
        pytest.param(told("engine", "exit=0"), Reason.CRASH_LOOP, "exit code 0", id="end-without-a-reason"),
        pytest.param(told("engine", "end=DriverMissing"), Reason.DRIVER_MISSING, "container engine", id="driver"),
        pytest.param(
            {"podTemplate": {"spec": {"priorityClassName": "nobody"}}},
            Reason.ADMISSION_REFUSED,
            "no PriorityClass with name nobody was found",
            id="admission",
        ),
    ],
)
def test_o21_trouble_of_a_pod_is_named_within_half_a_minute(
    model: Callable[[Object], Model], change: Object, reason: Reason, words: str
) -> None:
    found = model(change).named()
    assert found.reason is reason
    assert words in found.message


@pytest.mark.long
def test_o21_an_engine_that_stops_answering_is_named_within_half_a_minute(model: Callable[[Object], Model]) -> None:
    hanging = model(told("engine", f"hang-after={_SERVES_FIRST}"))
    hanging.ready()
    found = hanging.named(_SERVES_FIRST + SECONDS)
    assert found.reason is Reason.PROBE_FAILED
    assert "container engine" in found.message


@pytest.fixture
def quota(kube: Kube, served: str) -> Iterator[str]:
    """One that has no room for a single pod."""
    limits = {"metadata": {"name": "small", "namespace": served}, "spec": {"hard": {"limits.memory": "16Mi"}}}
    quota = kube.create({"apiVersion": "v1", "kind": "ResourceQuota", **limits})
    yield "small"
    kube.delete(quota)


def test_o21_a_quota_without_room_for_the_pod_is_named(model: Callable[[Object], Model], quota: str) -> None:
    found = model({}).named()
    assert found.reason is Reason.QUOTA_EXCEEDED
    assert f"exceeded quota: {quota}" in found.message


def test_o21_a_claim_that_is_not_there_is_named(model: Callable[[Object], Model]) -> None:
    source = {"http": None, "sha256": None, "pvc": {"claimName": "nobody", "path": "tiny.gguf"}}
    found = model({"source": source}).named()
    assert found.reason is Reason.CLAIM_MISSING
    assert "nobody" in found.message


def test_o21_weights_that_are_not_there_are_named(model: Callable[[Object], Model], weights: str) -> None:
    source = {"http": {"url": weights.replace("tiny", "nobody")}}
    found = model({"source": source}).named()
    assert found.reason is Reason.SOURCE_NOT_FOUND


def test_a_model_on_its_way_is_no_trouble_and_answers_in_the_end(
    cluster: ProcessCluster, kube: Kube, served: str, image: str, model: Callable[[Object], Model]
) -> None:
    loading = model(told("engine", "ready-after=3"))
    loading.ready()
    assert Reason.LOADING in loading.stages
    caller = pods.start(kube, objects.pod(served, "caller", image, ["sleep"]))
    name = loading.config["metadata"]["name"]
    assert f'"id": "{name}"' in pods.call(cluster, caller, f"http://{name}:8080/v1/models")
