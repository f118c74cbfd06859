"""What is heard: whose it is, whether it is news, and who comes first. Time is virtual."""

from __future__ import annotations

import asyncio
from typing import Any

from plimsoll.cluster import kinds
from plimsoll.cluster.kinds import Object
from plimsoll.controller.ears import Ears
from plimsoll.controller.metrics import Metrics
from plimsoll.controller.mirror import Mirror
from plimsoll.controller.queue import KeyedQueue
from plimsoll.plan.observed import Key
from tests.support.toy_cluster import ToyCluster
from tests.support.virtual_time import run

_CHAT = Key("team", "chat")
_CONFIG: Object = {
    "apiVersion": "plimsoll.dev/v1alpha1",
    "kind": "ModelConfig",
    "metadata": {"name": "chat", "namespace": "team", "uid": "u-chat"},
    "spec": {},
}
_POD: Object = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "chat", "namespace": "team", "labels": {"plimsoll.dev/modelconfig": "chat"}},
    "status": {"hostIP": "10.0.0.9"},
}


def test_a_list_tells_of_configs_that_were_never_heard_of_and_of_those_that_are_gone() -> None:
    async def main() -> None:
        cluster, queue = ToyCluster(_CONFIG), KeyedQueue()
        ears = Ears(Mirror(), queue, Metrics(), set())
        await ears.list_configs(cluster, "team")
        assert ears.mirror.family(_CHAT) is not None
        queue.done(await queue.take())
        cluster.remove(kinds.MODEL_CONFIG, "chat")
        await ears.list_configs(cluster, "team")
        assert ears.mirror.family(_CHAT) is None
        assert await queue.take() == _CHAT

    run(main())


def test_news_reach_the_queue_and_echoes_do_not() -> None:
    async def main() -> list[int]:
        mirror, queue, nodes = Mirror(), KeyedQueue(), set[str]()
        ears = Ears(mirror, queue, Metrics(), nodes)
        config = ToyCluster().add(_CONFIG)
        depths = []
        for what in ("LISTED", "MODIFIED"):
            ears.told(kinds.MODEL_CONFIG, what, dict(config))
            depths.append(queue.depth)
            if queue.depth:
                queue.done(await queue.take())
        pod = ToyCluster().add(_POD)
        ears.told(kinds.POD, "ADDED", pod)
        assert nodes == {"10.0.0.9"}
        return depths

    assert run(main()) == [1, 0]


def test_what_users_declare_comes_before_what_happens_to_their_models() -> None:
    async def main() -> list[str]:
        queue = KeyedQueue()
        ears = Ears(Mirror(), queue, Metrics(), set())
        ears.told(kinds.MODEL_CONFIG, "LISTED", _told(1, "old", generation=1))
        await queue.take()
        queue.done(Key("team", "old"))
        await asyncio.sleep(1)
        ears.told(kinds.MODEL_CONFIG, "MODIFIED", _told(2, "old", generation=1, labels={"a": "b"}))
        ears.told(kinds.MODEL_CONFIG, "ADDED", _told(3, "new", generation=1))
        ears.told(kinds.POD, "ADDED", ToyCluster().add(_POD))
        order = [(await queue.take()).name]
        ears.told(kinds.MODEL_CONFIG, "MODIFIED", _told(4, "old", generation=2))
        ears.told(kinds.MODEL_CONFIG, "DELETED", _told(5, "new", generation=2))
        queue.done(Key("team", "new"))
        return order + [(await queue.take()).name for _ in range(3)]

    assert run(main()) == ["new", "old", "new", "chat"]


def _told(version: int, name: str, **metadata: Any) -> Object:
    known = {"name": name, "namespace": "team", "uid": f"u-{name}", "resourceVersion": str(version)}
    return {**_CONFIG, "metadata": {**known, **metadata}}
