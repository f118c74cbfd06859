"""A model that serves keeps serving, whatever happens to the revision that comes after it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from plimsoll.api.reasons import Reason
from tests.support import objects, pods
from tests.support.kube import Kube
from tests.support.objects import Object
from tests.support.served_models import SECONDS, Model, told
from tools.cluster.cluster import ProcessCluster

_REQUESTS = 1000
# As long as it takes to notice that an image cannot be pulled, and to go back.
_LEAST_SECONDS = 40
_CALLS = """
import json, sys, time, urllib.request
url, count, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
body = json.dumps({"prompt": "ahoy", "max_tokens": 1}).encode()
failed = []
# A node hears of a new Service a moment after its pod is ready.
until = time.monotonic() + 30
while time.monotonic() < until:
    try:
        urllib.request.urlopen(urllib.request.Request(sys.argv[1].rpartition("/v1")[0] + "/ready"), timeout=5).close()
        break
    except OSError:
        time.sleep(0.1)
print("calling", flush=True)
began = time.monotonic()
for number in range(count):
    time.sleep(max(0, began + number * seconds / count - time.monotonic()))
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=10) as answer:
            json.load(answer)["choices"]
    except Exception as error:
        failed.append(repr(error))
print(count - len(failed), "answered", len(failed), "failed", failed[:3], flush=True)
"""


def _caller(kube: Kube, model: Model, image: str) -> Object:
    """A pod that calls the Service of a model at an even pace, begun."""
    metadata = model.config["metadata"]
    url = f"http://{metadata['name']}:8080/v1/completions"
    wanted = objects.pod(metadata["namespace"], f"caller-{metadata['name']}", image)
    container = wanted["spec"]["containers"][0]
    container["command"] = ["python3", "-c", _CALLS, url, str(_REQUESTS), str(_LEAST_SECONDS)]
    wanted["spec"]["restartPolicy"] = "Never"
    kube.create(wanted)
    return kube.wait(wanted, lambda found: pods.phase(found) == "Running", SECONDS, "the calls begin")


@pytest.mark.long
def test_a_bad_image_fails_no_request_of_a_thousand_and_going_back_needs_no_new_pod(
    cluster: ProcessCluster, kube: Kube, engine: str, model: Callable[[Object], Model]
) -> None:
    serving = model({})
    serving.ready()
    before = serving.pods()
    caller = _caller(kube, serving, engine)
    serving.change({"engine": {"image": "127.0.0.1:1/none:1"}})
    found = serving.named()
    assert found.reason is Reason.IMAGE_PULL_FAILED
    assert "Revision 1 keeps serving" in found.message
    assert serving.condition("Available")["status"] == "True"
    serving.go_back()
    serving.ready()
    serving.rests()
    ended = kube.wait(caller, lambda each: pods.phase(each) == "Succeeded", 2 * _LEAST_SECONDS, "the calls end")
    assert f"{_REQUESTS} answered 0 failed" in pods.logs(cluster, ended)
    assert [pod["metadata"]["uid"] for pod in serving.pods()] == [pod["metadata"]["uid"] for pod in before]


@pytest.mark.long
def test_a_new_revision_takes_over_without_a_failed_request(
    cluster: ProcessCluster, kube: Kube, engine: str, model: Callable[[Object], Model]
) -> None:
    serving = model({"podTemplate": {"spec": {"terminationGracePeriodSeconds": 15}}})
    serving.ready()
    caller = _caller(kube, serving, engine)
    serving.change({"context": 1024})
    serving.ready()
    serving.rests()
    ended = kube.wait(caller, lambda each: pods.phase(each) == "Succeeded", 2 * _LEAST_SECONDS, "the calls end")
    assert f"{_REQUESTS} answered 0 failed" in pods.logs(cluster, ended)
    assert serving.condition("Ready")["reason"] == Reason.SERVING


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"hardware": {"profile": "gpu"}}, id="unschedulable"),
        pytest.param({"engine": {"image": "UPPER:1"}}, id="image"),
        pytest.param(told("engine", "end=ModelUnsupported"), id="model"),
    ],
)
def test_o03_from_good_to_bad_to_good_a_model_recovers_by_itself(model: Callable[[Object], Model], bad: Object) -> None:
    serving = model({})
    serving.ready()
    serving.change(bad)
    serving.named()
    assert serving.condition("Available")["status"] == "True"
    serving.go_back()
    serving.ready()
    serving.rests()
