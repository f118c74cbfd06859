"""O-04: what the schema lets through and cannot be meant is refused by the operator, and nothing is built on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests.support.api_calls import Call
from tests.support.form import Form
from tests.support.gguf_models import small
from tests.support.kube import Kube, Object, RefusedError
from tests.support.model_configs import Case, base, cases, merged, model_config
from tests.support.model_server import Content, ModelServer
from tests.support.operated import House, Model
from tests.support.operators import usual_configuration
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster
from tools.generate.definition import definition_text

_SECONDS = 60.0
_SUM = "0" * 64
BROKEN = [case for case in cases() if case.breaks not in ("", "schema", "name-shape", "name-length")]


@dataclass(frozen=True)
class Meant:
    """A change of a model that could be served, and why it cannot be any more."""

    reason: str
    change: Object
    base: str = "hosted"

    def __str__(self) -> str:
        return f"{self.reason} {self.change}"


def _on(profile: str, **hardware: object) -> Object:
    return {"hardware": {"profile": profile, **hardware}}


def _at(url: str) -> Object:
    return {"source": {"http": {"url": url}, "sha256": _SUM}}


def _limit(memory: str, **resources: object) -> Object:
    return {"resources": {"limits": {"memory": memory}, **resources}}


_VLLM = {"name": "vllm", "image": "example.invalid/vllm:1"}
_UNKNOWN, _UNSUITABLE, _NO_FIT = "ProfileUnknown", "ProfileUnsuitable", "DoesNotFit"
_ADDRESS, _FOUND, _MODEL = "AddressRefused", "SourceNotFound", "NotAModel"

# $models is the address of a server with weights.
NOT_MEANT = [
    *(Meant(_UNKNOWN, _on(name)) for name in ("a100", "cpu-2", "gpu2", "none", "default")),
    *(Meant(_UNKNOWN, _on("gpu", fallback={"to": name})) for name in ("a100", "cpu2")),
    *(Meant(_UNSUITABLE, _on("cpu", count=count)) for count in (2, 8)),
    Meant(_UNSUITABLE, {"hardware": {"count": 2}}),
    *(Meant(_UNSUITABLE, _on("cpu", fallback={"to": name})) for name in ("small", "gpu")),
    *(Meant(_UNSUITABLE, _on("gpu", fallback={"to": name})) for name in ("large", "tiny-gpu")),
    Meant(_UNSUITABLE, {"engine": _VLLM}, "vllm"),
    Meant(_UNSUITABLE, {"engine": _VLLM, **_on("small")}, "vllm"),
    Meant("ImageUnknown", _on("gpu"), "vllm"),
    Meant("ImageUnknown", _on("large", count=2), "vllm"),
    *(Meant(_NO_FIT, _limit(memory)) for memory in ("16Mi", "18Mi", "20M")),
    Meant(_NO_FIT, {"context": 1_000_000, "parallel": 64, **_limit("64Mi")}),
    *(Meant(_NO_FIT, _on("small", count=count)) for count in (1,)),
    Meant(_NO_FIT, {"context": 1_000_000, "parallel": 64, **_on("tiny-gpu")}),
    *(
        Meant(_ADDRESS, _at(f"http://{host}/tiny.gguf"))
        for host in (
            *("127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "169.254.169.254"),
            *("[fe80::1]", "2130706433", "127.1", "0x7f.0.0.1"),
        )
    ),
    *(Meant(_FOUND, _at(f"$models/{path}")) for path in ("nothing.gguf", "TINY.gguf", "tiny.gguf/")),
    *(Meant(_MODEL, _at(f"$models/{path}")) for path in ("page.html", "empty.gguf", "pickle.gguf", "half.gguf")),
    Meant("ModelUnsupported", _at("$models/strange.gguf")),
    Meant("ClaimMissing", {}, "claim"),
    Meant("SecretMissing", {"source": {"credential": {"secretName": "nothing"}}}, "bucket"),
]


@pytest.fixture
def models(server: ModelServer) -> ModelServer:
    server.add("/tiny.gguf", small())
    server.add("/strange.gguf", small("clip"))
    for path, data in (
        ("/page.html", b"<html>not here</html>"),
        ("/empty.gguf", b""),
        ("/pickle.gguf", b"\x80\x04\x95cposix\nsystem\n"),
        ("/half.gguf", small().data[:200]),
    ):
        server.add(path, Content.text(data))
    return server


@pytest.fixture(autouse=True, scope="module")
def profiles(house: House) -> None:
    """What the cases refer to."""

    def gpu(name: str, memory: str) -> Object:
        return {"name": name, "gpu": {"memory": memory}}

    known = [{"name": "cpu"}, {"name": "small", "memoryLimit": "16Mi"}]
    known += [gpu("gpu", "24Gi"), gpu("large", "80Gi"), gpu("tiny-gpu", "1Mi")]
    text = yaml.safe_dump({**usual_configuration(), "profiles": known})
    (house.folder / "operator.yaml").write_text(text)
    metric = "plimsoll_operator_configuration_generation"
    wait_until(lambda: house.operator.process.metric(metric) == 2, _SECONDS, "the profiles are in force")


def _built(call: Call) -> bool:
    """Whether something was written beside what is said of a model."""
    return call.writing and call.resource not in ("modelconfigs/status", "events")


def test_o_04_what_no_schema_can_know_is_told_and_nothing_is_built(house: House, models: ModelServer) -> None:
    house.operator.proxy.journal.restart()
    made = [_declared(house, models, number, case) for number, case in enumerate(NOT_MEANT)]
    wrong = {}
    for case, model in zip(NOT_MEANT, made, strict=True):
        _wait_told(model)
        # Only what a pod sees is asked of a pod, and only of a claim that is there.
        if model.conditions()["Accepted"] != ("False", case.reason):
            wrong[str(case)] = model.conditions()["Accepted"]
    assert wrong == {}
    assert house.operator.proxy.journal.entries(_built) == []
    assert all(model.children() == [] for model in made)


def _declared(house: House, models: ModelServer, number: int, case: Meant) -> Model:
    spec = base(case.base)
    if case.base == "hosted":
        spec = {"source": {"http": {"url": "$models/tiny.gguf"}, "sha256": _SUM}}
    change: Any = yaml.safe_load(yaml.safe_dump(merged(spec, case.change)).replace("$models", models.base))
    return house.model(f"meant-{number}", **change).create()


def _wait_told(model: Model) -> None:
    """Until the operator has made up its mind."""
    name = model.config["metadata"]["name"]
    wait_until(
        lambda: model.conditions().get("Accepted", ("Unknown", ""))[0] != "Unknown",
        _SECONDS,
        lambda: f"{name} is judged: {model.conditions()}",
    )


def test_o_04_what_a_rule_forbids_is_never_stored(kube: Kube, house: House, form: Form) -> None:
    house.operator.rest()
    house.operator.proxy.journal.restart()
    for number, case in enumerate(form.sample("refused", BROKEN, short=20)):
        with pytest.raises(RefusedError) as refusal:
            kube.create(_renamed(case, f"never-{number}", house.namespace))
        assert refusal.value.status == 422
        assert case.breaks in refusal.value.message
    assert house.operator.proxy.journal.writes() == []


@pytest.fixture
def older_rules(cluster: ProcessCluster, kube: Kube, definition: Object) -> Iterator[None]:
    """A definition from before there were rules: the API server takes whatever has the right types."""
    probe = model_config({}, name="probe")
    text: str = definition_text()
    loose = yaml.safe_dump(_without_rules(yaml.safe_load(text)))
    apply = ("apply", "--server-side", "--force-conflicts", "-f", "-")
    cluster.kubectl(*apply, stdin=loose)
    wait_until(lambda: kube.refusal(probe) is None, _SECONDS, "the rules are gone")
    yield
    cluster.kubectl(*apply, stdin=text)
    wait_until(lambda: kube.refusal(probe) is not None, _SECONDS, "the rules are back")


def _without_rules(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_rules(value) for key, value in node.items() if key != "x-kubernetes-validations"}
    return [_without_rules(each) for each in node] if isinstance(node, list) else node


@pytest.mark.usefixtures("older_rules")
def test_o_04_what_an_older_definition_lets_through_is_refused_by_the_operator(
    kube: Kube, house: House, form: Form
) -> None:
    house.operator.proxy.journal.restart()
    chosen = form.sample("older", BROKEN, short=60)
    made = [
        Model(kube, _renamed(case, f"old-{number}", house.namespace)).create() for number, case in enumerate(chosen)
    ]
    for case, model in zip(chosen, made, strict=True):
        _wait_told(model)
        assert model.conditions()["Accepted"] == ("False", "InvalidSpec"), case.id
    assert house.operator.proxy.journal.entries(_built) == []
    for model in made:
        kube.delete(model.config)


def _renamed(case: Case, name: str, namespace: str) -> Object:
    return {**case.document, "metadata": {"name": name, "namespace": namespace}}
