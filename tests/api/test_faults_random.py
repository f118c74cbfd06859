"""O-05: whatever the rules accept is judged, and nothing that can be declared makes the operator stumble."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings

from plimsoll.api import names
from plimsoll.api.validate import validate
from tests.support.bulk import create_all
from tests.support.form import Form
from tests.support.generated_configs import model_configs
from tests.support.gguf_models import small
from tests.support.kube import Object
from tests.support.model_configs import merged, model_config
from tests.support.model_server import Content, ModelServer
from tests.support.operated import OURS, House
from tests.support.operators import usual_configuration
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster

_BATCH = 250
_SECONDS = 180.0


def generated(count: int, *, derandomize: bool) -> list[Object]:
    """As many specs that every rule accepts."""
    found: list[Object] = []

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        derandomize=derandomize,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(model_configs())
    def collect(config: Object) -> None:
        found.append(config["spec"])

    collect()
    return found[:count]


def within_reach(spec: Object, server: ModelServer, number: int) -> Object:
    """Most sources can be read and most profiles are known, so that planning really begins; some stay out of reach."""
    if number % 5 == 0 or "source" not in spec:
        return spec
    [kind] = spec["source"].keys() & {"http", "huggingFace", "s3", "pvc"}
    change: Object = {"hardware": {"profile": "gpu" if "fallback" in spec.get("hardware", {}) else "cpu"}}
    if kind == "http":
        change["source"] = {"http": {"url": f"{server.base}/tiny.gguf"}, "sha256": "0" * 64}
    elif kind != "pvc":
        change["source"] = {kind: {"endpoint": server.base}}
    if change["hardware"]["profile"] == "cpu":
        change["hardware"]["count"] = None
    changed: Object = merged(spec, change)
    return changed


@pytest.fixture
def models(server: ModelServer) -> ModelServer:
    file = Content.of(small())
    server.add("/tiny.gguf", small())
    server.add_hub("team/tiny", {"tiny-q8_0.gguf": file})
    server.add_bucket("weights", {"tiny.gguf": file})
    return server


@pytest.fixture
def town(house: House) -> House:
    """An operator with the profiles that the specs name."""
    profiles = [{"name": "cpu"}, {"name": "gpu", "gpu": {"memory": "24Gi"}}]
    (house.folder / "operator.yaml").write_text(yaml.safe_dump({**usual_configuration(), "profiles": profiles}))
    metric = "plimsoll_operator_configuration_generation"
    wait_until(lambda: house.operator.process.metric(metric) == 2, 30, "the profiles are in force")
    return house


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_o_05_any_spec_that_the_rules_accept_is_judged_and_none_makes_the_operator_stumble(
    town: House, models: ModelServer, cluster: ProcessCluster, form: Form
) -> None:
    count = form.count(small=60, large=10_000)
    specs = [
        within_reach(spec, models, number) for number, spec in enumerate(generated(count, derandomize=not form.long))
    ]
    assert [problem for spec in specs for problem in validate(model_config(spec))] == []
    passes: dict[str, int] = {}
    for first in range(0, len(specs), _BATCH):
        made = [
            model_config(spec, f"any-{number}", town.namespace)
            for number, spec in enumerate(specs[first : first + _BATCH])
        ]
        create_all(cluster.kubeconfig, made)
        for reason, times in _judged(town).items():
            passes[reason] = passes.get(reason, 0) + times
        _clear(town, cluster)
    assert sum(passes.values()) == len(specs)
    # Some of all that there is, or this shows nothing.
    assert {"Accepted", "ProfileUnknown", "ClaimMissing"} <= passes.keys(), passes
    log = [json.loads(line) for line in town.operator.process.log.splitlines()]
    assert [line for line in log if line["level"] in ("error", "critical") or "error" in line] == []
    assert town.operator.process.metric("plimsoll_operator_reconcile_total", result="failed") == 0


def _judged(house: House) -> dict[str, int]:
    """How many models the operator has judged how, once it has judged all of them and rests."""
    found: list[Object] = []

    def all_judged() -> bool:
        found[:] = house.kube.list(names.API_VERSION, names.KIND, house.namespace)
        return all(_accepted(each).get("status") in ("True", "False") for each in found)

    wait_until(all_judged, _SECONDS, lambda: f"judged: {[_accepted(each).get('status') for each in found]}")
    house.operator.rest(seconds=_SECONDS)
    made: dict[str, int] = {}
    for each in found:
        reason = _accepted(each)["reason"]
        made[reason] = made.get(reason, 0) + 1
    return made


def _accepted(config: Object) -> Object:
    said = [each for each in config.get("status", {}).get("conditions", []) if each["type"] == "Accepted"]
    return said[0] if said else {}


def _clear(house: House, cluster: ProcessCluster) -> None:
    """Everything of this batch; nobody here collects what has lost its owner."""
    paths = {"v1": "api/v1"}
    kinds = [(names.API_VERSION, names.KIND), *OURS]
    for api_version, kind in kinds:
        plural = kind.lower().removesuffix("y") + ("ies" if kind.endswith("y") else "s")
        root = paths.get(api_version, f"apis/{api_version}")
        cluster.kubectl("delete", "--raw", f"/{root}/namespaces/{house.namespace}/{plural}")
    house.operator.rest()
