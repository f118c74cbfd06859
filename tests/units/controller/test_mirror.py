"""The mirror believes the newest word, and knows what is gone."""

from __future__ import annotations

from typing import Any

from plimsoll.cluster import kinds
from plimsoll.cluster.kinds import Object
from plimsoll.controller.mirror import Mirror
from plimsoll.plan.observed import Key

_CHAT = Key("team", "chat")


def _config(version: int = 1, uid: str = "c-1", **spec: Any) -> Object:
    metadata = {"name": "chat", "namespace": "team", "uid": uid, "resourceVersion": str(version)}
    return {"apiVersion": "plimsoll.dev/v1alpha1", "kind": "ModelConfig", "metadata": metadata, "spec": spec}


def _child(kind: kinds.Kind, version: int = 1, name: str = "chat", uid: str = "", **content: Any) -> Object:
    metadata = {
        "name": name,
        "namespace": "team",
        "uid": uid or f"{kind.name}-{name}",
        "resourceVersion": str(version),
        "labels": {"plimsoll.dev/modelconfig": "chat"},
    }
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, **content}


def _mirror(*objects: Object) -> Mirror:
    mirror = Mirror()
    for each in objects:
        mirror.put(each)
    return mirror


def test_a_family_is_sorted_into_its_parts() -> None:
    service, pod, revision = _child(kinds.SERVICE), _child(kinds.POD), _child(kinds.REVISION)
    family = _mirror(_config(), service, pod, revision).family(_CHAT)
    assert family is not None
    assert family.config == _config()
    assert (family.children, family.pods, family.revisions) == ((service,), (pod,), (revision,))


def test_children_without_a_config_are_no_family() -> None:
    mirror = _mirror(_child(kinds.SERVICE))
    assert mirror.family(_CHAT) is None
    assert list(mirror.keys()) == []


def test_an_older_word_is_not_believed() -> None:
    mirror = _mirror(_config(version=10, context=4096))
    assert not mirror.put(_config(version=9, context=512))
    assert not mirror.put(_config(version=10, context=512))
    family = mirror.family(_CHAT)
    assert family is not None
    assert family.config["spec"] == {"context": 4096}


def test_a_newer_version_that_says_the_same_is_kept_and_is_no_news() -> None:
    mirror = _mirror(_child(kinds.SERVICE, version=1, spec={"a": 1}), _config())
    assert not mirror.put(_child(kinds.SERVICE, version=2, spec={"a": 1}))
    assert mirror.put(_child(kinds.SERVICE, version=3, spec={"a": 2}))
    family = mirror.family(_CHAT)
    assert family is not None
    assert family.children[0]["metadata"]["resourceVersion"] == "3"


def test_whoever_wants_to_know_is_told_of_every_family_that_is_another_one_now() -> None:
    told: list[Key] = []
    mirror = Mirror(told.append)
    mirror.put(_config(version=1))
    mirror.put(_child(kinds.SERVICE, version=2))
    assert told == [_CHAT, _CHAT]
    mirror.put(_child(kinds.SERVICE, version=3))
    assert len(told) == 2
    mirror.remove(_child(kinds.SERVICE, version=4))
    mirror.complete(kinds.MODEL_CONFIG, None, set(), "9")
    assert told == [_CHAT] * 4


def test_managed_fields_are_kept_of_configs_only() -> None:
    config, service = _config(), _child(kinds.SERVICE)
    for each in (config, service):
        each["metadata"]["managedFields"] = [{"manager": "kubectl"}]
    family = _mirror(config, service).family(_CHAT)
    assert family is not None
    assert family.config["metadata"]["managedFields"] == [{"manager": "kubectl"}]
    assert "managedFields" not in family.children[0]["metadata"]


def test_what_is_gone_is_not_brought_back_by_a_late_answer() -> None:
    mirror = _mirror(_config(), _child(kinds.SERVICE, version=5))
    assert mirror.remove(_child(kinds.SERVICE, version=6))
    assert not mirror.put(_child(kinds.SERVICE, version=5))
    assert mirror.put(_child(kinds.SERVICE, version=7, uid="another"))


def test_what_only_lost_its_label_comes_back_with_it() -> None:
    mirror = _mirror(_config(), _child(kinds.SERVICE, version=5))
    mirror.remove(_child(kinds.SERVICE, version=6))
    assert mirror.put(_child(kinds.SERVICE, version=7))
    assert mirror.uid(_child(kinds.SERVICE)) is not None


