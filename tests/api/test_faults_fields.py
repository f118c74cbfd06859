"""O-01: a change of any field reaches what it stands for and nothing else, or is refused with the path of the field."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from plimsoll.api import names
from plimsoll.api.crd import part_at, structural_schema
from plimsoll.api.normal import Place, place_of
from plimsoll.api.parts import leaves
from plimsoll.weights.inspecting import report_on
from tests.support import objects
from tests.support.form import Form
from tests.support.gguf_maker import Made, Shape, make, tensors_of, values_of
from tests.support.hub_server import COMMIT
from tests.support.kube import Kube, Object, RefusedError
from tests.support.model_configs import base, leaf_table, merged, model_config, with_value
from tests.support.model_server import Content, ModelServer, model_server, own_address, with_headers
from tests.support.operated import OURS, House, Model, end_job
from tests.support.operators import usual_configuration
from tests.support.waiting import wait_until

_SECONDS = 120.0
# Longer than the pause between the starts of two workloads.
_QUIET = 3.5
# What has no effect on any object by itself: the reasons, as the reference gives them.
NO_OBJECT = {
    "pinRevision": "it chooses among the revisions that there are, and this one is not there",
    "access": "the gateway alone acts by it",
    "limits": "the gateway alone acts by it",
    "calls": "the gateway alone acts by it",
}
# Its heads are wide enough for every type of cache.
_SHAPE = Shape(4, 128, 256, 4, 2, vocabulary=8, context=2048)
_TWO_ROLES = {"prompt": {"active": "a", "roles": [{"name": "a", "system": "Be brief."}, {"name": "b"}]}}
_EXAMPLE = {"user": "a question", "answer": "an answer"}
_VOLUMES: Object = {"podTemplate": {"spec": {"volumes": [{"name": name, "emptyDir": {}} for name in ("a", "b")]}}}
_MOUNT = {"name": "a", "mountPath": "/a"}


def _taint(**more: str) -> Object:
    return {"podTemplate": {"spec": {"tolerations": [{"key": "gpu", **more}]}}}


def _container(**entry: object) -> Object:
    made: Object = merged(_VOLUMES, {"podTemplate": {"spec": {"containers": [{"name": "engine", **entry}]}}})
    return made


def _volume(**kind: object) -> Object:
    return {"podTemplate": {"spec": {"volumes": [{"name": "a", **kind}]}}}


def _spread(skew: int) -> list[Object]:
    return [{"maxSkew": skew, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}]


# What has to stand beside a field, by the path that it begins with; the longest one counts.
BESIDE: dict[str, Object] = {
    "hardware.fallback": {"hardware": {"profile": "l4", "fallback": {"to": "cpu"}}},
    "access.namespaces": {"access": {"from": "Selected"}},
    "limits": {"limits": {"requests": 5}},
    "limits.queue": {"limits": {"requests": 5, "whenFull": "Wait"}},
    "generation.locked": {"generation": {"defaults": {"temperature": 0.5, "topP": 0.5}}},
    "prompt": _TWO_ROLES,
    "prompt.roles[].examples": {"prompt": {"active": "a", "roles": [{"name": "a", "examples": [_EXAMPLE]}]}},
    "podTemplate.spec.tolerations": _taint(),
    "podTemplate.spec.tolerations[].tolerationSeconds": _taint(effect="NoExecute"),
    "podTemplate.spec.volumes[].name": _volume(emptyDir={}),
    "podTemplate.spec.volumes[].configMap": _volume(configMap={}),
    "podTemplate.spec.volumes[].emptyDir": _volume(emptyDir={}),
    "podTemplate.spec.volumes[].persistentVolumeClaim": _volume(persistentVolumeClaim={"claimName": "a"}),
    "podTemplate.spec.containers": _container(env=[{"name": "A", "value": "a"}]),
    "podTemplate.spec.containers[].volumeMounts": _container(volumeMounts=[_MOUNT]),
    "source.credential": {"source": {"s3": {"endpoint": "$models"}}},
}
# Fields that cannot change alone: what changes with them.
TOGETHER: dict[str, tuple[Object, Object]] = {
    "engine.name": (
        {"engine": {"name": "llamacpp"}, "source": {"huggingFace": {"file": "a.gguf"}}},
        {"engine": {"name": "vllm"}, "source": {"huggingFace": {"file": None}}},
    ),
    "prompt.roles[].name": (
        {"prompt": {"active": "a", "roles": [{"name": "a"}]}},
        {"prompt": {"active": "b", "roles": [{"name": "b"}]}},
    ),
}
# The table speaks of servers that nobody may ask, and of what an API server takes in no pod.
VALUES: dict[str, tuple[Any, Any]] = {
    "podTemplate.spec.topologySpreadConstraints": (_spread(1), _spread(2)),
    "source.huggingFace.endpoint": ("$models", "$models/mirror"),
    "source.http.url": ("$models/a.gguf", "$models/b.gguf"),
    "source.s3.endpoint": ("$models", "$models/mirror"),
    "source.sha256": ("a" * 64, "b" * 64),
}
# A credential goes nowhere without encryption, a bucket is signed for instead; and a hub knows the sum of its file.
ELSEWHERE = {"source.credential.secretName": "bucket", "source.sha256": "hosted"}
BASES: dict[str, Object] = {
    "hub": {"source": {"huggingFace": {"endpoint": "$models"}}},
    "vllm": {"source": {"huggingFace": {"endpoint": "$models"}}},
    "hosted": {"source": {"http": {"url": "$models/tiny.gguf"}, "sha256": "0" * 64}},
    "bucket": {"source": {"s3": {"endpoint": "$models"}}},
    "claim": {},
    "packed": {},
    "external": {},
    "compatible": {},
}


def specs(path: str, models: str) -> tuple[Object, Object]:
    """Two that keep every rule and differ in this field."""
    name, _, *values = leaf_table()[path]
    name = ELSEWHERE.get(path, name)
    start = merged(base(name), BASES[name])
    if path in TOGETHER:
        made = [merged(start, change) for change in TOGETHER[path]]
    else:
        fitting = [each for each in BESIDE if path == each or path.startswith((f"{each}.", f"{each}["))]
        start = merged(start, BESIDE[max(fitting, key=len)] if fitting else {})
        made = [with_value(start, path, value) for value in VALUES.get(path, values)]
    one, other = (json.loads(json.dumps(each).replace("$models", models)) for each in made)
    return one, other


@dataclass(frozen=True)
class Seen:
    """What there is for one model, without what follows from its generation."""

    templates: dict[str, str]
    replicas: list[int]
    revisions: list[str]
    others: dict[str, Any]


def _seen(house: House, made: dict[str, Model]) -> dict[str, Seen]:
    """For each of the models, by the path of its field."""
    found: dict[str, list[Object]] = {}
    for kind in OURS:
        for each in house.kube.list(*kind, house.namespace):
            found.setdefault(each["metadata"]["labels"][names.LABEL_MODELCONFIG], []).append(each)
    return {path: _of_one(found.get(model.name, [])) for path, model in made.items()}


def _of_one(found: list[Object]) -> Seen:
    workloads = [each for each in found if each["kind"] == "Deployment"]
    rest = [each for each in found if each["kind"] not in ("Deployment", "ControllerRevision", "Job")]
    return Seen(
        {each["metadata"]["name"]: _without_hash(each) for each in workloads},
        [each["spec"]["replicas"] for each in workloads],
        sorted(each["metadata"]["name"] for each in found if each["kind"] == "ControllerRevision"),
        {each["kind"]: each.get("spec") for each in rest},
    )


def _without_hash(deployment: Object) -> str:
    short = deployment["metadata"]["labels"][names.LABEL_WORKLOAD]
    return json.dumps(deployment["spec"]["template"], sort_keys=True).replace(short, "HASH")


def _made() -> Made:
    return make(values_of(_SHAPE, 1), tensors_of(_SHAPE, "F16"))


@pytest.fixture(scope="module")
def models() -> Iterator[str]:
    """The address of a server that has whatever the table names, and a mirror of it."""
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback, from which no operator reads")
    file = Content.of(_made())
    files = dict.fromkeys(("tiny.gguf", "tiny-q8_0.gguf", "a.gguf", "b.gguf", "model.safetensors"), file)
    with model_server(address) as server:
        for name in ("tiny", "a", "b"):
            server.add_hub(f"team/{name}", files)
            api = f"/api/models/team/{name}/revision"
            server.routes[f"{api}/v2"] = _another_commit(server, f"team/{name}", f"{api}/main")
        for bucket in ("weights", "weights-a", "weights-b"):
            server.add_bucket(bucket, files)
        for name, content in files.items():
            server.add(f"/{name}", content)
        server.routes.update({f"/mirror{path}": route for path, route in server.routes.items()})
        yield server.base


def _another_commit(server: ModelServer, repository: str, main: str) -> Any:
    """The same files under a commit of their own."""
    other = COMMIT[::-1]
    for path, route in list(server.routes.items()):
        if path.startswith((f"/{repository}/", f"/api/models/{repository}/")) and COMMIT in path:
            server.routes[path.replace(COMMIT, other)] = with_headers(route, X_Repo_Commit=other)
    good = server.routes[main]
    return lambda asked: _with_text(good(asked), COMMIT, other)


def _with_text(reply: Any, before: str, after: str) -> Any:
    data = reply.body.data.replace(before.encode(), after.encode())
    return type(reply).text(data, Content_Type="application/json")


@pytest.fixture(scope="module")
def prepared(house: House, tmp_path_factory: pytest.TempPathFactory, models: str) -> str:
    """Profiles, Secrets and claims that the table names; what a Job says of a claim."""
    profiles = [{"name": "l4", "gpu": {"memory": "24Gi"}}, {"name": "cpu"}, {"name": "cpu-large"}]
    images = {"plimsoll": "x.example.com/plimsoll:1", "llamacpp": "x.example.com/l:1", "vllm": "x.example.com/v:1"}
    more = {"profiles": profiles, "defaultProfile": "l4", "images": images}
    (house.folder / "operator.yaml").write_text(yaml.safe_dump({**usual_configuration(), **more}))
    metric = "plimsoll_operator_configuration_generation"
    wait_until(lambda: house.operator.process.metric(metric) == 2, _SECONDS, "the profiles are in force")
    for name in ("a", "b", "openai"):
        house.kube.create(_secret(house.namespace, name))
    for name in ("a", "b", "weights"):
        house.kube.create(objects.claim(house.namespace, name))
    path: Path = tmp_path_factory.mktemp("weights") / "tiny.gguf"
    path.write_bytes(_made().data)
    os.truncate(path, _made().file_size)
    return report_on(path)


def _secret(namespace: str, name: str) -> Object:
    labels = {names.LABEL_CREDENTIAL: "true"}
    data = {"accessKeyId": "an-id", "secretAccessKey": "a-secret", "apiKey": "a-key", "hosts": own_address()}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


def _declare(kube: Kube, model: Model, spec: Object) -> None:
    stored = kube.find(model.config)
    if stored is None:
        kube.create({**model.config, "spec": spec})
    else:
        kube.replace({**stored, "spec": spec})


def _settle(house: House, made: dict[str, Model], generation: int, inspected: str) -> None:
    """Until the operator has done what the specs want of it, and Jobs their part."""
    ended: set[str] = set()

    def judged() -> bool:
        for job in house.kube.list("batch/v1", "Job", house.namespace):
            if job["metadata"]["uid"] not in ended:
                ended.add(job["metadata"]["uid"])
                end_job(house.kube, job, 0, inspected)
        return not _not_yet(house, made, generation)

    wait_until(judged, _SECONDS, lambda: f"all are accepted: {_not_yet(house, made, generation)}")
    house.operator.rest(quiet=_QUIET, seconds=_SECONDS)


def _not_yet(house: House, made: dict[str, Model], generation: int) -> dict[str, Any]:
    found = house.kube.list(names.API_VERSION, names.KIND, house.namespace)
    status = {each["metadata"]["name"]: each.get("status", {}) for each in found}
    accepted = {path: _accepted(status[model.name]) for path, model in made.items()}
    return {
        path: accepted[path]
        for path, model in made.items()
        if status[model.name].get("observedGeneration") != generation or accepted[path].get("status") != "True"
    }


def _accepted(status: Object) -> Object:
    said = [each for each in status.get("conditions", []) if each["type"] == "Accepted"]
    return said[0] if said else {}


def test_the_table_has_every_field_that_there_is() -> None:
    fields = {path for path, _ in leaves(part_at(structural_schema(), "spec"))}
    assert fields == leaf_table().keys()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_o_01_a_change_of_a_field_reaches_what_it_stands_for_and_nothing_else(
    house: House, models: str, prepared: str, form: Form
) -> None:
    chosen = form.sample("fields", sorted(leaf_table()), short=16)
    pairs = {path: specs(path, models) for path in chosen}
    made = {path: house.model(f"m{number}") for number, path in enumerate(chosen)}
    for path, model in made.items():
        _declare(house.kube, model, pairs[path][0])
    _settle(house, made, 1, prepared)
    before = _seen(house, made)
    for path, model in made.items():
        _declare(house.kube, model, pairs[path][1])
    _settle(house, made, 2, prepared)
    after = _seen(house, made)
    wrong = {path: words for path in made if (words := _wrong(path, before[path], after[path]))}
    assert wrong == {}
    _require_restricted(house, made)


def _wrong(path: str, before: Seen, after: Seen) -> str:
    """What does not fit to the place of the field."""
    place = place_of(path.replace("[]", ""))
    new_revision = len(after.revisions) > len(before.revisions)
    if new_revision is (place is Place.NOWHERE):
        return f"revisions {before.revisions} became {after.revisions}"
    if before.others != after.others:
        return f"{before.others} became {after.others}"
    new_pods = set(after.templates.values()) != set(before.templates.values())
    if new_pods is not (place is Place.PODS):
        return f"{before.templates} became {after.templates}"
    if path == "scaling.replicas" and (before.replicas, after.replicas) != ([1], [2]):
        return f"replicas {before.replicas} became {after.replicas}"
    has_changed = before != after
    if place is Place.NOWHERE and has_changed is (path.partition(".")[0] in NO_OBJECT):
        return "something has changed" if has_changed else "nothing has changed at all"
    return ""


def _require_restricted(house: House, made: dict[str, Model]) -> None:
    """S-07: the namespace enforces the restricted level, and takes the pods of every one of them."""
    for model in made.values():
        for each in model.workloads():
            template = each["spec"]["template"]
            # Classes are objects of the cluster, and this one has none.
            spec = {
                key: value
                for key, value in template["spec"].items()
                if key not in ("runtimeClassName", "priorityClassName")
            }
            metadata = {**template["metadata"], "name": "tried", "namespace": house.namespace}
            house.kube.try_create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


def test_o_01_a_refused_change_of_any_field_is_told_with_its_path_and_changes_nothing(
    house: House, models: str, prepared: str
) -> None:
    spec = merged(base("hosted"), json.loads(json.dumps(BASES["hosted"]).replace("$models", models)))
    model = Model(house.kube, model_config(spec, "refusing", house.namespace)).create()
    model.is_accepted()
    house.operator.rest()
    stored = house.kube.read(model.config)
    house.operator.proxy.journal.restart()
    unnamed = []
    for path in leaf_table():
        # A list of lists is what no field takes.
        changed = with_value(stored["spec"], path, [[1]])
        with pytest.raises(RefusedError) as refusal:
            house.kube.replace({**stored, "spec": changed})
        assert refusal.value.status == 422, path
        if f"spec.{path.replace('[]', '[0]')}" not in refusal.value.message:
            unnamed.append((path, refusal.value.message))
    assert unnamed == []
    house.operator.rest()
    assert house.operator.proxy.journal.writes() == []
    assert house.kube.read(model.config) == stored
