"""A model that is pinned, goes to zero, moves to a provider or is deleted, and comes back."""

from __future__ import annotations

from plimsoll.api.reasons import Reason
from plimsoll.plan.observed import Object
from plimsoll.plan.plan import Plan
from tests.support.model_configs import base, merged
from tests.support.one_model import BROKEN, FIRST, SECOND, serving, short, spec
from tests.support.simulated import Simulated


def pinned(number: int, wanted: Object = SECOND) -> Object:
    return {**wanted, "pinRevision": number}


def test_a_pinned_revision_whose_workload_is_gone_starts_beside_the_one_that_serves() -> None:
    world = serving()
    world.edit(SECOND)
    world.settle(10)
    assert world.live == [short(SECOND)]
    world.edit(pinned(1))
    world.pass_()
    assert set(world.live) == {short(FIRST), short(SECOND)}
    assert world.serving == short(SECOND)
    world.settle(10)
    assert (world.serving, world.live) == (short(FIRST), [short(FIRST)])
    assert world.revisions() == [1, 2], "a pin makes no revision"
    assert world.condition("Ready")["status"] == "True"


def test_the_pods_of_a_pinned_revision_are_those_that_it_had_byte_for_byte() -> None:
    world = serving(base("hosted"))
    before = world.deployment(short(base("hosted")))["spec"]["template"]
    world.edit(SECOND)
    world.settle(10)
    images = world.configuration.images.model_copy(update={"llamacpp": "x.example.com/engine:newer"})
    world.configuration = world.configuration.model_copy(update={"images": images})
    world.edit(pinned(1))
    world.settle(10)
    assert world.deployment(short(base("hosted")))["spec"]["template"] == before


def test_of_revisions_that_share_their_pods_the_one_that_they_ran_for_last_keeps_serving() -> None:
    world = serving()
    policy = merged(FIRST, {"generation": {"defaults": {"temperature": 0.5}}})
    world.edit(policy)
    world.settle(3)
    world.edit(pinned(1, policy))
    world.settle(3)
    world.edit(BROKEN)
    world.settle(5)
    assert world.status["currentRevision"]["number"] == 1
    assert "Revision 1 keeps serving" in world.condition("Ready")["message"]


def test_a_pin_that_leads_nowhere_stops_and_starts_nothing() -> None:
    world = serving()
    world.edit(pinned(7, BROKEN))
    world.settle(5)
    assert (world.serving, world.live) == (short(FIRST), [short(FIRST)])
    assert world.condition("Ready")["reason"] == Reason.REVISION_MISSING
    assert "the history has 2, 1" in world.condition("Ready")["message"]


def test_at_zero_the_only_deployment_is_the_declared_one_and_it_has_no_pod() -> None:
    world = serving()
    world.edit(spec(scaling={"replicas": 0}))
    world.settle(5)
    assert (world.live, list(world.pods)) == ([], [])
    assert [each["spec"]["replicas"] for each in world.deployments()] == [0]


def test_what_served_last_comes_back_from_zero_while_a_new_revision_fails() -> None:
    world = serving()
    world.edit(BROKEN)
    world.settle(5)
    world.edit(spec("broken", scaling={"replicas": 0}))
    world.settle(5)
    assert world.condition("Ready")["reason"] == Reason.AT_ZERO
    assert "Revision 1 served last and comes back first" in world.condition("Ready")["message"]
    world.edit(BROKEN)
    world.settle(8)
    assert world.serving == short(FIRST)
    assert world.ready_pods(short(FIRST))


def test_a_model_that_moves_to_a_provider_leaves_nothing_and_may_come_back() -> None:
    world = serving()
    world.edit(base("external"))
    world.settle(8)
    assert {kind for kind, _ in world.objects} == {"ControllerRevision"}
    assert not world.pods
    assert world.condition("Ready")["status"] == "True"
    assert "openai" in world.condition("Ready")["message"]
    world.edit(FIRST)
    world.settle(8)
    assert world.serving == short(FIRST)


def test_pods_of_a_model_that_moves_away_keep_their_policy_to_their_end_and_are_not_called() -> None:
    world = serving()
    world.edit(base("external"))

    def check() -> None:
        if world.pods:
            assert ("NetworkPolicy", "chat") in world.objects
            assert world.serving is None

    world.watch = check
    world.settle(8)
    assert ("NetworkPolicy", "chat") not in world.objects


def test_a_provider_needs_a_revision_and_nothing_else() -> None:
    world = Simulated(base("external"))
    plan = world.pass_()
    assert [each.object["kind"] for each in plan.apply] == ["ControllerRevision"]
    assert world.condition("Available")["status"] == "True"


def test_a_model_that_is_being_deleted_is_left_to_the_garbage_collector() -> None:
    world = serving()
    world.edit(SECOND)
    world.config["metadata"]["deletionTimestamp"] = "2026-11-21T09:00:00Z"
    assert world.plan() == Plan()
