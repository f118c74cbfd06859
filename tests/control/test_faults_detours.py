"""O-02 and O-03: however a model came to its spec, also over one that never served, it has what a fresh one has."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest

from plimsoll.api import names
from tests.support.detours import BAD, any_kind, children_of, good
from tests.support.form import Form
from tests.support.gpus import Gpus
from tests.support.kube import Object
from tests.support.lives import Life, declare
from tests.support.model_configs import merged, model_config
from tests.support.serving import SECONDS, served
from tests.support.waiting import wait_until
from tests.support.world_differ import World

_AT_ONCE = 25
_DEPLOYMENTS = ("apps/v1", "Deployment")
_ALWAYS = ("Service", "ServiceAccount", "PodDisruptionBudget", "NetworkPolicy", "Deployment", "ControllerRevision")
_CONFIGURATION = {
    "profiles": [{"name": "cpu", "cpu": "50m"}, {"name": "gpu", "cpu": "50m", "gpu": {"memory": "24Gi"}}],
    "history": 1000,
}


def _models(life: Life) -> list[Object]:
    return life.kube.list(names.API_VERSION, names.KIND, life.namespace)


def _create(life: Life, specs: Sequence[Object]) -> None:
    for number, spec in enumerate(specs):
        life.kube.create(model_config(spec, f"m-{number}", life.namespace))


def _settled(life: Life) -> World:
    """Once every model is served as declared, and nothing else runs."""

    def alone() -> bool:
        wanted = {(each["metadata"]["name"], each["status"]["currentRevision"]["workload"]) for each in _models(life)}
        names_wanted = {names.workload_name(*each) for each in wanted}
        found = life.kube.list(*_DEPLOYMENTS, life.namespace)
        return {each["metadata"]["name"] for each in found} == names_wanted

    def all_served() -> bool:
        return all(served(each["metadata"]["generation"])(each) for each in _models(life))

    wait_until(all_served, SECONDS, lambda: f"all are served: {_told(life)}")
    wait_until(alone, SECONDS, lambda: f"nothing else runs, not {len(life.kube.list(*_DEPLOYMENTS, life.namespace))}")
    return children_of(life.kube, life.namespace)


def _told(life: Life) -> list[str]:
    return [
        f"{each['metadata']['name']}: {said['message']} of {each['spec']}"
        for each in _models(life)
        for said in each.get("status", {}).get("conditions", [])
        if said["type"] == "Ready" and not served(each["metadata"]["generation"])(each)
    ]


def _clear(life: Life) -> None:
    for each in _models(life):
        life.kube.delete(each)
    wait_until(lambda: not children_of(life.kube, life.namespace).things, SECONDS, "nothing of them is left")


def _batches(count: int) -> Iterator[int]:
    for begun in range(0, count, _AT_ONCE):
        yield min(_AT_ONCE, count - begun)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_o02_a_model_that_was_something_else_before_has_what_a_fresh_one_has(
    life: Life, gpus: Gpus, form: Form
) -> None:
    # As many as anybody may want: who comes too late would be on its fallback, and that is chance.
    gpus.give(1000)
    life.operators.start(configuration=_CONFIGURATION)
    chance, base = random.Random(form.seed), life.config["spec"]
    for count in _batches(form.count(small=8, large=500)):
        before = [any_kind(chance, base) for _ in range(count)]
        after = [good(chance, base) for _ in range(count)]
        _create(life, after)
        direct = _settled(life)
        assert len(direct.things) >= count * len(_ALWAYS)
        _clear(life)
        _create(life, before)
        for model, spec in zip(sorted(_models(life), key=_number), after, strict=True):
            # Some serve by now, some are on their way and some never will be.
            life.kube.wait(model, lambda found: "status" in found, SECONDS, "it was seen")
            declare(life.kube, model, spec)
        assert direct.differences(_settled(life)) == []
        _clear(life)


def _number(model: Object) -> int:
    return int(model["metadata"]["name"].removeprefix("m-"))


@pytest.mark.long
@pytest.mark.parametrize("number", range(len(BAD)), ids=["node", "profile", "claim", "pin", "memory"])
def test_o03_after_something_that_never_served_a_model_is_as_if_it_had_never_been(life: Life, number: int) -> None:
    life.begin(configuration=_CONFIGURATION)
    good_spec, pods = life.read()["spec"], life.pods().keys()
    fresh = children_of(life.kube, life.namespace)
    life.declare(merged(good_spec, BAD[number]))
    life.says("Ready", "False", seconds=30)
    assert life.condition("Available")["status"] == "True"
    life.served(life.declare(good_spec))
    assert fresh.differences(children_of(life.kube, life.namespace)) == []
    assert life.pods().keys() == pods
