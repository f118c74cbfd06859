"""What keeps a model from its start is told with its fix, and stops nothing that runs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from plimsoll.api import names
from plimsoll.api.normal import workload_hash
from plimsoll.api.reasons import Reason
from plimsoll.plan.finding import Finding
from plimsoll.plan.observed import Object
from tests.support.model_configs import base, merged
from tests.support.one_model import (
    BROKEN,
    FIRST,
    PENDING,
    SECRET_MISSING,
    SERVICE_TAKEN,
    edited,
    served,
    spec,
    told,
    with_source,
)
from tests.support.ready_table import (
    USER_MUST_ACT,
)
from tests.support.simulated import Simulated


def test_a_spec_that_breaks_a_rule_leads_to_no_object_at_all() -> None:
    world = Simulated(spec(context=1))
    plan = world.pass_()
    assert (plan.apply, plan.delete) == ((), ())
    assert world.condition("Accepted")["status"] == "False"
    assert "spec.context" in world.condition("Ready")["message"]


BROKEN_PARTS: dict[str, Object] = {
    "replicas": {"scaling": {"replicas": "many"}},
    "scaling": {"scaling": "none"},
    "pin": {"pinRevision": ["first"]},
    "source": {"source": {"huggingFace": {}}},
    "everything": {"source": 5, "engine": [], "hardware": "big", "scaling": 0},
}


@pytest.mark.parametrize("part", BROKEN_PARTS)
def test_a_spec_that_breaks_a_rule_stops_nothing_and_starts_nothing(part: str) -> None:
    world = served(spec(scaling={"replicas": 2}))
    world.edit(spec("other", scaling={"replicas": 2}, pinRevision=1))
    world.settle(5)
    world.edit({**spec("other", scaling={"replicas": 2}), **BROKEN_PARTS[part]})
    world.settle(20)
    assert world.condition("Ready")["reason"] == Reason.INVALID_SPEC
    assert world.condition("Available")["status"] == "True"
    assert world.live == [names.short(workload_hash(FIRST))]
    assert len(world.ready_pods(names.short(workload_hash(FIRST)))) == 2


@pytest.mark.parametrize("part", BROKEN_PARTS)
def test_a_first_spec_that_breaks_a_rule_is_told_so(part: str) -> None:
    world = told(Simulated({**FIRST, **BROKEN_PARTS[part]}))
    assert USER_MUST_ACT.differences(world.config) == []
    assert world.objects == {}


def test_nothing_is_started_beside_an_object_of_somebody_else() -> None:
    world = Simulated(FIRST)
    world.seen = {"taken": frozenset({("ServiceAccount", "chat")})}
    plan = world.pass_()
    assert "Deployment" not in [each.object["kind"] for each in plan.apply]
    assert "ServiceAccount" not in [each.object["kind"] for each in plan.apply]
    assert world.condition("NameTaken")["status"] == "True"
    assert "ServiceAccount chat belongs to somebody else" in world.condition("NameTaken")["message"]
    assert plan.again_after is not None
    world.seen = {}
    world.settle(10)
    assert world.condition("Ready")["status"] == "True"
    assert world.condition("NameTaken")["status"] == "False"


def test_a_stranger_with_a_name_that_nobody_needs_is_left_in_peace() -> None:
    others = {("Deployment", "chat-0123456789"), ("ControllerRevision", "chat-r9"), ("Job", "chat-inspect-0123456789")}
    world = told(served(), taken=frozenset(others))
    assert world.condition("Ready")["status"] == "True"
    assert world.condition("NameTaken")["status"] == "False"


def test_a_provider_needs_no_name_of_a_service() -> None:
    world = told(Simulated(base("external")), taken=SERVICE_TAKEN)
    assert world.condition("Ready")["status"] == "True"


def test_a_provider_whose_key_is_missing_is_not_available() -> None:
    world = told(Simulated(base("external")), missing=(SECRET_MISSING,))
    assert USER_MUST_ACT.differences(world.config) == []
    assert world.revisions() == [1], "the spec is right, and recorded"


def test_an_unknown_profile_is_told_before_anybody_looks_at_the_weights() -> None:
    for wanted in (merged(base("claim"), {"hardware": {"profile": "h300"}}), spec(hardware={"profile": "h300"})):
        world = with_source(Simulated(wanted), PENDING)
        assert world.condition("Ready")["reason"] == Reason.PROFILE_UNKNOWN
        assert world.objects == {}


def test_a_model_whose_service_belongs_to_somebody_else_is_not_available() -> None:
    world = served()
    del world.objects["Service", "chat"]
    told(world, taken=SERVICE_TAKEN)
    assert world.condition("Available")["status"] == "False"
    assert world.live


def test_a_revision_whose_name_is_taken_is_none() -> None:
    world = told(Simulated(FIRST), taken=frozenset({("ControllerRevision", "chat-r1")}))
    assert world.objects == {}
    assert world.condition("Accepted")["reason"] == Reason.NAME_TAKEN


def test_words_of_the_api_server_are_handed_on() -> None:
    deployment = f"chat-{names.short(workload_hash(FIRST))}"
    world = told(Simulated(FIRST), refused={("Deployment", deployment): "violates PodSecurity: privileged"})
    assert world.condition("Ready")["reason"] == Reason.ADMISSION_REFUSED
    assert f"Deployment {deployment}: violates PodSecurity: privileged" in world.condition("Ready")["message"]
    assert world.condition("Stalled")["status"] == "True"
    assert world.plans[-1].again_after == timedelta(seconds=15), "nobody tells when a policy was changed"


def test_a_refusal_of_something_that_is_not_wanted_any_more_is_forgotten() -> None:
    world = told(served(), refused={("Deployment", "chat-0123456789"): "violates PodSecurity"})
    assert world.condition("Ready")["status"] == "True"


def test_nothing_is_built_on_a_revision_that_could_not_be_kept() -> None:
    world = Simulated(FIRST)
    world.seen = {"refused": {("ControllerRevision", "chat-r1"): "no room"}}
    plan = world.plan()
    assert [each.object["kind"] for each in plan.apply] == ["ControllerRevision"], "it is tried again"
    assert plan.status is not None
    accepted = next(each for each in plan.status["conditions"] if each["type"] == "Accepted")
    assert accepted["reason"] == Reason.ADMISSION_REFUSED


def test_a_missing_secret_heals_by_itself() -> None:
    world = told(Simulated(FIRST), missing=(SECRET_MISSING,))
    assert world.objects == {}
    world.seen = {}
    world.settle(10)
    assert world.condition("Ready")["status"] == "True"


def test_a_failed_revision_is_stalled_and_names_the_one_that_serves() -> None:
    world = edited(BROKEN, 10)
    assert world.condition("Stalled")["reason"] == Reason.REVISION_FAILED
    assert "Revision 1 keeps serving" in world.condition("Stalled")["message"]


def test_a_model_that_cannot_be_sized_runs_with_the_memory_that_its_user_gives() -> None:
    unsizable = Finding(Reason.MODEL_UNSUPPORTED, "the architecture is unknown")
    without = with_source(Simulated(FIRST), unsizable)
    assert without.condition("Ready")["reason"] == Reason.MODEL_UNSUPPORTED
    world = with_source(Simulated(spec(resources={"limits": {"memory": "4Gi"}})), unsizable)
    world.settle(10)
    assert world.condition("Ready")["status"] == "True"


CLAIM = merged(base("claim"), {"engine": {"image": "x.example.com/engine:good"}})


def test_a_claim_is_looked_at_by_a_job_that_goes_when_it_has_answered() -> None:
    world = Simulated(CLAIM)
    facts, world.source = world.source, PENDING
    plan = world.pass_()
    assert {each.object["kind"] for each in plan.apply} == {"ServiceAccount", "NetworkPolicy", "Job"}
    assert world.pass_().apply == ()
    world.source = facts
    world.settle(10)
    assert world.condition("Ready")["status"] == "True"
    assert not [kind for kind, _ in world.objects if kind == "Job"]


def test_a_claim_that_had_no_model_is_looked_at_again_after_a_minute() -> None:
    world = Simulated(CLAIM)
    world.source = PENDING
    world.pass_()
    (job,) = (each for (kind, _), each in world.objects.items() if kind == "Job")
    ended = {"type": "Failed", "status": "True", "lastTransitionTime": "2026-11-21T09:00:00Z"}
    job["status"] = {"conditions": [ended]}
    world.source = Finding(Reason.NOT_A_MODEL, "the file is a web page")
    world.now += timedelta(seconds=20)
    assert world.pass_().again_after == timedelta(seconds=40)
    world.now += timedelta(seconds=40)
    assert [each.kind for each in world.pass_().delete] == ["Job"]
    assert [each.object["kind"] for each in world.pass_().apply] == ["Job"]


def test_a_claim_that_is_missing_is_waited_for_without_a_job() -> None:
    missing = Finding(Reason.CLAIM_MISSING, "claim weights is not in the namespace default")
    world = told(Simulated(CLAIM), missing=(missing,))
    assert world.objects == {}
    assert world.condition("Stalled")["reason"] == Reason.CLAIM_MISSING
