"""One revision serves until the next has proven itself, and nothing is started or stopped that need not be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from plimsoll.api import names
from plimsoll.api.reasons import Reason
from plimsoll.plan.plan import Delete, Plan
from tests.support.model_configs import base, merged
from tests.support.one_model import BROKEN, FIRST, SECOND, THIRD, serving, short, spec
from tests.support.rendering import fixed_configuration
from tests.support.simulated import Simulated


def whys(plan: Plan) -> list[str]:
    return [each.why for each in plan.apply] + [each.why for each in plan.delete]


def test_a_first_pass_records_the_revision_and_then_makes_what_it_needs() -> None:
    plan = Simulated(FIRST).pass_()
    kinds = [each.object["kind"] for each in plan.apply]
    assert kinds[0] == "ControllerRevision"
    assert kinds[-1] == "Deployment"
    assert set(kinds[1:-1]) == {"ServiceAccount", "NetworkPolicy", "Service", "PodDisruptionBudget"}
    assert not plan.takes_away
    assert all(names.ANNOTATION_INTENT in each.object["metadata"]["annotations"] for each in plan.apply[1:])


def test_a_service_selects_nobody_before_something_was_proven() -> None:
    world = Simulated(FIRST)
    for _ in range(3):
        world.pass_()
        assert world.serving is None
        world.tick()
    assert world.ready_pods(short(FIRST))


def test_the_old_workload_serves_until_the_new_one_has_answered() -> None:
    world = serving()
    world.edit(SECOND)
    seen = []
    for _ in range(8):
        world.pass_()
        seen.append((world.serving == short(SECOND), len(world.ready_pods(short(FIRST)))))
        world.tick()
    assert (False, 0) not in seen, "callers always had a pod"
    assert world.serving == short(SECOND)


def test_an_old_workload_is_drained_only_by_a_pass_that_saw_the_service_turned() -> None:
    world = serving()
    world.edit(SECOND)
    while world.serving == short(FIRST):
        world.tick()
        world.pass_()
    assert [each.object["kind"] for each in world.plans[-1].apply] == ["Service"]
    drained = world.pass_()
    assert whys(drained) == ["revision 1 has handed over"]
    assert world.deployment(short(FIRST))["spec"]["replicas"] == 0


def test_a_drained_deployment_goes_when_its_last_pod_is_gone() -> None:
    world = serving()
    world.edit(SECOND)
    while world.deployment(short(FIRST))["spec"]["replicas"]:
        world.tick()
        world.pass_()
    world.tick()
    world.pass_()
    assert world.pods_of(world.deployment(short(FIRST))), "it has a pod that may have something to finish"
    world.tick()
    world.pass_()
    assert [each["metadata"]["name"] for each in world.deployments()] == [f"chat-{short(SECOND)}"]


@pytest.mark.parametrize("proof", ["prompt", "ready"])
def test_what_counts_as_proof_is_configuration(proof: str) -> None:
    configuration = fixed_configuration().model_copy(update={"proof": proof})
    world = Simulated(FIRST, configuration)
    world.settle(8)
    assert world.serving == short(FIRST)
    assert any(plan.prove for plan in world.plans) == (proof == "prompt")


def test_who_makes_vectors_is_asked_for_one() -> None:
    for mode in ("generate", "embed"):
        world = Simulated(spec(engine={"name": "llamacpp", "options": {"mode": mode}}))
        world.settle(8)
        assert {request.embeds for plan in world.plans for request in plan.prove} == {mode == "embed"}


def test_every_pod_that_is_to_take_calls_is_asked_once_and_those_that_take_them_never() -> None:
    world = serving(spec(scaling={"replicas": 3}))
    world.edit(spec("other", scaling={"replicas": 3}))
    world.settle(10)
    asked = [request for plan in world.plans for request in plan.prove]
    assert len({request.pod_uid for request in asked}) == len(asked) == 3
    assert {(request.address, request.port) for request in asked} == {("10.0.0.9", 8080)}
    world.lose_pods(short(SECOND))
    world.plans.clear()
    world.settle(8)
    assert len(world.ready_pods(short(SECOND))) == 3
    assert not any(plan.prove for plan in world.plans)


def test_a_pod_that_answers_nothing_never_takes_a_call() -> None:
    world = serving()
    world.edit(spec("mute"))
    world.settle(20)
    assert world.serving == short(FIRST)
    assert world.condition("Ready")["reason"] == Reason.PROOF_FAILED
    assert "it said nothing" in world.condition("Ready")["message"]


def test_a_switch_waits_for_as_many_pods_as_serve_now() -> None:
    world = serving(spec(scaling={"replicas": 3}))
    world.edit(spec("other", scaling={"replicas": 3}))
    while world.serving == short(FIRST):
        world.pass_()
        assert len(world.ready_pods(world.serving or "")) >= 3
        world.tick()
    assert len(world.ready_pods(short(SECOND))) == 3


def test_whoever_has_nobody_left_hands_the_calls_back_to_the_one_before() -> None:
    world = serving()
    world.edit(SECOND)
    while world.serving == short(FIRST):
        world.tick()
        world.pass_()
    world.lose_pods(short(SECOND))
    world.room = 1
    world.settle(5)
    assert world.serving == short(FIRST)
    assert world.ready_pods(short(FIRST))
    world.room = 10
    world.settle(10)
    assert (world.serving, world.live) == (short(SECOND), [short(SECOND)])


def test_a_revision_that_never_gets_ready_leaves_the_last_good_one_serving() -> None:
    world = serving()
    world.edit(BROKEN)
    world.settle(90)
    assert world.serving == short(FIRST)
    assert len(world.ready_pods(short(FIRST))) == 1
    assert world.condition("Ready")["status"] == "False"
    assert "Revision 1 keeps serving" in world.condition("Ready")["message"]


def test_what_never_served_and_nobody_wants_any_more_is_deleted_at_once() -> None:
    world = serving()
    world.edit(BROKEN)
    world.settle(5)
    world.edit(THIRD)
    plan = world.pass_()
    assert [each.name for each in plan.delete] == [f"chat-{short(BROKEN)}"]
    assert plan.takes_away


def test_going_back_before_the_new_one_was_ready_stops_it_and_starts_nothing() -> None:
    world = serving()
    world.edit(BROKEN)
    world.pass_()
    world.edit(FIRST)
    world.settle(5)
    assert world.live == [short(FIRST)]
    assert world.started == [short(FIRST), short(BROKEN)]
    assert world.revisions() == [1, 2, 3]


def test_fifty_edits_in_a_second_start_at_most_three_workloads_and_the_last_one_serves() -> None:
    world = serving()
    edits = [spec("good", context=512 + step) for step in range(50)]
    for edit in edits:
        world.edit(edit)
        world.pass_()
        world.tick(0.02)
    world.settle(20)
    assert world.serving == short(edits[-1])
    assert len(set(world.started) - {short(FIRST)}) <= 3
    assert world.revisions()[-1] == 51, "each edit that was seen has a number"


def test_a_start_that_was_put_off_is_told_when_to_look_again() -> None:
    world = Simulated(FIRST)
    world.pass_()
    world.edit(SECOND)
    world.now += timedelta(seconds=0.5)
    plan = world.pass_()
    assert plan.again_after == timedelta(seconds=1.5)
    assert world.live == [short(FIRST)]
    world.now += timedelta(seconds=1.5)
    world.pass_()
    assert world.live == [short(SECOND)]


def test_what_serves_since_a_moment_ago_is_not_followed_at_once_either() -> None:
    world = Simulated(FIRST)
    for _ in range(6):
        world.pass_()
        world.tick(0.1)
    assert world.serving == short(FIRST)
    world.edit(SECOND)
    assert world.pass_().again_after == timedelta(seconds=1.4)
    assert world.live == [short(FIRST)]
    world.now += timedelta(seconds=1.4)
    world.pass_()
    assert world.live == [short(FIRST), short(SECOND)]


def test_changing_replicas_makes_no_revision_and_no_other_pods() -> None:
    world = serving()
    world.edit(spec(scaling={"replicas": 3}))
    world.settle(6)
    assert (world.revisions(), world.live) == ([1], [short(FIRST)])
    assert len(world.ready_pods(short(FIRST))) == 3


def test_a_change_of_policy_is_a_revision_that_restarts_no_pod() -> None:
    world = serving()
    pods = set(world.pods)
    world.edit(merged(FIRST, {"generation": {"defaults": {"temperature": 0.5}}}))
    world.settle(5)
    assert world.revisions() == [1, 2]
    assert set(world.pods) == pods
    assert world.deployment(short(FIRST))["metadata"]["labels"][names.LABEL_REVISION] == "2"
    assert world.status["currentRevision"]["number"] == 2


def test_other_defaults_of_the_operator_change_nothing_that_runs() -> None:
    world = serving(base("hosted"))
    images = world.configuration.images.model_copy(update={"llamacpp": "x.example.com/engine:newer"})
    world.configuration = world.configuration.model_copy(update={"images": images})
    plan = world.pass_()
    assert (plan.apply, plan.delete) == ((), ())
    assert world.condition("DefaultsChanged")["status"] == "True"
    assert "engine:newer" in world.condition("DefaultsChanged")["message"]


def test_scaling_down_is_an_intent_for_exactly_the_deployment_that_was_seen() -> None:
    world = serving(spec(scaling={"replicas": 3}))
    world.edit(FIRST)
    plan = world.plan()
    (apply,) = plan.apply
    assert apply.only_if == world.deployment(short(FIRST))["metadata"]["resourceVersion"]
    assert plan.takes_away


def test_turning_a_service_to_others_is_an_intent_for_exactly_the_service_that_was_seen() -> None:
    world = serving()
    world.edit(SECOND)
    while not any(each.object["kind"] == "Service" for each in world.plan().apply):
        world.pass_()
        world.tick()
    (apply,) = world.plan().apply
    assert apply.only_if == world.objects["Service", "chat"]["metadata"]["resourceVersion"]


def test_a_deletion_is_of_exactly_the_object_that_was_seen() -> None:
    world = serving()
    world.edit(BROKEN)
    world.settle(3)
    world.edit(FIRST)
    (delete,) = world.plan().delete
    seen = world.deployment(short(BROKEN))["metadata"]
    assert delete == Delete(
        "apps/v1",
        "Deployment",
        "default",
        f"chat-{short(BROKEN)}",
        seen["uid"],
        seen["resourceVersion"],
        "its workload has ended",
    )
