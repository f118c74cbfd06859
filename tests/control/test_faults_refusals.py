"""O-21: what a cluster refuses is told within half a minute, in its own words, and heals when it is allowed."""

from __future__ import annotations

import pytest

from plimsoll.api.reasons import Reason
from tests.support.gpus import Gpus
from tests.support.lives import Life
from tests.support.objects import GPU
from tests.support.operators import ENGINE_IMAGE
from tests.support.policies import FORBIDDEN_IMAGE, WORDS, Forbid
from tests.support.serving import SECONDS
from tests.support.waiting import wait_until

_TOLD_SECONDS = 30
_GPU_PROFILE = {"profiles": [{"name": "cpu"}, {"name": "gpu", "cpu": "50m", "gpu": {"memory": "24Gi"}}]}


def _declare(life: Life) -> None:
    life.operators.start(configuration=_GPU_PROFILE)
    life.kube.create(life.config)


def _warned(life: Life, reason: Reason) -> str:
    """The message of the Event, once there is one."""

    def told() -> list[str]:
        events = life.kube.list("v1", "Event", life.namespace)
        mine = [each for each in events if each["involvedObject"]["kind"] == "ModelConfig"]
        return [each["message"] for each in mine if (each["type"], each["reason"]) == ("Warning", reason)]

    return wait_until(told, _TOLD_SECONDS, f"an Event with {reason}")[0]


@pytest.mark.long
@pytest.mark.parametrize("resource", ["deployments", "pods"])
def test_o21_a_policy_that_refuses_is_told_in_its_own_words_and_what_it_allows_serves(
    life: Life, forbid: Forbid, resource: str
) -> None:
    forbid(resource)
    life.config["spec"]["engine"] = {"image": FORBIDDEN_IMAGE}
    _declare(life)
    words = life.says("Ready", "False", Reason.ADMISSION_REFUSED, _TOLD_SECONDS)
    assert WORDS in words
    assert Reason.ADMISSION_REFUSED.fix in words
    assert WORDS in _warned(life, Reason.ADMISSION_REFUSED)
    assert life.condition("Stalled")["status"] == "True"
    assert life.condition("Reconciling")["status"] == ""
    life.served(life.edit({"engine": {"image": ENGINE_IMAGE}}))


@pytest.mark.long
def test_o21_a_quota_is_told_in_its_own_words_and_heals_when_it_is_raised(life: Life) -> None:
    quota = life.named("v1", "ResourceQuota", "none")
    life.kube.create({**quota, "spec": {"hard": {"pods": "0"}}})
    life.kube.wait(quota, lambda found: bool(found.get("status", {}).get("hard")), SECONDS, "it is in force")
    _declare(life)
    words = life.says("Ready", "False", Reason.QUOTA_EXCEEDED, _TOLD_SECONDS)
    assert "exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0" in words
    assert "exceeded quota" in _warned(life, Reason.QUOTA_EXCEEDED)
    assert life.condition("Reconciling")["status"] == "True"
    life.kube.delete(quota)
    life.served()


@pytest.mark.long
def test_o21_a_missing_gpu_is_told_in_the_words_of_the_scheduler_and_heals_when_there_is_one(
    life: Life, gpus: Gpus
) -> None:
    gpus.take()
    life.config["spec"]["hardware"] = {"profile": "gpu"}
    _declare(life)
    words = life.says("Ready", "False", Reason.UNSCHEDULABLE, _TOLD_SECONDS)
    assert f"Insufficient {GPU}" in words
    assert f"Insufficient {GPU}" in _warned(life, Reason.UNSCHEDULABLE)
    assert life.condition("Reconciling")["status"] == "True"
    gpus.give()
    life.served()
