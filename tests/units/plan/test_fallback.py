"""A model leaves for the CPU when no GPU can be had, returns when one is there to stay, and never goes to and fro."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from plimsoll.api import names
from plimsoll.api.normal import workload_hash
from plimsoll.api.reasons import Reason
from plimsoll.plan.observed import Object
from tests.support.model_configs import base, merged
from tests.support.simulated import Simulated


def spec(after: str = "20s", **fields: object) -> Object:
    hardware = {"profile": "l4", "fallback": {"to": "cpu", "after": after}}
    made: Object = merged(base("hosted"), {"hardware": hardware, **fields})
    return made


GPU, CPU = names.short(workload_hash(spec())), names.short(workload_hash(spec(), "cpu"))


def model(gpus: int, wanted: Object | None = None) -> Simulated:
    world = Simulated(wanted or spec())
    world.gpus = gpus
    return world


def fallen_back() -> Simulated:
    world = model(0)
    world.settle(30)
    assert (world.serving, set(world.live)) == (CPU, {GPU, CPU})
    world.plans.clear()
    return world


def seconds_until(world: Simulated, serving: str, most: int = 120) -> int:
    for passed in range(most):
        world.pass_()
        if world.serving == serving:
            return passed
        world.tick()
    raise AssertionError(f"{world.serving} serves, and not {serving}")


def test_a_model_that_gets_its_gpu_never_knows_its_fallback() -> None:
    world = model(1)
    world.settle(60)
    assert (world.serving, world.started) == (GPU, [GPU])
    assert world.condition("AcceleratorFallback")["status"] == "False"
    assert world.condition("AcceleratorFallback")["reason"] == Reason.ON_DECLARED_HARDWARE


def test_the_fallback_starts_when_no_gpu_was_to_be_had_for_the_declared_time() -> None:
    world = model(0)
    for _ in range(21):
        world.pass_()
        assert world.started == [GPU]
        world.tick()
    world.pass_()
    world.tick()
    world.pass_()
    assert world.started == [GPU, CPU]
    assert world.condition("AcceleratorFallback")["status"] == "True"
    assert "Insufficient nvidia.com/gpu" in world.condition("AcceleratorFallback")["message"]


def test_a_pass_that_waits_for_the_fallback_says_when_to_look_again() -> None:
    world = model(0)
    for _ in range(5):
        world.pass_()
        world.tick()
    pod = next(iter(world.pods.values()))
    waited = world.now.timestamp() - _time(pod["metadata"]["creationTimestamp"])
    assert world.plan().again_after == timedelta(seconds=20 - waited)


def test_the_fallback_serves_as_declared_and_says_that_it_is_one() -> None:
    world = fallen_back()
    assert world.condition("Ready")["status"] == "True"
    assert world.condition("Ready")["reason"] == Reason.SERVING
    assert not world.condition("Reconciling")
    assert world.condition("AcceleratorFallback")["reason"] == Reason.ACCELERATOR_UNAVAILABLE
    assert world.status["hardware"] == "cpu"
    assert world.status["currentRevision"]["number"] == 1


def test_the_declared_pods_keep_waiting_while_the_fallback_serves() -> None:
    world = fallen_back()
    assert world.deployment(GPU)["spec"]["replicas"] == 1
    assert not world.plan().delete


def test_a_gpu_that_is_back_is_used_after_it_stayed_and_the_fallback_goes() -> None:
    world = fallen_back()
    world.gpus = 1
    took = seconds_until(world, GPU)
    # Two seconds until its pod is ready, twenty to settle, one to prove itself.
    assert 20 <= took <= 25
    world.settle(10)
    assert world.live == [GPU]
    assert len(world.deployments()) == 1
    assert world.condition("AcceleratorFallback")["status"] == "False"


def test_the_settle_time_is_thirty_seconds_for_those_who_are_more_patient() -> None:
    world = model(0, spec("2m"))
    world.settle(140)
    assert world.serving != GPU
    world.gpus = 1
    assert 30 <= seconds_until(world, GPU) <= 35


def test_callers_always_have_a_pod_on_the_way_there_and_back() -> None:
    world = fallen_back()
    world.gpus = 1
    for _ in range(40):
        world.pass_()
        assert world.ready_pods(world.serving or "")
        world.tick()
    assert world.serving == GPU


def test_all_declared_replicas_have_to_be_back() -> None:
    world = model(0, spec(scaling={"replicas": 2}))
    world.settle(30)
    world.gpus = 1
    world.settle(120)
    assert world.serving == CPU
    world.gpus = 2
    assert seconds_until(world, GPU)
    assert len(world.ready_pods(GPU)) == 2


@pytest.mark.parametrize("period", [3, 10, 15])
def test_a_gpu_that_comes_and_goes_moves_nobody_who_has_fallen_back(period: int) -> None:
    world = fallen_back()
    for turn in range(20):
        world.gpus = 1 - turn % 2
        if not world.gpus:
            world.lose_gpus()
        world.settle(period)
        assert world.serving == CPU
    assert set(world.live) == {GPU, CPU}
    said = [event for event in world.events if event.reason is Reason.ON_DECLARED_HARDWARE]
    assert said == []


def test_a_gpu_that_comes_and_goes_does_not_keep_a_model_from_its_fallback() -> None:
    world = model(0, spec("10s"))
    for turn in range(6):
        world.gpus = turn % 2
        if not world.gpus:
            world.lose_gpus()
        # Too short to be ready: one second to be placed, and then it is gone.
        world.settle(1 if world.gpus else 6)
    world.lose_gpus()
    world.settle(10)
    assert world.serving == names.short(workload_hash(spec("10s"), "cpu"))


def test_a_served_model_that_loses_its_gpu_falls_back_after_the_declared_time() -> None:
    world = model(1)
    world.settle(10)
    world.lose_gpus()
    world.pass_()
    assert not world.condition("Reconciling") or world.condition("Available")["status"] == "False"
    took = seconds_until(world, CPU)
    assert 20 <= took <= 27


def test_falling_back_and_returning_are_told_once_each() -> None:
    world = fallen_back()
    world.settle(20)
    world.gpus = 1
    world.settle(60)
    told = [event.reason for event in world.events]
    assert told.count(Reason.ACCELERATOR_UNAVAILABLE) == 1
    assert told.count(Reason.ON_DECLARED_HARDWARE) == 1


def test_a_restart_of_the_operator_in_the_middle_changes_nothing() -> None:
    world = fallen_back()
    world.gpus = 1
    for _ in range(30):
        world.restart_operator()
        world.pass_()
        assert world.ready_pods(world.serving or "")
        world.tick()
    world.settle(5)
    assert world.serving == GPU


def test_a_fallback_that_has_begun_is_not_begun_again_by_a_gpu_that_flickers() -> None:
    world = model(0)
    world.room = 0
    for turn in range(40):
        world.gpus = 1 if turn in (28, 32) else 0
        if not world.gpus:
            world.lose_gpus()
        world.room = 1 if world.gpus else 0
        world.pass_()
        world.tick()
    assert world.started == [GPU, CPU]
    assert {each["metadata"]["name"] for each in world.deployments()} == {f"chat-{GPU}", f"chat-{CPU}"}


def test_an_operator_that_starts_anew_just_after_the_return_ends_the_fallback() -> None:
    world = fallen_back()
    world.gpus = 1
    seconds_until(world, GPU)
    world.restart_operator()
    world.settle(10)
    assert world.live == [GPU]


def test_a_quota_without_room_for_a_gpu_counts_like_a_missing_one() -> None:
    world = model(0)
    world.pass_()
    world.tick()
    world.pods.clear()
    refused = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": "exceeded quota: gpus",
        "lastTransitionTime": "2026-11-21T09:00:01Z",
    }
    world.deployment(GPU)["status"] = {"conditions": [refused]}
    world.now += timedelta(seconds=25)
    world.pass_()
    assert CPU in world.live


def test_without_a_fallback_the_model_waits_for_its_gpu() -> None:
    wanted = merged(base("hosted"), {"hardware": {"profile": "l4"}})
    world = model(0, wanted)
    world.settle(60)
    assert world.live == [names.short(workload_hash(wanted))]
    assert world.condition("Ready")["reason"] == Reason.UNSCHEDULABLE
    assert world.condition("Reconciling")["status"] == "True"
    assert not world.condition("AcceleratorFallback")


def test_one_missing_gpu_of_two_is_no_reason_to_leave() -> None:
    world = model(1, spec(scaling={"replicas": 2}))
    world.settle(60)
    assert (world.serving, world.live) == (GPU, [GPU])
    assert world.condition("Degraded")["status"] == "True"
    assert "1 of 2 replicas" in world.condition("Degraded")["message"]


def test_a_new_revision_on_the_fallback_takes_over_from_the_old_one() -> None:
    world = fallen_back()
    wanted = spec(context=512)
    world.edit(wanted)
    new = names.short(workload_hash(wanted, "cpu"))
    for _ in range(60):
        world.pass_()
        assert world.ready_pods(world.serving or "")
        assert len(world.live) <= 3
        world.tick()
    assert world.serving == new
    assert set(world.live) == {names.short(workload_hash(wanted)), new}


def test_a_model_at_zero_has_no_fallback() -> None:
    world = fallen_back()
    world.edit(spec(scaling={"replicas": 0}))
    world.settle(10)
    assert [each["metadata"]["name"] for each in world.deployments()] == [f"chat-{GPU}"]
    assert world.condition("AcceleratorFallback")["status"] == "False"


def test_trouble_of_the_fallback_is_what_ready_says() -> None:
    broken = merged(spec(), {"engine": {"image": "x.example.com/engine:broken"}})
    world = model(0, broken)
    world.settle(40)
    assert world.condition("Ready")["reason"] == Reason.IMAGE_PULL_FAILED


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
