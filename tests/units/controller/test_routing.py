"""The routing document follows what is heard: what changed is a version of its own, and nothing else moves."""

from __future__ import annotations

import asyncio
import base64
import copy
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from plimsoll.api.configuration import Images, OperatorConfiguration
from plimsoll.api.teams import Team
from plimsoll.cluster.errors import Unavailable
from plimsoll.cluster.kinds import SECRET, Object
from plimsoll.controller import model_routes
from plimsoll.controller.key_store import KeyStore
from plimsoll.controller.mirror import Mirror
from plimsoll.controller.model_routes import ModelRoutes
from plimsoll.controller.outside import OutsideObjects
from plimsoll.controller.queue import KeyedQueue
from plimsoll.controller.routing import News, Routing
from plimsoll.plan.observed import Key
from plimsoll.routing.changes import ModelChange
from plimsoll.routing.compiling import ModelFacts, compile_model
from plimsoll.routing.document import Document, Down, Hosted, Model, Provider, Served, Version
from plimsoll.routing.entry import Secret
from tests.support.model_configs import base, merged
from tests.support.model_keys import HASH, model_key
from tests.support.one_model import served
from tests.support.simulated import Simulated
from tests.support.toy_cluster import ToyCluster
from tests.support.virtual_time import run

APP = Key("default", "app")


def _objects(world: Simulated) -> list[Object]:
    pods = [{"apiVersion": "v1", "kind": "Pod", **each} for each in world.pods.values()]
    return [world.config, *world.objects.values(), *pods]


_HOSTED = _objects(served())
_EXTERNAL = _objects(served(merged(base("external"), {"external": {"credential": {"secretName": "provider"}}})))


class Stage:
    def __init__(self) -> None:
        self.cluster = ToyCluster()
        self.configuration = OperatorConfiguration(images=Images(plimsoll="p:1"))
        self.news = News()
        self.mirror, self.keys, self.queue = Mirror(self.news.of_model), KeyStore(), KeyedQueue()
        self.gateways = 1
        models = ModelRoutes(self.mirror, OutsideObjects(self.cluster), lambda: self.configuration, self.news.models)
        self.routing = Routing(
            self.news, models, self.keys, lambda: self.gateways, lambda: self.configuration, 3, self.queue
        )
        self._version = 1000

    @property
    def document(self) -> Document:
        current = self.routing.table.current
        assert current is not None
        return current

    def model(self, name: str = "chat") -> Model:
        return self.document.models[f"default/{name}"]

    def state(self, name: str = "chat") -> Served:
        state = self.model(name).state
        assert isinstance(state, Served)
        return state

    def hears(self, thing: Object) -> None:
        self._version += 1
        self.mirror.put({**thing, "metadata": {**thing["metadata"], "resourceVersion": str(self._version)}})

    def has_model(self, name: str = "chat", *, external: bool = False) -> list[Object]:
        """Serves with one pod, as the operator has made it. Its objects: the ModelConfig first, its pod last."""
        found = copy.deepcopy(_EXTERNAL if external else _HOSTED)
        for each in found:
            _rename(each, name)
            self.hears(each)
        return found

    def has_key(self, **spec: Any) -> None:
        self._version += 1
        made = model_key(spec)
        made["metadata"] |= {"uid": "u", "resourceVersion": str(self._version), "generation": self._version}
        self.keys.put({**made, "metadata": {**made["metadata"], "creationTimestamp": "2026-11-21T00:00:00Z"}})
        self.news.of_anything()

    def play(self, play: Callable[[], Awaitable[None]]) -> None:
        async def main() -> None:
            tasks = [asyncio.create_task(each) for each in (self.routing.run(), self.routing.follow_providers())]
            await asyncio.sleep(1)
            await play()
            for task in tasks:
                assert not task.done()
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        run(main())


def _rename(thing: Object, name: str) -> None:
    metadata = thing["metadata"]
    if metadata["name"] == "chat":
        metadata["name"] = name
    if "plimsoll.dev/modelconfig" in metadata.get("labels", {}):
        metadata["labels"]["plimsoll.dev/modelconfig"] = name