def test_the_end_of_an_older_object_does_not_take_its_successor_away() -> None:
    mirror = _mirror(_config(), _child(kinds.SERVICE, version=9, uid="new"))
    assert not mirror.remove(_child(kinds.SERVICE, version=8, uid="old"))
    assert mirror.uid(_child(kinds.SERVICE)) == "new"


def test_a_list_forgets_what_it_does_not_have() -> None:
    mirror = _mirror(_config(), _child(kinds.SERVICE, version=3), _child(kinds.POD, version=3, name="p"))
    assert mirror.complete(kinds.SERVICE, None, set(), "5") == [_CHAT]
    assert not mirror.put(_child(kinds.SERVICE, version=4))
    assert mirror.uid(_child(kinds.SERVICE)) is None
    assert mirror.uid(_child(kinds.POD, name="p")) is not None


def test_a_list_says_nothing_about_what_came_after_it_or_lives_elsewhere() -> None:
    mirror = _mirror(_config(), _child(kinds.SERVICE, version=6))
    assert mirror.complete(kinds.SERVICE, None, set(), "5") == []
    assert mirror.complete(kinds.SERVICE, "another", set(), "7") == []
    assert mirror.complete(kinds.SERVICE, "team", {("team", "chat")}, "7") == []
    assert mirror.uid(_child(kinds.SERVICE)) is not None


def test_reading_a_family_live_takes_its_ghosts_away() -> None:
    ghost = _child(kinds.DEPLOYMENT, version=3, name="chat-old")
    mirror = _mirror(_config(), ghost, _child(kinds.SERVICE, version=3))
    live = [_config(version=8), _child(kinds.SERVICE, version=4)]
    mirror.settle(_CHAT, live, {kinds.SERVICE: "9", kinds.DEPLOYMENT: "9"})
    assert mirror.uid(ghost) is None
    assert not mirror.put({**ghost, "spec": {}})
    assert mirror.uid(_child(kinds.SERVICE)) is not None


def test_reading_live_does_not_take_away_what_was_told_meanwhile() -> None:
    pod = _child(kinds.POD, version=12, name="p")
    mirror = _mirror(_config(), pod)
    mirror.settle(_CHAT, [_config()], {kinds.POD: "11"})
    assert mirror.uid(pod) is not None


def test_nothing_is_left_of_a_family_that_is_gone() -> None:
    mirror = _mirror(_config(), _child(kinds.SERVICE))
    mirror.remove(_config())
    mirror.remove(_child(kinds.SERVICE))
    assert not mirror.put(_config())
    assert mirror.size == 0
    assert mirror.family(_CHAT) is None
    assert mirror.families() == []


def test_children_whose_config_is_gone_are_still_a_family_to_look_at() -> None:
    assert _mirror(_child(kinds.SERVICE)).families() == [_CHAT]


def _using(folder: str) -> Object:
    return {"initContainers": [{"name": "fetch", "args": ["fetch", "get", f"--to=/models/{folder}"]}]}


def test_folders_of_the_cache_are_those_of_deployments_and_of_pods_that_are_still_there() -> None:
    deployment = _child(kinds.DEPLOYMENT, spec={"template": {"spec": _using("a" * 32)}})
    pod = _child(kinds.POD, name="chat-1", spec=_using("b" * 32))
    mirror = _mirror(deployment, pod, _child(kinds.POD, name="chat-2", spec={"initContainers": None}))
    assert mirror.cache_folders("team") == ("a" * 32, "b" * 32)
    assert mirror.cache_folders("another") == ()
    mirror.remove({**pod, "metadata": {**pod["metadata"], "resourceVersion": "9"}})
    assert mirror.cache_folders("team") == ("a" * 32,)


def test_weights_that_lie_in_no_cache_use_no_folder_of_it() -> None:
    mirror = _mirror(_child(kinds.POD, spec={"initContainers": [{"args": ["fetch", "get", "--to=/models"]}]}))
    assert mirror.cache_folders("team") == ()


def test_a_config_declares_something_new_when_its_generation_or_itself_is_another_one() -> None:
    mirror = _mirror()
    seen = [mirror.declared(_CHAT)]
    changes: list[dict[str, Any]] = [{}, {"labels": {"a": "b"}}, {"generation": 2}, {"generation": 2, "uid": "c-2"}]
    for version, change in enumerate(changes):
        config = _config(version + 1)
        config["metadata"] |= {"generation": 1} | change
        mirror.put(config)
        seen.append(mirror.declared(_CHAT))
    assert seen == [None, ("c-1", 1), ("c-1", 1), ("c-1", 2), ("c-2", 2)]
