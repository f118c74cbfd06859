"""The pods: restricted, complete, and open to users exactly as far as the contract says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plimsoll.api import names
from plimsoll.plan.observed import SourceFacts, SourceFile
from plimsoll.plan.revision import Workload
from plimsoll.plan.template import startup_seconds
from tests.support.model_configs import base, merged
from tests.support.rendered_pods import GIB, Object, mounts, pod, rendered, volumes, weighing
from tests.support.rendering import (
    SMALL,
    accepted,
    declared,
    engine_of,
    fetch_of,
    gguf_facts,
    model_of_shape,
    safetensors_facts,
)


def with_pod(spec: Object, metadata: Object | None = None, **change: Any) -> Workload:
    return rendered(podTemplate={"spec": spec, "metadata": metadata or {}}, **change)


def variables(container: Object) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container["env"]}


# --- what holds for every pod


@pytest.mark.parametrize("name", ["hub", "hosted", "bucket", "claim", "packed", "vllm"])
def test_a_pod_has_nothing_that_the_restricted_level_forbids_and_no_token(name: str) -> None:
    spec = {**base(name), "hardware": {"profile": "a100"}}
    workload = declared(spec, safetensors_facts() if name == "vllm" else gguf_facts(SMALL))
    assert pod(workload)["automountServiceAccountToken"] is False
    assert pod(workload)["enableServiceLinks"] is False
    assert pod(workload)["securityContext"]["runAsNonRoot"] is True
    assert pod(workload)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in (*pod(workload)["containers"], *pod(workload).get("initContainers", ())):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is context["privileged"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert set(container["resources"]) == {"requests", "limits"}
        assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
        assert {"/models", "/tmp"} <= set(mounts(container))
    assert not any("hostPath" in volume for volume in pod(workload)["volumes"])


def test_pods_carry_the_hash_of_their_workload_and_no_number_of_a_revision() -> None:
    labels = rendered().template["metadata"]["labels"]
    assert labels[names.LABEL_WORKLOAD] == names.short(rendered().hash)
    assert labels[names.LABEL_MODELCONFIG] == "chat"
    assert names.LABEL_REVISION not in labels


def test_the_same_spec_gives_the_same_pods_in_whatever_spelling() -> None:
    one = rendered(resources={"limits": {"memory": "4Gi", "cpu": 2}}, context=4096)
    other = rendered(resources={"limits": {"memory": 4 * GIB, "cpu": "2000m"}})
    assert one == other


def test_a_template_is_json_and_stays_what_it_is() -> None:
    template = with_pod({"affinity": {"nodeAffinity": {"a": [1, {"b": True}]}}}).template
    assert json.loads(json.dumps(template)) == template


def test_a_pod_that_ends_answers_until_nobody_is_sent_to_it() -> None:
    assert engine_of(rendered())["lifecycle"]["preStop"] == {"sleep": {"seconds": 5}}
    assert pod(rendered())["terminationGracePeriodSeconds"] == 120


def test_the_sleep_before_the_end_fits_into_a_short_grace() -> None:
    workload = with_pod({"terminationGracePeriodSeconds": 3})
    assert engine_of(workload)["lifecycle"]["preStop"]["sleep"]["seconds"] == 3


# --- probes


def test_e_05_a_load_of_twenty_minutes_is_not_ended_and_larger_files_may_take_longer() -> None:
    small, large = (startup_seconds(declared(base("hub"), weighing(size)).template) for size in (1 << 20, 200 * GIB))
    assert small >= 20 * 60
    assert large >= small + 200 * GIB // (16 << 20)


def test_the_budget_covers_the_size_by_hand_where_the_source_does_not_tell_one() -> None:
    unknown = SourceFacts("etag:1", (SourceFile("model.gguf"),), model_of_shape(SMALL))
    spec = merged(base("hub"), {"resources": {"storage": "200Gi"}})
    plain, by_hand = (startup_seconds(declared(each, unknown).template) for each in (base("hub"), spec))
    assert by_hand > plain


def test_an_engine_is_ready_and_alive_by_different_answers() -> None:
    engine = engine_of(rendered())
    assert engine["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "http", "scheme": "HTTP"}
    assert engine["livenessProbe"]["httpGet"]["path"] == "/health"
    assert engine["ports"] == [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]


# --- nodes


def test_a_profile_chooses_the_nodes_and_a_user_may_only_narrow_them() -> None:
    user = {
        "nodeSelector": {"zone": "a", "example.com/gpu": "mine", "kubernetes.io/arch": "arm64"},
        "tolerations": [{"key": "dedicated", "value": "models", "effect": "NoSchedule"}],
    }
    found = pod(with_pod(user, hardware={"profile": "l4"}))
    assert found["nodeSelector"] == {"zone": "a", "example.com/gpu": "l4", "kubernetes.io/arch": "amd64"}
    assert [toleration["key"] for toleration in found["tolerations"]] == ["nvidia.com/gpu", "dedicated"]
    assert found["runtimeClassName"] == "nvidia"


def test_a_runtime_class_of_the_user_goes_before_that_of_the_profile() -> None:
    assert pod(with_pod({"runtimeClassName": "mine"}, hardware={"profile": "l4"}))["runtimeClassName"] == "mine"


def test_replicas_are_spread_over_nodes_unless_the_user_says_how() -> None:
    (usual,) = pod(rendered())["topologySpreadConstraints"]
    assert (usual["topologyKey"], usual["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")
    assert usual["labelSelector"]["matchLabels"].items() <= rendered().template["metadata"]["labels"].items()
    own = [{"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]
    assert pod(with_pod({"topologySpreadConstraints": own}))["topologySpreadConstraints"] == own


def test_gpus_are_counted_by_the_name_that_the_profile_gives_them() -> None:
    limits = engine_of(rendered(hardware={"profile": "l4", "count": 2}))["resources"]["limits"]
    assert limits["nvidia.com/gpu"] == "2"
    assert not any("gpu" in key for key in engine_of(rendered())["resources"]["limits"])


# --- what users add


def test_labels_and_annotations_are_added_and_ours_stay() -> None:
    metadata = {"labels": {"team": "search", names.LABEL_MODELCONFIG: "stolen"}, "annotations": {"a": "b"}}
    made = with_pod({}, metadata).template["metadata"]
    assert made["labels"]["team"] == "search"
    assert made["labels"][names.LABEL_MODELCONFIG] == "chat"
    assert made["annotations"] == {"a": "b"}


def test_users_choose_numbers_of_users_and_groups_and_nothing_else_of_security() -> None:
    context = pod(with_pod({"securityContext": {"runAsUser": 1000, "fsGroup": 2000}}))["securityContext"]
    assert (context["runAsUser"], context["fsGroup"], context["runAsNonRoot"]) == (1000, 2000, True)
    assert pod(rendered())["securityContext"]["fsGroup"] == 65532
    assert "runAsUser" not in pod(rendered())["securityContext"]


def test_volumes_variables_and_mounts_are_added_to_the_container_that_is_named() -> None:
    added = {
        "volumes": [{"name": "ca", "configMap": {"name": "company-ca"}}],
        "containers": [
            {
                "name": "fetch",
                "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
                "volumeMounts": [{"name": "ca", "mountPath": "/etc/ssl/company", "readOnly": True}],
            }
        ],
    }
    workload = with_pod(added)
    assert volumes(workload)["ca"] == {"name": "ca", "configMap": {"name": "company-ca"}}
    assert variables(fetch_of(workload))["HTTPS_PROXY"] == "http://proxy:3128"
    assert mounts(fetch_of(workload))["/etc/ssl/company"]["readOnly"] is True
    assert "HTTPS_PROXY" not in variables(engine_of(workload))
    assert "/etc/ssl/company" not in mounts(engine_of(workload))


def test_an_empty_volume_stays_one() -> None:
    assert volumes(with_pod({"volumes": [{"name": "a", "emptyDir": {}}]}))["a"] == {"name": "a", "emptyDir": {}}


def test_a_variable_of_a_user_replaces_one_that_is_not_reserved_and_stands_once() -> None:
    env = [{"name": "HOME", "value": "/home"}, {"name": "B", "value": "$(HOME)"}]
    engine = engine_of(with_pod({"containers": [{"name": "engine", "env": env}]}))
    assert [(each["name"], each["value"]) for each in engine["env"]] == [("HOME", "/home"), ("B", "$(HOME)")]


def test_pull_secrets_of_the_user_join_those_of_the_configuration() -> None:
    own = [{"name": "mine"}, {"name": "registry"}]
    assert pod(with_pod({"imagePullSecrets": own}))["imagePullSecrets"] == [{"name": "registry"}, {"name": "mine"}]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("affinity", {"podAntiAffinity": {}}),
        ("priorityClassName", "production"),
        ("schedulerName", "volcano"),
    ],
)
def test_what_only_chooses_a_node_is_handed_on(field: str, value: Any) -> None:
    assert pod(with_pod({field: value}))[field] == value
    assert field not in pod(rendered())


def test_the_parts_of_a_sizing_add_up_to_its_total() -> None:
    for workload in (rendered(), rendered(hardware={"profile": "l4"})):
        assert workload.sizing is not None
        assert sum(part.bytes for part in workload.sizing.parts) == workload.sizing.total_bytes
    assert accepted(base("hub"), gguf_facts(SMALL)).declared == rendered()
