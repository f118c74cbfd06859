"""What an installation brings is taken as it is: statuses are stored whole, and its own pods are restricted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plimsoll.api.conditions import Condition, ConditionType
from plimsoll.api.contract import Contract
from plimsoll.api.reasons import Reason
from plimsoll.api.status import ModelConfigStatus, RevisionStatus, SizePart, Sizing
from plimsoll.plan.written import written
from tests.support.form import Form
from tests.support.kube import Kube, Object
from tests.support.model_configs import base, model_config
from tests.support.operator_rights import rendered
from tools.cluster.cluster import ProcessCluster
from tools.install.settings import HOME

_LINE = st.text(st.characters(codec="utf-8"), max_size=60)
_NUMBER = st.integers(1, 2**40)
_TIME = st.datetimes(datetime(2026, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001
    lambda time: time.replace(microsecond=0, tzinfo=UTC)
)
_HASH = st.text("0123456789abcdef", min_size=64, max_size=64)


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def _built(part: type[Contract], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(fields).map(lambda values: part(**values))


_CONDITIONS = st.lists(
    _built(
        Condition,
        type=st.sampled_from([each.value for each in ConditionType]),
        status=st.sampled_from(["True", "False", "Unknown"]),
        reason=st.sampled_from([each.value for each in Reason]),
        message=_LINE,
        observed_generation=st.integers(0, 2**53),
        last_transition_time=_TIME,
    ),
    max_size=9,
    unique_by=lambda condition: condition.type,
).map(tuple)
_REVISION = _built(
    RevisionStatus,
    number=_NUMBER,
    behaviour=_HASH,
    workload=_maybe(_HASH),
    accepted_at=_TIME,
    author=_maybe(_LINE),
    git_revision=_maybe(_LINE),
)
_SIZING = _built(
    Sizing,
    parts=st.lists(
        _built(SizePart, name=_LINE, bytes=_NUMBER, why=_LINE), max_size=8, unique_by=lambda part: part.name
    ).map(tuple),
    total_bytes=_NUMBER,
    memory_request=_maybe(_LINE),
    memory_limit=_maybe(_LINE),
    threads=_maybe(st.integers(1, 512)),
    gpu_layers=_maybe(st.integers(0, 512)),
    reasons=st.lists(_LINE, max_size=8).map(tuple),
)
STATUSES = _built(
    ModelConfigStatus,
    observed_generation=_NUMBER,
    conditions=_CONDITIONS,
    **dict.fromkeys(("model", "engine", "engine_image", "hardware", "selector", "url"), _maybe(_LINE)),
    engine_arguments_hash=_maybe(_HASH),
    **dict.fromkeys(("replicas", "ready_replicas"), _maybe(st.integers(0, 1000))),
    current_revision=_maybe(_REVISION),
    **dict.fromkeys(("previous_revision", "latest_revision"), _maybe(_NUMBER)),
    sizing=_maybe(_SIZING),
)


@pytest.mark.usefixtures("definition")
def test_o28_whatever_can_be_said_of_a_model_is_read_back_as_it_was_written(
    kube: Kube, namespace: str, form: Form
) -> None:
    config = kube.create(model_config(base("hosted"), namespace=namespace))
    examples = form.count(small=60, large=5000)

    @settings(max_examples=examples, deadline=None, database=None, derandomize=not form.long)
    @given(STATUSES)
    def judge(status: ModelConfigStatus) -> None:
        said = written(status)
        stored = kube.replace({**kube.read(config), "status": said}, subresource="status")
        assert stored["status"] == said

    judge()


def test_s_07_the_operators_own_pods_are_restricted_and_so_is_the_place_where_they_run(
    cluster: ProcessCluster, kube: Kube, namespace: str
) -> None:
    found = rendered(cluster)
    [home] = [each for each in found if each["kind"] == "Namespace"]
    assert home["metadata"]["name"] == HOME
    levels = {key: value for key, value in home["metadata"]["labels"].items() if key.startswith("pod-security")}
    assert levels["pod-security.kubernetes.io/enforce"] == "restricted"
    pods = [_pod(each, namespace) for each in found if each["kind"] == "Deployment"]
    assert pods
    for pod in pods:
        account = {"name": pod["spec"]["serviceAccountName"], "namespace": namespace}
        kube.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
        kube.try_create(pod)


def _pod(deployment: Object, namespace: str) -> Object:
    template = deployment["spec"]["template"]
    metadata = {**template["metadata"], "name": "tried", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
