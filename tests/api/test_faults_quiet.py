"""The operator writes when something changed and at no other time, owns what it sets, and is in nobody's way."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest

from plimsoll.api import names
from tests.support import objects
from tests.support.api_journal import told
from tests.support.audit import Audit
from tests.support.form import Form
from tests.support.gguf_models import small
from tests.support.kube import Kube, Object
from tests.support.model_configs import model_config
from tests.support.model_server import ModelServer
from tests.support.operated import OURS, Model
from tests.support.operators import Operator, Operators
from tests.support.waiting import wait_until
from tools.cluster.cluster import ProcessCluster

pytestmark = pytest.mark.long

_SECONDS = 60.0


@dataclass(frozen=True)
class Village:
    """One model in each state in which an operator may leave it for long."""

    kube: Kube
    namespace: str
    operator: Operator
    models: dict[str, Model]

    @property
    def serving(self) -> Model:
        return self.models["serving"]

    def rest(self, quiet: float = 2.0) -> None:
        self.operator.rest(quiet)

    def require_no_write(self) -> None:
        writes = self.operator.proxy.journal.writes()
        assert writes == [], told(writes)

    def everything_ours(self) -> list[Object]:
        labels = f"app.kubernetes.io/managed-by={names.FIELD_MANAGER}"
        found = [each for kind in OURS for each in self.kube.list(*kind, self.namespace, labels)]
        assert {each["kind"] for each in found} == {kind for _, kind in OURS}
        return found


def _specs(server: ModelServer) -> dict[str, Object]:
    source = {"http": {"url": server.add("/tiny.gguf", small())}, "sha256": "0" * 64}
    return {
        "serving": {"source": source},
        "waiting": {"source": source, "podTemplate": {"spec": {"nodeSelector": {"no": "node"}}}},
        "at-zero": {"source": source, "scaling": {"replicas": 0}},
        "refused": {"source": source, "hardware": {"profile": "unknown"}},
        "inspected": {"source": {"pvc": {"claimName": "weights", "path": "tiny.gguf"}}},
        "external": {"external": {"provider": "openai-compatible", "model": "any", "baseURL": "https://a.example.com"}},
    }


_SAY = {
    "serving": ("True", "Serving"),
    "waiting": ("False", "Scheduling"),
    "at-zero": ("True", "AtZero"),
    "refused": ("False", "ProfileUnknown"),
    "inspected": ("False", "Sizing"),
    "external": ("True", "Serving"),
}


def _settled(operator: Operator, kube: Kube, namespace: str, server: ModelServer) -> Village:
    kube.create(objects.claim(namespace, "weights"))
    made = {name: Model(kube, model_config(spec, name, namespace)).create() for name, spec in _specs(server).items()}
    made["serving"].is_accepted()
    wait_until(made["serving"].workloads, _SECONDS, "a workload to run")
    made["serving"].run_pods()
    for name, (status, reason) in _SAY.items():
        made[name].says("Ready", status, reason)
    village = Village(kube, namespace, operator, made)
    village.rest()
    operator.proxy.journal.restart()
    return village


@pytest.fixture
def village(operators: Operators, kube: Kube, namespace: str, server: ModelServer) -> Village:
    return _settled(operators.start(), kube, namespace, server)


def test_o_09_events_that_are_told_again_in_another_order_are_no_reason_to_write(village: Village, form: Form) -> None:
    for seed in range(form.count(small=2, large=20)):
        assert village.operator.proxy.replay_watches(seed=form.seed + seed) > len(village.models)
        village.rest()
    village.require_no_write()


@pytest.mark.timeout(900)
def test_o_10_silence_is_no_reason_to_write(
    *, operators: Operators, kube: Kube, namespace: str, server: ModelServer, audit: Audit, form: Form
) -> None:
    """By the API server's own account, and with the lease, which is all that may be written."""
    _settled(operators.start("quiet", options=()), kube, namespace, server)
    quiet = Audit(audit.log, kube)
    # How long it keeps quiet is what is measured.
    time.sleep(form.count(small=20, large=600))
    written = [each for each in quiet.attempts(namespace=namespace) if "(quiet)" in each.agent]
    assert {each.resource for each in written} == {"leases"}, written


def test_o_12_three_users_and_the_operator_do_not_fight(village: Village, cluster: ProcessCluster) -> None:
    kube, config = village.kube, village.serving.config

    def part(**spec: Any) -> Object:
        return {**config, "spec": spec}

    source = config["spec"]["source"]
    kube.apply(part(source=source, generation={"defaults": {"temperature": 0.5}}), "git", force=True)
    kube.apply(part(source=source, podTemplate={"metadata": {"labels": {"team": "search"}}}), "platform")
    cluster.kubectl("scale", "--namespace", village.namespace, "mcfg/serving", "--replicas", "3")
    # Beside what is ours an object may carry what others write into it.
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {**config["metadata"], "labels": {"mesh": "on"}}}
    kube.apply(service, "mesh")
    wait_until(lambda: len(village.serving.workloads()) == 2, _SECONDS, "the new pods are started beside the old ones")
    village.serving.run_pods()
    village.serving.says("Ready", "True", "Serving")
    village.rest()
    village.operator.proxy.journal.restart()
    village.rest(quiet=10)
    assert len(village.operator.proxy.journal.writes()) <= 2, told(village.operator.proxy.journal.writes())
    stored = kube.read(config)
    assert stored["spec"]["scaling"]["replicas"] == 3
    assert (stored["spec"]["generation"], kube.read(service)["metadata"]["labels"]["mesh"]) == (
        {"defaults": {"temperature": 0.5}},
        "on",
    )
    assert _managers(stored)[names.FIELD_MANAGER] == {("Apply", "status")}
    assert {"git", "platform"} <= _managers(stored).keys()


def test_o_12_children_are_owned_by_one_manager_and_nobody_elses_object_is_written(village: Village) -> None:
    for each in village.everything_ours():
        assert _managers(each) == {names.FIELD_MANAGER: {("Apply", "")}}, each["metadata"]["name"]
    for model in village.models.values():
        stored = model.kube.read(model.config)
        assert _managers(stored)[names.FIELD_MANAGER] == {("Apply", "status")}
        assert not stored["metadata"].get("annotations")
        assert not stored["metadata"].get("labels")


def _managers(found: Object) -> dict[str, set[tuple[str, str]]]:
    made: dict[str, set[tuple[str, str]]] = {}
    for each in found["metadata"]["managedFields"]:
        made.setdefault(each["manager"], set()).add((each["operation"], each.get("subresource", "")))
    return made


def test_o_14_o_15_a_model_is_gone_at_once_while_the_operator_is_down_and_stays_so(village: Village) -> None:
    """Only the API server is here, so nobody could take a finalizer away again."""
    village.operator.process.end()
    for model in village.models.values():
        village.kube.delete(model.config)
        assert village.kube.find(model.config) is None
    village.operator.proxy.journal.restart()
    village.operator.start()
    village.rest()
    village.require_no_write()


def test_o_15_nothing_of_ours_can_block_a_delete(village: Village) -> None:
    village.operator.process.end()
    every = [*village.everything_ours(), *(village.kube.read(each.config) for each in village.models.values())]
    for each in every:
        assert not each["metadata"].get("finalizers"), each["metadata"]
        village.kube.delete(each)
        assert village.kube.find(each) is None
