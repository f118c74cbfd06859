"""What a status and the Events tell of a model: what serves, what comes, who wanted it, and in which words."""

from __future__ import annotations

import pytest

from plimsoll.api import names
from plimsoll.api.normal import workload_hash
from plimsoll.api.reasons import Reason
from plimsoll.plan.observed import Object
from tests.support.model_configs import base, merged
from tests.support.one_model import (
    BROKEN,
    FIRST,
    PENDING,
    SECOND,
    edited,
    served,
)
from tests.support.simulated import Simulated


def test_a_status_tells_what_serves() -> None:
    world = served(merged(FIRST, {"scaling": {"replicas": 2}}))
    status, workload = world.status, workload_hash(FIRST)
    assert (status["replicas"], status["readyReplicas"]) == (2, 2)
    selector = f"{names.LABEL_MODELCONFIG}=chat,{names.LABEL_WORKLOAD}={names.short(workload)}"
    assert status["selector"] == selector
    assert (status["engine"], status["engineImage"], status["hardware"]) == (
        "llamacpp",
        "x.example.com/engine:good",
        "cpu",
    )
    assert len(status["engineArgumentsHash"]) == 64
    assert status["sizing"]["totalBytes"] > 0
    assert status["currentRevision"]["number"] == status["latestRevision"] == 1
    assert status["currentRevision"]["workload"] == workload
    assert "previousRevision" not in status


def test_a_status_tells_which_revision_served_before() -> None:
    world = edited(SECOND, 10)
    assert (world.status["currentRevision"]["number"], world.status["previousRevision"]) == (2, 1)
    world.edit({**SECOND, "pinRevision": 1})
    world.settle(10)
    assert (world.status["currentRevision"]["number"], world.status["previousRevision"]) == (1, 2)
    assert world.status["latestRevision"] == 2


def test_while_a_new_revision_starts_the_status_tells_of_the_old_one() -> None:
    world = edited(SECOND)
    assert world.status["engineImage"].endswith(":good")
    assert (world.status["currentRevision"]["number"], world.status["latestRevision"]) == (1, 2)


def test_a_model_of_a_provider_has_no_pods_in_its_status() -> None:
    status = served(base("external")).status
    assert (status["engine"], status["model"]) == ("openai", "openai/gpt-4o-mini")
    absent = {"replicas", "selector", "sizing", "hardware", "engineImage"}
    assert not absent & set(status)
    assert status["url"] == "http://plimsoll-gateway.plimsoll-system.svc/v1"


DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ({"huggingFace": {"repository": "team/tiny", "file": "a.gguf"}}, "team/tiny@main/a.gguf"),
        ({"huggingFace": {"repository": "team/tiny", "file": "a.gguf", "revision": "v1"}}, "team/tiny@v1/a.gguf"),
        ({"http": {"url": "https://example.com:8443/a.gguf?token=x"}}, "https://example.com:8443/a.gguf"),
        ({"s3": {"bucket": "weights", "key": "a/b.gguf"}}, "s3://weights/a/b.gguf"),
        ({"pvc": {"claimName": "weights", "path": "b.gguf"}}, "pvc://weights/b.gguf"),
        ({"oci": {"image": f"r.example/a@{DIGEST}", "path": "b.gguf"}}, f"oci://r.example/a@{DIGEST}/b.gguf"),
    ],
    ids=["hub", "file of a hub", "web", "bucket", "claim", "image"],
)
def test_the_model_is_told_in_one_line_without_secrets(source: Object, line: str) -> None:
    world = Simulated({"source": source})
    world.source = PENDING
    world.pass_()
    assert world.status["model"] == line


def test_events_tell_transitions_and_nothing_twice() -> None:
    world = edited(BROKEN, 10)
    world.settle(60)
    seen = [event.reason for event in world.events]
    assert seen.count(Reason.ACCEPTED) == 2
    assert seen.count(Reason.SERVING) == 1
    assert seen.count(Reason.IMAGE_PULL_FAILED) == 1
    warnings = {event.reason for event in world.events if event.type == "Warning"}
    assert warnings == {Reason.IMAGE_PULL_FAILED}


def test_the_stages_on_the_way_are_no_events() -> None:
    world = Simulated(FIRST)
    world.settle(30)
    assert [event.reason for event in world.events] == [Reason.ACCEPTED, Reason.SERVING]


def test_the_author_and_the_commit_of_a_revision_are_told() -> None:
    world = Simulated(FIRST)
    world.config["metadata"]["annotations"] = {
        names.ANNOTATION_AUTHOR: "jane@example.com",
        names.ANNOTATION_GIT_REVISION: "3f2c9d1",
    }
    world.settle(10)
    assert world.status["currentRevision"]["author"] == "jane@example.com"
    assert world.status["currentRevision"]["gitRevision"] == "3f2c9d1"
    assert world.events[0].message == "The spec is revision 1 by jane@example.com from commit 3f2c9d1."


def test_defaults_that_are_newer_are_told_and_wait_for_an_edit() -> None:
    world = served(base("hosted"))
    assert world.condition("DefaultsChanged")["reason"] == Reason.DEFAULTS_CURRENT
    images = world.configuration.images.model_copy(update={"llamacpp": "x.example.com/engine:newer"})
    world.configuration = world.configuration.model_copy(update={"images": images})
    world.pass_()
    assert world.condition("DefaultsChanged")["reason"] == Reason.DEFAULTS_DIFFER
    assert world.condition("Ready")["status"] == "True"
    world.edit(merged(base("hosted"), {"context": 512}))
    world.settle(10)
    assert world.condition("DefaultsChanged")["reason"] == Reason.DEFAULTS_CURRENT
    assert world.status["engineImage"].endswith(":newer")
