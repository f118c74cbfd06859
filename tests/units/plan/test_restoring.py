"""What somebody deleted or edited by hand is put right, and the history stays bounded."""

from __future__ import annotations

import copy

import pytest

from plimsoll.api import names
from plimsoll.api.reasons import Reason
from tests.support.model_configs import merged
from tests.support.one_model import BROKEN, FIRST, SECOND, serving, short, spec
from tests.support.rendering import fixed_configuration
from tests.support.simulated import Simulated


@pytest.mark.parametrize("kind", ["Service", "ServiceAccount", "NetworkPolicy", "PodDisruptionBudget", "Deployment"])
def test_a_child_that_somebody_deleted_is_made_again_and_told(kind: str) -> None:
    world = serving()
    name = f"chat-{short(FIRST)}" if kind == "Deployment" else "chat"
    before = world.objects[kind, name]
    world.delete_by_hand(kind, name)
    plan = world.pass_()
    assert world.objects[kind, name].get("spec") == before.get("spec")
    assert (Reason.RESTORED, f"{kind} {name} was deleted and is made again.") in [
        (event.reason, event.message) for event in plan.events
    ]


def test_a_child_that_somebody_edited_is_put_right_and_told() -> None:
    world = serving()
    world.objects["Service", "chat"]["spec"]["type"] = "NodePort"
    plan = world.pass_()
    assert world.objects["Service", "chat"]["spec"]["type"] == "ClusterIP"
    assert [event.reason for event in plan.events] == [Reason.RESTORED]


def test_a_service_that_somebody_turned_to_nowhere_is_turned_back() -> None:
    world = serving()
    world.objects["Service", "chat"]["spec"]["selector"][names.LABEL_WORKLOAD] = "0123456789"
    world.pass_()
    assert world.serving == short(FIRST)


def test_a_service_that_is_gone_comes_back_for_the_workload_that_it_selected() -> None:
    mute = next(each for each in (spec("mute", context=512 + step) for step in range(99)) if short(each) < short(FIRST))
    world = serving()
    world.edit(mute)
    world.settle(8)
    assert world.ready_pods(short(mute)), "it is ready, and never proved anything"
    world.delete_by_hand("Service", "chat")
    world.pass_()
    assert world.serving == short(FIRST)


def test_a_service_comes_back_for_what_is_ready_where_the_status_was_lost_too() -> None:
    world = serving()
    world.delete_by_hand("Service", "chat")
    del world.config["status"]
    world.restart_operator()
    world.pass_()
    assert world.serving == short(FIRST)


def test_a_first_start_is_no_restoration() -> None:
    world = Simulated(FIRST)
    world.settle(8)
    assert Reason.RESTORED not in [event.reason for event in world.events]


def test_a_revision_of_a_predecessor_and_a_stranger_are_no_children() -> None:
    world = serving()
    stranger = {**world.deployment(short(FIRST)), "metadata": {**world.deployment(short(FIRST))["metadata"]}}
    stranger["metadata"] |= {"name": "stranger", "ownerReferences": [], "uid": "s"}
    stranger["metadata"]["labels"] = {**stranger["metadata"]["labels"], names.LABEL_WORKLOAD: "stranger00"}
    world.objects["Deployment", "stranger"] = stranger
    plan = world.pass_()
    assert (plan.apply, plan.delete) == ((), ())


def test_the_history_is_bounded_and_keeps_what_serves() -> None:
    world = Simulated(FIRST, fixed_configuration().model_copy(update={"history": 3}))
    world.settle(8)
    for step in range(6):
        world.edit(merged(BROKEN, {"context": 512 + step}))
        world.settle(4)
    assert world.revisions() == [1, 6, 7]
    assert world.serving == short(FIRST)
    assert world.status["latestRevision"] == 7


def test_a_number_is_not_used_again_when_its_revision_was_deleted_by_hand() -> None:
    world = serving()
    world.edit(SECOND)
    world.settle(10)
    world.delete_by_hand("ControllerRevision", "chat-r2")
    world.settle(5)
    assert world.revisions() == [1, 3]


def test_planning_changes_nothing_of_what_it_was_given() -> None:
    world = serving()
    world.edit(SECOND)
    for _ in range(8):
        observed = world.observed()
        before = copy.deepcopy(observed)
        world.plan()
        assert observed == before
        world.pass_()
        world.tick()
