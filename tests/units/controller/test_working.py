"""Passes: what is read, when it is read again, and when a key comes round again. Time is virtual."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest

from plimsoll.api.configuration import Images, OperatorConfiguration
from plimsoll.api.reasons import Reason
from plimsoll.cluster import kinds
from plimsoll.cluster.errors import ClusterError, Conflict, NotFound, Refused, Unavailable
from plimsoll.cluster.events import EventRecorder
from plimsoll.cluster.kinds import Object
from plimsoll.cluster.lease import LeaseLost
from plimsoll.controller.acting import Actor
from plimsoll.controller.background import Background
from plimsoll.controller.image_volumes import ImageVolumes
from plimsoll.controller.metrics import Metrics
from plimsoll.controller.mirror import Mirror
from plimsoll.controller.notes import Notes
from plimsoll.controller.observing import Observer
from plimsoll.controller.outside import OutsideObjects
from plimsoll.controller.proving import Prover
from plimsoll.controller.queue import KeyedQueue
from plimsoll.controller.reconcile import Reconciler
from plimsoll.controller.sources import Sources
from plimsoll.controller.working import Crew
from plimsoll.plan.observed import Key, Observed
from plimsoll.plan.plan import Apply, Delete, Plan
from plimsoll.weights.reading import SourceReader
from tests.support.toy_cluster import ToyCluster
from tests.support.virtual_time import run

_CHAT = Key("team", "chat")
_EXTERNAL: Object = {"external": {"provider": "openai", "model": "m", "credential": {"secretName": "key"}}}


def _config(uid: str = "u-chat", **spec: Any) -> Object:
    metadata = {"name": "chat", "namespace": "team", "uid": uid}
    return {"apiVersion": "plimsoll.dev/v1alpha1", "kind": "ModelConfig", "metadata": metadata, "spec": spec}


def _child(kind: kinds.Kind, owner: str = "u-chat", name: str = "chat") -> Object:
    metadata = {
        "name": name,
        "namespace": "team",
        "labels": {"plimsoll.dev/modelconfig": "chat"},
        "ownerReferences": [{"kind": "ModelConfig", "name": "chat", "uid": owner, "controller": True}],
    }
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}


@dataclass
class _Stage:
    cluster: ToyCluster
    plans: list[Plan | Exception] = field(default_factory=list)
    seen: list[Observed] = field(default_factory=list)
    mirror: Mirror = field(default_factory=Mirror)
    notes: Notes = field(default_factory=Notes)
    metrics: Metrics = field(default_factory=Metrics)

    def hears_all(self) -> _Stage:
        for each in self.cluster.objects.values():
            self.mirror.put(each)
        return self

    def make_plan(self, observed: Observed, _: OperatorConfiguration, now: datetime) -> Plan:
        self.seen.append(observed)
        plan = self.plans.pop(0) if self.plans else Plan()
        if isinstance(plan, Exception):
            raise plan
        return plan

    def works(self, seconds: float = 0.1, also: Callable[[KeyedQueue], None] = lambda _: None) -> _Stage:
        async def main() -> None:
            async with AsyncExitStack() as stack:
                session = await stack.enter_async_context(aiohttp.ClientSession())
                background, queue = Background(), KeyedQueue()
                sources = Sources(SourceReader(), background, queue.add)
                observer = Observer(
                    self.cluster,
                    self.mirror,
                    OutsideObjects(self.cluster),
                    ImageVolumes(self.cluster),
                    sources,
                    Prover(session, background, queue.add),
                    self.notes,
                )
                actor = Actor(self.cluster, self.mirror, EventRecorder(self.cluster, "test"))
                configuration = OperatorConfiguration(images=Images(plimsoll="p:1"))
                reconciler = Reconciler(observer, self.make_plan, actor, self.notes, lambda: configuration)
                crew = Crew(queue, reconciler, self.notes, self.metrics)
                tasks = [asyncio.create_task(each) for each in crew.workers()]
                queue.add(_CHAT)
                also(queue)
                await asyncio.sleep(seconds)
                await queue.drain()
                await asyncio.gather(*tasks)

        run(main())
        return self

    def ended(self, result: str) -> float:
        return self.metrics.registry.get_sample_value("plimsoll_operator_reconcile_total", {"result": result}) or 0


def _stage(*objects: Object, plans: list[Plan | Exception] | None = None) -> _Stage:
    return _Stage(ToyCluster(*objects), plans or [])


def _deleting(stage: _Stage) -> Plan:
    found = stage.cluster.find(kinds.DEPLOYMENT, "chat-1")
    assert found is not None
    metadata = found["metadata"]
    return Plan(
        delete=(
            Delete("apps/v1", "Deployment", "team", "chat-1", metadata["uid"], metadata["resourceVersion"], "done"),
        )
    )


def test_a_pass_that_changes_nothing_asks_the_server_nothing() -> None:
    stage = _stage(_config(), _child(kinds.SERVICE)).hears_all().works()
    assert stage.cluster.requests == []
    assert [each["kind"] for each in stage.seen[0].children] == ["Service"]
    assert not stage.seen[0].fresh
    assert stage.ended("as_wanted") == 1


def test_what_takes_something_away_is_decided_again_on_live_reads() -> None:
    stage = _stage(_config(), _child(kinds.DEPLOYMENT, name="chat-1")).hears_all()
    stage.plans = [_deleting(stage), _deleting(stage)]
    stage.works()
    assert [each.fresh for each in stage.seen] == [False, True]
    assert "list Deployment plimsoll.dev/modelconfig=chat" in stage.cluster.requests
    assert stage.cluster.writes == ["delete Deployment chat-1"]


def test_nothing_is_taken_away_when_the_live_reads_say_otherwise() -> None:
    stage = _stage(_config(), _child(kinds.DEPLOYMENT, name="chat-1")).hears_all()
    stage.plans = [_deleting(stage), Plan()]
    stage.works()
    assert stage.cluster.writes == []


def test_live_reads_show_what_the_mirror_never_heard_of() -> None:
    stage = _stage(_config(), _child(kinds.DEPLOYMENT, name="chat-1")).hears_all()
    stage.cluster.add(_child(kinds.SERVICE))
    stage.plans = [_deleting(stage)]
    stage.works()
    assert [len(each.children) for each in stage.seen] == [1, 2]


def test_a_config_that_is_gone_ends_the_pass_without_a_word() -> None:
    stage = _stage().works()
    assert (stage.seen, stage.cluster.requests) == ([], [])
    assert stage.ended("gone") == 1
    assert not stage.notes.known


def test_a_conflict_is_looked_at_again_with_live_reads() -> None:
    stage = _stage(_config(), plans=[Conflict("has moved on")]).hears_all().works(seconds=1)
    assert [each.fresh for each in stage.seen] == [False, True]
    assert stage.ended("moved_on") == 1


def test_a_config_that_went_away_meanwhile_is_forgotten() -> None:
    stage = _stage(_config(), plans=[NotFound("modelconfigs chat not found")]).hears_all()
    stage.cluster.remove(kinds.MODEL_CONFIG, "chat")
    stage.works(seconds=600)
    assert stage.mirror.family(_CHAT) is None
    assert (stage.ended("moved_on"), stage.ended("gone")) == (1, 1)


def test_an_absent_server_is_tried_again_when_it_asked_for_it() -> None:
    plans: list[Plan | Exception] = [Unavailable("away", retry_after=30)]
    assert len(_stage(_config(), plans=plans).hears_all().works(seconds=29).seen) == 1
    plans = [Unavailable("away", retry_after=30)]
    assert len(_stage(_config(), plans=plans).hears_all().works(seconds=31).seen) == 2


def test_a_mistake_of_ours_is_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    stage = _stage(_config(), plans=[ZeroDivisionError("oops")]).hears_all().works(seconds=1)
    assert (stage.ended("failed"), stage.ended("as_wanted")) == (1, 1)
    assert "the pass failed" in caplog.text


def test_who_lost_the_lease_tries_nothing_again() -> None:
    plans: list[Plan | Exception] = [LeaseLost("lost")]
    stage = _stage(_config(), plans=plans).hears_all().works(seconds=3600)
    assert (len(stage.seen), stage.ended("not_leading")) == (1, 1)


def test_what_was_written_is_looked_at_again_because_nobody_tells_of_it() -> None:
    service = _child(kinds.SERVICE)
    plans: list[Plan | Exception] = [Plan(apply=(Apply(service, "because", exists=False),))]
    stage = _stage(_config(), plans=plans).hears_all().works(seconds=1)
    assert [[child["kind"] for child in each.children] for each in stage.seen] == [[], ["Service"]]
    assert (stage.ended("changed"), stage.ended("as_wanted")) == (1, 1)


def test_a_plan_is_looked_at_again_when_it_asks_for_it() -> None:
    stage = _stage(_config(), plans=[Plan(again_after=timedelta(seconds=7))]).hears_all()
    assert len(stage.works(seconds=6.9).seen) == 1
    stage.plans = [Plan(again_after=timedelta(seconds=7))]
    assert len(stage.works(seconds=7.1).seen) == 3


def test_what_was_refused_is_told_by_the_next_pass_and_tried_again_and_again_more_slowly() -> None:
    def refuse(verb: str, kind: kinds.Kind, name: str) -> ClusterError | None:
        return Refused("violates PodSecurity") if verb == "apply" else None

    stage = _stage(_config()).hears_all()
    stage.cluster.refuse = refuse
    stage.plans = [Plan(apply=(Apply(_child(kinds.SERVICE), "because", exists=False),)) for _ in range(100)]
    stage.works(seconds=60)
    assert stage.seen[1].refused == {("Service", "chat"): "violates PodSecurity"}
    assert 6 <= len(stage.seen) <= 10


def test_a_stranger_with_our_label_is_taken_for_a_stranger() -> None:
    stranger = _child(kinds.SERVICE)
    stranger["metadata"]["ownerReferences"] = []
    assert _stage(_config(), stranger).hears_all().works().seen[0].taken == {("Service", "chat")}


def test_a_name_that_was_taken_is_looked_at_until_it_is_free() -> None:
    stranger = {**_child(kinds.SERVICE), "metadata": {"name": "chat", "namespace": "team"}}
    stage = _stage(_config(), stranger)
    stage.mirror.put(stage.cluster.find(kinds.MODEL_CONFIG, "chat") or {})
    stage.plans = [Plan(apply=(Apply(_child(kinds.SERVICE), "because", exists=False),))]
    stage.works(seconds=1)
    assert stage.seen[1].taken == {("Service", "chat")}
    stage.cluster.remove(kinds.SERVICE, "chat")
    stage.works()
    assert stage.seen[-1].taken == frozenset()


def test_a_namesake_of_before_is_waited_out() -> None:
    config = _config(uid="second")
    config["metadata"]["creationTimestamp"] = "2999-01-01T00:00:00Z"
    stage = _stage(config, _child(kinds.SERVICE, owner="first")).hears_all()
    stage.works(seconds=1, also=lambda queue: None)
    assert stage.seen == []
    assert stage.ended("waiting") >= 2


def test_a_secret_that_is_named_is_read_again_every_minute_and_found_soon_when_it_comes() -> None:
    stage = _stage(_config(**_EXTERNAL)).hears_all().works()
    assert [each.reason for each in stage.seen[0].missing] == [Reason.SECRET_MISSING]
    metadata = {"name": "key", "namespace": "team", "labels": {"plimsoll.dev/credential": "true"}}
    stage.cluster.add({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"apiKey": "aw=="}})
    stage.cluster.requests.clear()
    stage.works(seconds=181)
    assert stage.seen[-1].missing == ()
    assert stage.cluster.requests == ["get Secret key"] * 4


def test_what_a_gone_config_left_in_the_mirror_is_looked_at_too() -> None:
    stage = _stage(_config(), _child(kinds.SERVICE)).hears_all()
    stage.notes.of(_CHAT).look_again = True
    stage.cluster.objects.clear()
    stage.works()
    assert stage.ended("gone") == 1
    assert (stage.mirror.size, stage.notes.known) == (0, 0)


def test_a_successor_that_is_told_of_while_the_first_is_looked_for_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = _stage(_config(uid="first")).hears_all()
    stage.notes.of(_CHAT).look_again = True

    async def gone(*_: object) -> Object:
        stage.mirror.put(stage.cluster.add(_config(uid="second")))
        raise NotFound("modelconfigs chat not found")

    monkeypatch.setattr(stage.cluster, "get", gone)
    stage.works()
    assert [each.config["metadata"]["uid"] for each in stage.seen] == ["second"]
