"""The objects around the pods, and the Job that looks at a claim."""

from __future__ import annotations

from typing import Any

import pytest

from plimsoll.api import names
from plimsoll.api.termination import EXIT_CODES
from plimsoll.plan.children import NOBODY, deployment, network_policy, service, standing
from plimsoll.plan.inspecting import inspect_job, inspect_name
from plimsoll.plan.template import startup_seconds
from tests.support.model_configs import base, merged
from tests.support.rendering import SMALL, accepted, existing, fixed_configuration, gguf_facts

Object = dict[str, Any]
CONFIG = existing(base("hub"))
CLAIM = existing(base("claim"))


def by_kind(*objects: Object) -> dict[str, Object]:
    return {each["kind"]: each for each in objects}


def made_deployment(replicas: int = 2) -> Object:
    revision = accepted(base("hub"), gguf_facts(SMALL))
    assert revision.declared is not None
    return deployment(CONFIG, revision, revision.declared, replicas)


def inspected(**change: Any) -> Object:
    return inspect_job(existing(merged(base("claim"), change)), fixed_configuration())


def pod_of(job: Object) -> Object:
    spec: Object = job["spec"]["template"]["spec"]
    return spec


def all_children() -> list[Object]:
    return [
        *standing(CONFIG, None, fixed_configuration()),
        made_deployment(),
        inspect_job(CLAIM, fixed_configuration()),
    ]


