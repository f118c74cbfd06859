"""Who may call, how much and for how long acts beside revisions: no new number, no new pod, whatever serves."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from plimsoll.api.crd import part_at, structural_schema
from plimsoll.api.normal import AT_ONCE, PLACES, Place
from plimsoll.api.parts import completed
from plimsoll.api.reasons import Reason
from plimsoll.plan.history import from_object, is_recorded, problems_beside_revisions
from plimsoll.plan.observed import Object
from plimsoll.plan.revision import Revision
from plimsoll.plan.semantic_diff import differences
from plimsoll.routing.compiling import ModelFacts, Serving, compile_model
from plimsoll.routing.document import Served
from tests.support.model_configs import base, merged
from tests.support.one_model import FIRST, SECOND, served
from tests.support.simulated import Simulated


def as_stored(spec: Object) -> Object:
    """With the defaults of the API server, as every operator finds it."""
    made: Object = completed(spec, part_at(structural_schema(), "spec"))
    return made


ACCESS = {"access": {"from": "Selected", "namespaces": ["team-b"]}}
LIMITS = {"limits": {"requests": 60, "whenFull": "Wait", "queue": 10}}
CALLS = {"calls": {"timeouts": {"total": "2m"}, "onDisconnect": "Drain"}}
ALL: Object = {**ACCESS, **LIMITS, **CALLS}
# As an API server would let it through that is bound to an older definition.
WRONG: list[tuple[Object, str]] = [
    ({"access": {"from": "Nobody"}}, "spec.access.from: "),
    ({"access": {"from": "Selected"}}, "spec.access.namespaces: nothing is selected"),
    ({"limits": {}}, "spec.limits: these limits limit nothing"),
    ({"limits": {"dollars": 5}}, "spec.limits.dollars: there is no such field"),
    (
        {"calls": {"timeouts": {"idle": "2h"}}},
        "spec.calls.timeouts.idle: this time is shorter than 1s",
    ),
]


def stored(world: Simulated) -> list[Revision]:
    found = [from_object(each) for (kind, _), each in sorted(world.objects.items()) if kind == "ControllerRevision"]
    return [each for each in found if each]


def of_the_cluster(world: Simulated) -> Any:
    return copy.deepcopy((world.objects, world.pods))


def test_what_acts_at_once_makes_neither_a_revision_nor_pods() -> None:
    assert {PLACES[field] for field in AT_ONCE} == {Place.NOWHERE}


@pytest.mark.parametrize("change", [ACCESS, LIMITS, CALLS, ALL], ids=["access", "limits", "calls", "all"])
@pytest.mark.parametrize("first", [as_stored(FIRST), as_stored(base("external"))], ids=["hosted", "external"])
def test_a_change_of_it_moves_the_observed_generation_and_nothing_else(first: Object, change: Object) -> None:
    world = served(first)
    before, status = of_the_cluster(world), copy.deepcopy(world.status)
    world.plans.clear()
    for spec in (merged(first, change), first):
        world.edit(spec)
        world.settle(20)
    assert world.config["metadata"]["generation"] == 3
    assert of_the_cluster(world) == before
    assert [plan for plan in world.plans if plan.apply or plan.delete or plan.prove or plan.events] == []
    _without_generation(world.status, 3)
    _without_generation(status, 1)
    assert world.status == status


def _without_generation(status: Object, generation: int) -> None:
    assert status.pop("observedGeneration") == generation
    for condition in status["conditions"]:
        assert condition.pop("observedGeneration") == generation


def test_a_model_that_starts_with_it_has_the_revision_that_it_has_without() -> None:
    plain, ruled = served(FIRST), served(merged(FIRST, ALL))
    assert [each.behaviour for each in stored(ruled)] == [each.behaviour for each in stored(plain)]
    assert of_the_cluster(ruled) == of_the_cluster(plain)
    assert not set(AT_ONCE) & set(stored(ruled)[0].spec)


def test_it_changes_while_a_revision_starts_and_the_start_goes_on() -> None:
    world = served(FIRST)
    world.edit(SECOND)
    world.settle(2)
    world.edit(merged(SECOND, ALL))
    world.settle(20)
    assert world.revisions() == [1, 2]
    assert world.status["currentRevision"]["number"] == 2
    assert world.started == list(dict.fromkeys(world.started))
    assert differences(*(each.spec for each in stored(world)))[0].path == "engine.image"


def test_a_revision_that_is_pinned_serves_under_the_newest_of_it() -> None:
    policy = {"generation": {"defaults": {"temperature": 0.5}}}
    world = served(merged(FIRST, {**LIMITS, "generation": {"defaults": {"temperature": 0.1}}}))
    world.edit(merged(FIRST, {**LIMITS, **policy}))
    world.settle(10)
    world.edit(merged(FIRST, {**policy, **ACCESS, **CALLS, "limits": {"tokens": 7}, "pinRevision": 1}))
    world.settle(10)
    assert world.status["currentRevision"]["number"] == 1
    assert world.revisions() == [1, 2]
    serves = stored(world)[0]
    model = compile_model(ModelFacts("default", "chat", world.config["spec"], Serving(serves.number, serves.spec)))
    assert isinstance(model.state, Served)
    assert model.state.generation.defaults == {"temperature": 0.1}
    assert (model.state.limits.tokens, model.state.limits.requests) == (7, None)
    assert (model.state.timeouts.total, model.state.on_disconnect) == (120.0, "drain")
    assert model.access.admits("team-b")


@pytest.mark.parametrize(("change", "words"), WRONG, ids=[words for _, words in WRONG])
def test_what_breaks_a_rule_is_told_and_what_serves_stays(change: Object, words: str) -> None:
    first = as_stored(FIRST)
    world = served(first)
    assert is_recorded(first, stored(world))
    before = of_the_cluster(world)
    world.edit(merged(first, change))
    world.settle(20)
    accepted = world.condition("Accepted")
    assert (accepted["status"], accepted["reason"]) == ("False", Reason.INVALID_SPEC)
    assert words in accepted["message"]
    assert world.condition("Available")["status"] == "True"
    assert of_the_cluster(world) == before
    world.edit(first)
    world.settle(20)
    assert world.condition("Ready")["status"] == "True"


def test_of_what_a_revision_holds_nothing_is_judged_again() -> None:
    """A rule of a newer version shall not stop what was accepted."""
    config = {"metadata": {"name": "chat"}, "spec": merged(base("hub"), {"source": {"huggingFace": {"file": "a.bin"}}})}
    assert problems_beside_revisions(config) == []
    assert problems_beside_revisions({**config, "spec": {**config["spec"], **ALL}}) == []
    wrong = {**config, "spec": {**config["spec"], "limits": {}}}
    assert [each.field for each in problems_beside_revisions(wrong)] == ["spec.limits"]