def _secret(key: str, version: str = "1") -> Object:
    metadata = {"name": "provider", "namespace": "default", "labels": {"plimsoll.dev/credential": "true"}}
    data = {"apiKey": base64.b64encode(key.encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {**metadata, "resourceVersion": version}, "data": data}


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_the_first_document_has_all_that_was_listed_and_the_epoch_of_the_leader(stage: Stage) -> None:
    async def play() -> None:
        assert stage.document.version == Version(epoch=3, sequence=1)
        upstream = stage.state().upstream
        assert isinstance(upstream, Hosted)
        assert [each.address for each in upstream.endpoints] == ["10.0.0.9:8080"]
        assert stage.document.keys[HASH].full_name == "default/app"
        assert (stage.document.gateways, list(stage.document.teams)) == (2, ["search"])

    limited = Team.model_validate({"name": "search", "namespaces": ["ads"], "limits": {"requests": 3}})
    stage.configuration = stage.configuration.model_copy(update={"teams": (limited,)})
    stage.gateways = 2
    stage.has_model()
    stage.has_key()
    stage.play(play)


def test_where_there_is_nothing_the_document_says_so(stage: Stage) -> None:
    async def play() -> None:
        assert (stage.document.models, stage.document.keys) == ({}, {})

    stage.play(play)


def test_a_pod_that_goes_is_one_change_of_one_model(stage: Stage) -> None:
    async def play() -> None:
        before = stage.document
        pod["status"]["conditions"] = []
        stage.hears(pod)
        await asyncio.sleep(1)
        assert stage.document.version == before.version.next()
        assert isinstance(stage.model("one").state, Down)
        assert stage.model("two") is before.models["default/two"]
        updates = stage.routing.table.since(before.version)
        assert updates is not None
        assert [type(change) for update in updates for change in update.changes] == [ModelChange]

    *_, pod = stage.has_model("one")
    stage.has_model("two")
    stage.play(play)


def test_what_changes_nothing_for_callers_is_no_version(stage: Stage) -> None:
    async def play() -> None:
        before, entry = stage.document, stage.model()
        stage.hears({**config, "metadata": {**config["metadata"], "labels": {"any": "label"}}})
        stage.news.of_anything()
        await asyncio.sleep(1)
        assert stage.document is before
        assert stage.routing.models.models[Key("default", "chat")] is entry

    config, *_ = stage.has_model()
    stage.play(play)


def test_what_comes_together_is_one_version(stage: Stage) -> None:
    async def play() -> None:
        before = stage.document.version
        for number in range(5):
            stage.has_key(suspended=bool(number % 2))
            stage.has_model(f"model-{number}")
            await asyncio.sleep(0.005)
        await asyncio.sleep(1)
        assert stage.document.version == before.next()
        assert len(stage.document.models) == 5

    stage.play(play)


def test_whoever_waits_for_what_was_heard_has_the_version_in_which_it_is(stage: Stage) -> None:
    async def play() -> None:
        before = stage.document.version
        assert await stage.routing.up_to_now() == before
        stage.has_model()
        assert await stage.routing.up_to_now() == before.next() == stage.document.version
        assert list(stage.document.models) == ["default/chat"]
        # Nothing new for callers: the version that has it is the one that was there.
        stage.news.of_anything()
        assert await stage.routing.up_to_now() == before.next()

    stage.play(play)


def test_what_is_heard_while_a_version_is_made_is_waited_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is in that version nobody knows."""

    async def play() -> None:
        compiled = stage.routing.models.compile

        async def compile_slowly() -> None:
            await compiled()
            begun.set()
            await asyncio.sleep(1)

        begun = asyncio.Event()
        monkeypatch.setattr(stage.routing.models, "compile", compile_slowly)
        stage.has_model("one")
        await begun.wait()
        stage.has_model("two")
        await stage.routing.up_to_now()
        assert list(stage.document.models) == ["default/one", "default/two"]

    stage.play(play)


def test_before_the_first_document_nobody_waits(stage: Stage) -> None:
    stage.has_model()
    assert run(stage.routing.up_to_now()) is None


def test_a_model_that_is_gone_or_going_is_not_in_the_document(stage: Stage) -> None:
    async def play() -> None:
        stage.hears({**going, "metadata": {**going["metadata"], "deletionTimestamp": "2026-11-21T00:00:00Z"}})
        stage.mirror.remove({**gone, "metadata": {**gone["metadata"], "resourceVersion": "9999"}})
        await asyncio.sleep(1)
        assert stage.document.models == {}

    going, *_ = stage.has_model("going")
    gone, *_ = stage.has_model("gone")
    stage.play(play)


def test_a_key_is_in_the_document_before_it_is_told_and_gone_when_it_is_deleted(stage: Stage) -> None:
    async def play() -> None:
        assert stage.queue.depth == 0
        stage.has_key()
        await asyncio.sleep(1)
        assert stage.document.keys[HASH].full_name == "default/app"
        assert await stage.queue.take() == APP
        stage.keys.remove(APP)
        stage.news.of_anything()
        await asyncio.sleep(1)
        assert stage.document.keys == {}

    stage.play(play)


def test_another_configuration_of_teams_settles_every_key_again(stage: Stage) -> None:
    async def play() -> None:
        assert stage.document.keys == {}
        stage.queue.done(await stage.queue.take())
        team = Team(name="search", namespaces=("default",))
        stage.configuration = stage.configuration.model_copy(update={"teams": (team,)})
        stage.news.of_anything()
        await asyncio.sleep(1)
        assert stage.document.keys[HASH].team == "search"
        assert await stage.queue.take() == APP

    stage.has_key(team="search")
    stage.play(play)


def test_access_and_limits_are_those_of_the_spec_whatever_serves(stage: Stage) -> None:
    async def play() -> None:
        assert stage.model().access.everyone
        assert (stage.state().revision, stage.state().limits.requests) == (1, 7)

    config, *_ = stage.has_model()
    config["spec"] |= {"access": {"from": "All"}, "limits": {"requests": 7}}
    stage.hears(config)
    stage.play(play)


def test_the_key_of_a_provider_is_followed_although_nobody_tells(stage: Stage) -> None:
    def credential() -> Secret | None:
        upstream = stage.state().upstream
        assert isinstance(upstream, Provider)
        return upstream.credential

    async def play() -> None:
        assert credential() == Secret("first")
        stage.cluster.add(_secret("second"))
        await asyncio.sleep(80)
        assert credential() == Secret("second")
        version = stage.document.version
        stage.cluster.refuse = lambda *_: Unavailable("away")
        await asyncio.sleep(150)
        stage.hears({**config, "metadata": {**config["metadata"], "labels": {"any": "label"}}})
        await asyncio.sleep(150)
        assert (credential(), stage.document.version) == (Secret("second"), version)
        stage.cluster.refuse = lambda *_: None
        stage.cluster.remove(SECRET, "provider", "default")
        await asyncio.sleep(80)
        assert stage.model().state == Down(reason="SecretMissing", message=_words(stage.model()))
        requests = len(stage.cluster.requests)
        await asyncio.sleep(600)
        # Looked for sooner than a minute while it is missing, and not all the time.
        assert 30 <= len(stage.cluster.requests) - requests <= 60

    stage.cluster.add(_secret("first"))
    config, *_ = stage.has_model(external=True)
    stage.play(play)


def _words(model: Model) -> str:
    assert isinstance(model.state, Down)
    return model.state.message


def test_a_provider_whose_key_cannot_be_read_yet_is_served_as_soon_as_it_can(stage: Stage) -> None:
    async def play() -> None:
        assert isinstance(stage.model().state, Down)
        stage.cluster.refuse = lambda *_: None
        await asyncio.sleep(30)
        assert isinstance(stage.model().state, Served)

    stage.cluster.add(_secret("first"))
    stage.cluster.refuse = lambda *_: Unavailable("away")
    stage.has_model(external=True)
    stage.play(play)


def test_a_mistake_in_one_model_stops_no_other(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def compiled(facts: ModelFacts) -> Model:
        if facts.name == "odd":
            raise ZeroDivisionError
        return compile_model(facts)

    async def play() -> None:
        assert list(stage.document.models) == ["default/even"]

    monkeypatch.setattr(model_routes, "compile_model", compiled)
    stage.has_model("odd")
    stage.has_model("even")
    stage.play(play)


def test_others_get_their_turn_while_much_is_compiled(stage: Stage) -> None:
    async def turns() -> int:
        compiling, taken = asyncio.create_task(stage.routing.models.compile()), 0
        while not compiling.done():
            taken += 1
            await asyncio.sleep(0)
        return taken

    for number in range(20):
        stage.has_model(f"model-{number}")
    assert run(turns()) >= 20
