"""What callers meet is what the status says: the revision that serves with its pods, or the words of why not."""

from __future__ import annotations

import copy

import pytest

from plimsoll.plan.finding import Finding
from plimsoll.plan.history import read_history
from plimsoll.plan.observed import Object
from plimsoll.plan.routed import Route
from plimsoll.plan.world import World
from plimsoll.routing.compiling import ModelFacts, Serving
from plimsoll.routing.document import Down
from plimsoll.routing.entry import Secret
from tests.support.model_configs import base, merged
from tests.support.one_model import BROKEN, FIRST, SECOND, SECRET_MISSING, SERVICE_TAKEN, edited, served, short, told
from tests.support.simulated import Simulated

POLICY = {"generation": {"defaults": {"temperature": 0.5}}}


def route(world: Simulated) -> Route:
    observed = world.observed()
    return Route(World(observed, read_history(observed.config, observed.revisions), world.configuration, world.now))


def facts(world: Simulated, credential: Secret | Finding | None = None) -> ModelFacts:
    made = route(world)
    return made.facts(made.in_force(None), credential)


def serving(world: Simulated) -> Serving:
    state = facts(world).state
    assert isinstance(state, Serving)
    return state


def down(world: Simulated, credential: Finding | None = None) -> Down:
    state = facts(world, credential).state
    assert isinstance(state, Down)
    return state


def test_the_ready_pods_of_what_serves_take_calls() -> None:
    world = served(merged(FIRST, {"scaling": {"replicas": 2}}))
    state = serving(world)
    assert {each.name for each in state.endpoints} == {pod["metadata"]["name"] for pod in world.pods.values()}
    assert {(each.address, each.draining) for each in state.endpoints} == {("10.0.0.9:8080", False)}
    assert (state.revision, state.service, state.credential) == (1, "chat.default.svc:8080", None)
    assert state.spec == world.objects["ControllerRevision", "chat-r1"]["data"]["spec"]


def test_before_anything_serves_the_words_are_those_of_ready() -> None:
    world = Simulated(FIRST)
    assert (down(world).reason, down(world).message) == ("Starting", "No pod of the model is ready to take calls.")
    world.settle(1)
    ready = world.condition("Ready")
    assert ready["status"] == "False"
    assert down(world) == Down(reason=ready["reason"], message=ready["message"])


def test_a_model_that_is_at_zero_says_so() -> None:
    state = down(served(merged(FIRST, {"scaling": {"replicas": 0}})))
    assert state.reason == "AtZero"


def test_the_old_revision_takes_the_calls_until_the_new_one_can() -> None:
    world = edited(SECOND)
    assert serving(world).revision == 1
    world.settle(10)
    state = serving(world)
    assert state.revision == 2
    assert {each.name for each in state.endpoints} == {
        pod["metadata"]["name"] for pod in world.ready_pods(short(SECOND))
    }


def test_a_revision_that_fails_leaves_the_last_good_one() -> None:
    assert serving(edited(BROKEN, 30)).revision == 1


def test_another_policy_on_the_same_pods_is_the_new_revision() -> None:
    state = serving(edited(merged(FIRST, POLICY), 5))
    assert state.revision == 2
    assert state.spec["generation"] == POLICY["generation"]


def test_a_pinned_revision_takes_the_calls() -> None:
    world = edited(SECOND, 10)
    world.edit({**SECOND, "pinRevision": 1})
    world.settle(10)
    assert serving(world).revision == 1


def test_a_pod_that_ends_gets_nothing_new_and_finishes_what_it_has() -> None:
    world = served(merged(FIRST, {"scaling": {"replicas": 2}}))
    ending = next(iter(world.pods))
    world.pods[ending]["metadata"]["deletionTimestamp"] = "2026-11-21T00:00:00Z"
    assert {each.name: each.draining for each in serving(world).endpoints}[ending]
    world.pods[ending]["status"]["phase"] = "Succeeded"
    assert ending not in {each.name for each in serving(world).endpoints}


def test_where_every_pod_ends_nobody_takes_calls() -> None:
    world = served()
    for pod in world.pods.values():
        pod["metadata"]["deletionTimestamp"] = "2026-11-21T00:00:00Z"
    # Ready still speaks of a moment ago.
    assert world.condition("Ready")["status"] == "True"
    assert down(world).reason == "Starting"


@pytest.mark.parametrize("missing", ["ready", "address"])
def test_a_pod_that_is_not_ready_or_has_no_address_is_no_endpoint(missing: str) -> None:
    world = served()
    (pod,) = world.pods.values()
    if missing == "ready":
        pod["status"]["conditions"] = []
    else:
        del pod["status"]["podIP"]
    assert isinstance(facts(world).state, Down)


def test_an_address_of_the_new_internet_has_brackets() -> None:
    world = served()
    (pod,) = world.pods.values()
    pod["status"]["podIP"] = "fd00::9"
    assert [each.address for each in serving(world).endpoints] == ["[fd00::9]:8080"]


def test_nobody_is_sent_to_the_service_of_a_stranger() -> None:
    world = served()
    del world.objects["Service", "chat"]
    assert isinstance(facts(world).state, Serving)
    told(world, taken=SERVICE_TAKEN)
    assert world.condition("NameTaken")["status"] == "True"
    assert down(world).reason == "NameTaken"


def test_a_model_of_a_provider_takes_calls_with_the_key_of_its_owner() -> None:
    world = served(base("external"))
    assert route(world).provider == world.config["spec"]["external"]
    state = facts(world, Secret("sesame")).state
    assert isinstance(state, Serving)
    assert (state.credential, state.endpoints, state.service) == (Secret("sesame"), (), "")


def test_without_the_key_of_its_owner_a_provider_is_not_called() -> None:
    state = down(served(base("external")), SECRET_MISSING)
    assert (state.reason, state.message) == (SECRET_MISSING.reason.value, SECRET_MISSING.told)


def test_a_model_that_runs_here_names_no_provider() -> None:
    assert route(served()).provider is None


def with_limits(world: Simulated, **fields: object) -> Object:
    world.config["spec"] = {**copy.deepcopy(world.config["spec"]), **fields}
    spec: Object = world.config["spec"]
    return spec


def test_what_acts_at_once_is_that_of_the_newest_spec() -> None:
    world = served()
    with_limits(world, limits={"requests": 3}, access={"from": "All"})
    assert facts(world).spec == {"limits": {"requests": 3}, "access": {"from": "All"}}


def test_of_a_broken_spec_nothing_counts_and_the_last_good_one_stays() -> None:
    world = served()
    before = {"limits": {"requests": 3}}
    with_limits(world, limits={"requests": 9}, context="many")
    assert route(world).in_force(before) == before
    # Whoever has just started knows no better.
    assert route(world).in_force(None) == {"limits": {"requests": 9}}
