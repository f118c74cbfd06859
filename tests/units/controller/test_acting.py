"""What a plan says is written, and no object of somebody else is ever touched."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.cluster import kinds
from plimsoll.cluster.errors import Conflict, Forbidden, Refused
from plimsoll.cluster.events import EventRecorder
from plimsoll.cluster.kinds import Object
from plimsoll.controller.acting import Actor
from plimsoll.controller.mirror import Mirror
from plimsoll.controller.notes import Note
from plimsoll.plan.observed import Observed
from plimsoll.plan.plan import Apply, Delete, Event, Plan
from tests.support.toy_cluster import ToyCluster

_LABELS = {"plimsoll.dev/modelconfig": "chat"}
_CONFIG: Object = {
    "apiVersion": "plimsoll.dev/v1alpha1",
    "kind": "ModelConfig",
    "metadata": {"name": "chat", "namespace": "team", "uid": "u-chat"},
    "spec": {},
}


def _service(owner: str | None = "u-chat", **metadata: Any) -> Object:
    owners = [{"kind": "ModelConfig", "name": "chat", "uid": owner, "controller": True}] if owner else []
    known = {"name": "chat", "namespace": "team", "labels": _LABELS, "ownerReferences": owners}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {**known, **metadata}, "spec": {"selector": {"a": "b"}}}


class _Stage:
    def __init__(self, *objects: Object) -> None:
        self.cluster = ToyCluster(_CONFIG, *objects)
        self.config = self.cluster.find(kinds.MODEL_CONFIG, "chat") or {}
        self.mirror = Mirror()
        self.note = Note()
        # What was written before gateways heard of it.
        self.announced: list[list[str]] = []

    async def announces(self) -> None:
        self.announced.append(list(self.cluster.writes))

    def knows(self, seen: Object | None) -> _Stage:
        assert seen is not None
        self.mirror.put(seen)
        return self

    def acts(self, plan: Plan) -> bool:
        async def main() -> bool:
            actor = Actor(self.cluster, self.mirror, EventRecorder(self.cluster, "test"), self.announces)
            return await actor.act(Observed(config=self.config), plan, self.note)

        return asyncio.run(main())


def _apply(**more: Any) -> Plan:
    return Plan(apply=(Apply(_service(), "because", **{"exists": False, **more}),))


def test_something_new_is_made_and_is_in_the_mirror_at_once() -> None:
    stage = _Stage()
    assert stage.acts(_apply())
    assert stage.cluster.find(kinds.SERVICE, "chat") is not None
    assert stage.mirror.uid(_service()) is not None


def test_what_is_ours_is_written_by_its_uid() -> None:
    stage = _Stage(_service())
    stage.knows(stage.cluster.find(kinds.SERVICE, "chat"))
    assert stage.acts(_apply(exists=True))
    assert stage.cluster.writes == ["apply Service chat"]


def test_a_successor_of_our_object_that_is_not_ours_is_left_alone() -> None:
    stage = _Stage(_service())
    stage.knows(stage.cluster.find(kinds.SERVICE, "chat"))
    stage.cluster.remove(kinds.SERVICE, "chat")
    stranger = stage.cluster.add(_service(owner=None))
    with pytest.raises(Conflict):
        stage.acts(_apply(exists=True))
    assert stage.cluster.find(kinds.SERVICE, "chat") == stranger


def test_an_object_of_somebody_else_is_noted_and_left_alone() -> None:
    stage = _Stage(_service(owner=None, labels={}))
    before = stage.cluster.find(kinds.SERVICE, "chat")
    assert not stage.acts(_apply())
    assert stage.note.taken == {("Service", "chat")}
    assert stage.cluster.find(kinds.SERVICE, "chat") == before


def test_nothing_is_made_that_would_rely_on_an_object_of_somebody_else() -> None:
    stage = _Stage(_service(owner=None, labels={}))
    pods = {**_service(), "apiVersion": "apps/v1", "kind": "Deployment"}
    assert not stage.acts(Plan(apply=(*_apply().apply, Apply(pods, "because", exists=False))))
    assert stage.cluster.find(kinds.kind_of(pods), "chat") is None


def test_what_does_not_refer_to_each_other_is_written_though_one_of_it_cannot_be() -> None:
    stage = _Stage(_service())
    account = {**_service(), "kind": "ServiceAccount"}
    with pytest.raises(Conflict):
        stage.acts(Plan(apply=(*_apply().apply, Apply(account, "because", exists=False))))
    assert stage.cluster.find(kinds.kind_of(account), "chat") is not None


def test_pods_are_made_only_when_their_revision_is_kept() -> None:
    revision = {**_service(name="chat-r1"), "apiVersion": "apps/v1", "kind": "ControllerRevision"}
    pods = {**_service(), "apiVersion": "apps/v1", "kind": "Deployment"}
    stage = _Stage(revision)
    new = (Apply(each, "because", exists=False) for each in (revision, _service(), pods))
    with pytest.raises(Conflict):
        stage.acts(Plan(apply=tuple(new)))
    assert stage.cluster.find(kinds.SERVICE, "chat") is not None
    assert stage.cluster.find(kinds.DEPLOYMENT, "chat") is None


def test_our_object_that_the_mirror_has_not_heard_of_is_planned_for_again() -> None:
    stage = _Stage(_service())
    with pytest.raises(Conflict):
        stage.acts(_apply())
    assert stage.mirror.uid(_service()) is not None
    assert stage.note.taken == set()


def test_our_object_without_its_label_gets_it_back() -> None:
    stage = _Stage(_service(labels={}))
    assert stage.acts(_apply())
    found = stage.cluster.find(kinds.SERVICE, "chat")
    assert found is not None
    assert found["metadata"]["labels"] == _LABELS


def test_what_must_not_have_changed_is_not_written_when_it_has() -> None:
    stage = _Stage(_service())
    stage.knows(stage.cluster.find(kinds.SERVICE, "chat"))
    with pytest.raises(Conflict):
        stage.acts(_apply(exists=True, only_if="1"))


def _with_deletion(stage: _Stage) -> Plan:
    found = stage.cluster.find(kinds.DEPLOYMENT, "chat-old")
    assert found is not None
    metadata = found["metadata"]
    delete = Delete(
        "apps/v1", "Deployment", "team", "chat-old", metadata["uid"], metadata["resourceVersion"], why="it is done"
    )
    return Plan(apply=_apply().apply, delete=(delete,), status={"observedGeneration": 1})


def _old() -> Object:
    return {**_service(name="chat-old"), "apiVersion": "apps/v1", "kind": "Deployment"}


def test_first_is_applied_then_deleted_then_told() -> None:
    stage = _Stage(_old())
    assert stage.acts(_with_deletion(stage))
    assert stage.cluster.writes == ["apply Service chat", "delete Deployment chat-old", "status ModelConfig chat"]


def test_what_moved_on_since_it_was_seen_is_not_deleted() -> None:
    stage = _Stage(_old())
    plan = _with_deletion(stage)
    stage.cluster.add(_old())
    with pytest.raises(Conflict):
        stage.acts(plan)
    assert stage.cluster.find(kinds.DEPLOYMENT, "chat-old") is not None


def test_what_is_gone_already_need_not_be_deleted() -> None:
    stage = _Stage(_old())
    plan = _with_deletion(stage)
    stage.cluster.remove(kinds.DEPLOYMENT, "chat-old")
    assert stage.acts(plan)


def test_nothing_is_taken_away_when_what_follows_it_was_refused() -> None:
    stage = _Stage(_old())
    stage.cluster.refuse = lambda verb, kind, _: Refused("violates PodSecurity") if kind == kinds.SERVICE else None
    assert not stage.acts(_with_deletion(stage))
    assert stage.note.refused == {("Service", "chat"): "violates PodSecurity"}
    assert stage.cluster.writes == ["apply Service chat"]


def test_a_refusal_that_the_plan_knew_of_is_told_in_the_status() -> None:
    stage = _Stage()
    stage.note.refused[("Service", "chat")] = "violates PodSecurity"
    stage.cluster.refuse = lambda verb, kind, _: Refused("violates PodSecurity") if kind == kinds.SERVICE else None
    assert stage.acts(Plan(apply=_apply().apply, status={"observedGeneration": 1}))
    assert stage.cluster.writes == ["apply Service chat", "status ModelConfig chat"]


def test_a_refusal_that_is_over_is_planned_without() -> None:
    stage = _Stage()
    stage.note.refused[("Service", "chat")] = "violates PodSecurity"
    assert not stage.acts(Plan(apply=_apply().apply, status={"observedGeneration": 1}))
    assert stage.note.refused == {}


def test_a_missing_right_is_a_refusal_that_names_it() -> None:
    stage = _Stage()
    stage.cluster.refuse = lambda verb, kind, _: (
        Forbidden("may not", "patch", "services") if kind == kinds.SERVICE else None
    )
    assert not stage.acts(_apply())
    assert "let an administrator allow `patch` on `services`" in stage.note.refused[("Service", "chat")]


def _ready(status: str, generation: int) -> Object:
    return {"conditions": [{"type": "Ready", "status": status, "observedGeneration": generation}]}


@pytest.mark.parametrize(
    ("before", "now", "announced"),
    [
        ({}, _ready("True", 1), True),
        (_ready("False", 1), _ready("True", 1), True),
        # What acts without a new revision was changed: who waits for this generation may rely on it.
        (_ready("True", 1), _ready("True", 2), True),
        (_ready("True", 2), {**_ready("True", 2), "replicas": 3}, False),
        (_ready("True", 1), _ready("False", 2), False),
        ({}, {"observedGeneration": 1}, False),
    ],
)
def test_gateways_hear_of_it_before_the_status_says_ready(before: Object, now: Object, announced: bool) -> None:
    stage = _Stage()
    stage.config = {**stage.config, "status": before}
    assert stage.acts(Plan(apply=_apply().apply, status=now))
    assert stage.cluster.writes == ["apply Service chat", "status ModelConfig chat"]
    assert stage.announced == ([["apply Service chat"]] if announced else [])


def test_a_status_is_never_written_to_another_object_of_that_name() -> None:
    stage = _Stage()
    stage.cluster.remove(kinds.MODEL_CONFIG, "chat")
    stage.cluster.add({**_CONFIG, "metadata": {**_CONFIG["metadata"], "uid": "another"}})
    with pytest.raises(Conflict):
        stage.acts(Plan(status={"observedGeneration": 1}))


def test_a_status_is_told_although_somebody_has_written_a_label_meanwhile() -> None:
    stage = _Stage()
    stage.cluster.add({**_CONFIG, "metadata": {**_CONFIG["metadata"], "labels": {"a": "b"}}})
    assert stage.acts(Plan(status={"observedGeneration": 1}))
    found = stage.cluster.find(kinds.MODEL_CONFIG, "chat")
    assert found is not None
    assert (found["status"], found["metadata"]["labels"]) == ({"observedGeneration": 1}, {"a": "b"})


def test_a_status_of_a_spec_that_was_edited_meanwhile_is_not_told() -> None:
    stage = _Stage()
    stage.cluster.add({**_CONFIG, "metadata": {**_CONFIG["metadata"], "generation": 2}})
    with pytest.raises(Conflict):
        stage.acts(Plan(status={"observedGeneration": 1}))
    assert "status" not in (stage.cluster.find(kinds.MODEL_CONFIG, "chat") or {})


def test_events_come_last_and_their_failure_is_nobodys_trouble() -> None:
    stage = _Stage()
    stage.cluster.refuse = lambda verb, kind, _: Refused("no") if kind == kinds.EVENT else None
    plan = Plan(status={"observedGeneration": 1}, events=(Event("Normal", Reason.ACCEPTED, "revision 1"),))
    assert stage.acts(plan)
    assert stage.cluster.writes == ["status ModelConfig chat", "create Event Accepted"]