@pytest.mark.parametrize("child", all_children(), ids=lambda child: str(child["kind"]))
def test_every_child_is_labelled_and_owned_and_goes_with_its_model(child: Object) -> None:
    metadata = child["metadata"]
    assert (
        metadata["labels"].items()
        >= names.common_labels("chat", metadata["labels"]["app.kubernetes.io/component"]).items()
    )
    (owner,) = metadata["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("ModelConfig", CONFIG["metadata"]["uid"], True)
    assert metadata["namespace"] == "default"


def test_what_stands_has_the_name_of_the_model() -> None:
    made = standing(CONFIG, None, fixed_configuration())
    assert {each["kind"] for each in made} == {"ServiceAccount", "Service", "PodDisruptionBudget", "NetworkPolicy"}
    assert {each["metadata"]["name"] for each in made} == {"chat"}


def test_a_service_selects_nobody_before_anything_was_proven_and_then_one_workload() -> None:
    selectors = [service(CONFIG, serving)["spec"]["selector"] for serving in (None, "0f64feeeac")]
    assert [each[names.LABEL_WORKLOAD] for each in selectors] == [NOBODY, "0f64feeeac"]
    assert {each[names.LABEL_MODELCONFIG] for each in selectors} == {"chat"}


def test_the_pods_of_a_deployment_are_those_that_the_service_and_the_budget_mean() -> None:
    made = made_deployment()
    labels = made["spec"]["template"]["metadata"]["labels"]
    workload = labels[names.LABEL_WORKLOAD]
    budget = by_kind(*standing(CONFIG, workload, fixed_configuration()))["PodDisruptionBudget"]
    assert service(CONFIG, workload)["spec"]["selector"].items() <= labels.items()
    assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert made["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert made["metadata"]["name"] == f"chat-{workload}"


def test_no_budget_and_no_service_means_the_pod_that_looks_at_a_claim() -> None:
    labels = inspected()["spec"]["template"]["metadata"]["labels"]
    found = by_kind(*standing(CLAIM, NOBODY, fixed_configuration()))
    assert not found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert not found["Service"]["spec"]["selector"].items() <= labels.items()
    assert found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"].items() <= labels.items()


def test_a_deployment_adds_before_it_takes_away_and_waits_as_long_as_a_pod_may() -> None:
    spec = made_deployment(3)["spec"]
    assert spec["replicas"] == 3
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert spec["progressDeadlineSeconds"] > startup_seconds(spec["template"])


def test_the_number_of_the_revision_is_on_the_deployment_and_not_on_its_pods() -> None:
    made = made_deployment()
    assert made["metadata"]["labels"][names.LABEL_REVISION] == "1"
    assert names.LABEL_REVISION not in made["spec"]["template"]["metadata"]["labels"]


# --- network


def callers(configuration: Any = None) -> list[Object]:
    (rule,) = network_policy(CONFIG, configuration or fixed_configuration())["spec"]["ingress"]
    assert rule["ports"] == [{"port": 8080, "protocol": "TCP"}]
    found: list[Object] = rule["from"]
    return found


def test_only_the_gateway_and_the_operator_reach_an_engine() -> None:
    (caller,) = callers()
    assert caller["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "plimsoll-system"}
    assert caller["podSelector"]["matchLabels"] == {"app.kubernetes.io/part-of": "plimsoll"}
    assert caller["podSelector"]["matchExpressions"][0]["values"] == ["gateway", "operator"]


def test_the_namespace_of_plimsoll_is_that_of_the_configuration() -> None:
    elsewhere = fixed_configuration().model_copy(update={"namespace": "models"})
    assert callers(elsewhere)[0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "models"}


def test_direct_calls_open_the_engine_to_its_own_namespace_and_no_other() -> None:
    opened = callers(fixed_configuration().model_copy(update={"direct_calls": "Namespace"}))
    assert opened == [*callers(), {"podSelector": {}}]


@pytest.mark.parametrize("address", ["169.254.0.0/16", "100.100.100.200/32", "192.0.0.192/32", "fe80::/10"])
def test_nothing_in_a_pod_reaches_the_credentials_of_its_node(address: str) -> None:
    egress = network_policy(CONFIG, fixed_configuration())["spec"]["egress"]
    blocks = [block["ipBlock"] for rule in egress for block in rule.get("to", ())]
    assert any(address in block["except"] for block in blocks)
    # The one rule without addresses is for name servers.
    assert [{port["port"] for port in rule["ports"]} for rule in egress if "to" not in rule] == [{53}]


# --- the Job


def test_another_source_is_another_job_and_the_same_is_the_same() -> None:
    here = {"source": {"pvc": {"path": "other.gguf"}}}
    jobs = [inspected()["metadata"]["name"] for _ in range(2)] + [
        inspected(**here)["metadata"]["name"],
        inspected(source={"sha256": "a" * 64})["metadata"]["name"],
        inspected(context=8192)["metadata"]["name"],
    ]
    assert jobs[0] == jobs[1] == jobs[4]
    assert len(set(jobs)) == 3
    assert all(name.startswith("chat-inspect-") for name in jobs)


def test_the_order_in_which_a_source_is_written_makes_no_other_job() -> None:
    source = base("claim")["source"]["pvc"]
    turned = {"source": {"pvc": dict(reversed(list(source.items())))}}
    assert inspect_name(existing(turned)) == inspect_name(CLAIM)


def test_the_name_of_a_job_leaves_room_for_that_of_its_pods() -> None:
    job = inspect_job(existing(base("claim"), "a" * names.LONGEST_NAME), fixed_configuration())
    assert len(job["metadata"]["name"]) <= 63


def test_a_job_reads_the_claim_that_the_pods_will_mount_and_checks_its_sum_once() -> None:
    pod = pod_of(inspected(source={"sha256": "a" * 64}))
    assert pod["containers"][0]["args"] == ["fetch", "inspect", "--path=/models/tiny.gguf", f"--sha256={'a' * 64}"]
    assert pod["volumes"][0]["persistentVolumeClaim"] == {"claimName": "weights", "readOnly": True}
    assert pod_of(inspected())["containers"][0]["args"] == ["fetch", "inspect", "--path=/models/tiny.gguf"]


def test_a_job_reads_the_image_that_the_pods_will_mount_with_their_secrets() -> None:
    spec = merged(base("packed"), {"podTemplate": {"spec": {"imagePullSecrets": [{"name": "models"}]}}})
    pod = pod_of(inspect_job(existing(spec), fixed_configuration()))
    assert pod["containers"][0]["args"] == ["fetch", "inspect", "--path=/models/tiny.gguf"]
    assert pod["volumes"][0]["image"]["reference"] == spec["source"]["oci"]["image"]
    assert pod["imagePullSecrets"] == [{"name": "registry"}, {"name": "models"}]


def test_a_job_runs_where_the_model_will_because_its_claim_may_hang_there() -> None:
    own = {"nodeSelector": {"zone": "a"}, "securityContext": {"runAsUser": 1000}}
    pod = pod_of(inspected(hardware={"profile": "l4"}, podTemplate={"spec": own}))
    assert pod["nodeSelector"] == {"zone": "a", "example.com/gpu": "l4", "kubernetes.io/arch": "amd64"}
    assert pod["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert pod["securityContext"]["runAsUser"] == 1000
    assert pod_of(inspected(hardware={"profile": "unheard-of"}))["nodeSelector"] == {"kubernetes.io/arch": "amd64"}


def test_a_job_does_not_try_again_what_no_attempt_can_heal() -> None:
    (rule,) = inspected()["spec"]["podFailurePolicy"]["rules"]
    final = {code for reason, code in EXIT_CODES.items() if reason.needs_change}
    assert rule["action"] == "FailJob"
    assert set(rule["onExitCodes"]["values"]) == final
    assert rule["onExitCodes"]["containerName"] == pod_of(inspected())["containers"][0]["name"]
