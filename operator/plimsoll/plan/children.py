"""The objects of a ModelConfig, each a function to what is applied."""

from __future__ import annotations

from plimsoll.api import names
from plimsoll.api.configuration import OperatorConfiguration
from plimsoll.plan.engine import PORT
from plimsoll.plan.objects import ENGINE, child
from plimsoll.plan.observed import Object
from plimsoll.plan.revision import Revision, Workload
from plimsoll.plan.template import HTTP, startup_seconds

# Selects no pod: what a Service has before any workload was proven.
NOBODY = "none"
PLIMSOLL = "plimsoll"
# The parts of Plimsoll that call engines.
_CALLERS = ("gateway", "operator")
# Addresses that hand out credentials of the node to whoever asks from it.
_IPV4_METADATA = ["100.100.100.200/32", "169.254.0.0/16", "192.0.0.192/32"]
_IPV6_METADATA = ["fd00:ec2::254/128", "fe80::/10"]
_PROGRESS_SPARE = 600


def standing(config: Object, serving: str | None, configuration: OperatorConfiguration) -> tuple[Object, ...]:
    """What is there as long as the model is; `serving` is the short hash of the workload that takes calls."""
    return (
        service_account(config),
        network_policy(config, configuration),
        service(config, serving),
        disruption_budget(config),
    )


def service_account(config: Object) -> Object:
    """An identity without rights: nothing in a pod of a model speaks to the API server."""
    return {**child(config, "v1", "ServiceAccount", _name(config)), "automountServiceAccountToken": False}


def service(config: Object, serving: str | None) -> Object:
    return {
        **child(config, "v1", "Service", _name(config)),
        "spec": {
            "type": "ClusterIP",
            "selector": {**_model(config), names.LABEL_WORKLOAD: serving or NOBODY},
            "ports": [{"name": HTTP, "port": PORT, "protocol": "TCP", "targetPort": HTTP, "appProtocol": "http"}],
        },
    }


def disruption_budget(config: Object) -> Object:
    """One pod at a time, and never one that would have to be kept although it serves nobody."""
    return {
        **child(config, "policy/v1", "PodDisruptionBudget", _name(config)),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": {**_model(config), "app.kubernetes.io/component": ENGINE}},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def network_policy(config: Object, configuration: OperatorConfiguration) -> Object:
    callers: list[Object] = [_plimsoll_itself(configuration.namespace)]
    if configuration.direct_calls == "Namespace":
        callers.append({"podSelector": {}})
    anywhere = [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": _IPV4_METADATA}},
        {"ipBlock": {"cidr": "::/0", "except": _IPV6_METADATA}},
    ]
    # Also where the cluster's name server listens on a link-local address, as its node-local cache does.
    name_server = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
    return {
        **child(config, "networking.k8s.io/v1", "NetworkPolicy", _name(config)),
        "spec": {
            "podSelector": {"matchLabels": _model(config)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": callers, "ports": [{"port": PORT, "protocol": "TCP"}]}],
            "egress": [{"to": anywhere}, {"ports": name_server}],
        },
    }


def deployment(config: Object, revision: Revision, workload: Workload, replicas: int) -> Object:
    made = child(config, "apps/v1", "Deployment", names.workload_name(_name(config), workload.hash))
    made["metadata"]["labels"] |= names.workload_labels(revision.number, workload.hash)
    return {
        **made,
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {**_model(config), names.LABEL_WORKLOAD: names.short(workload.hash)}},
            # The template of a workload never changes, so this is for pods that move, not for new versions.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "revisionHistoryLimit": 1,
            "progressDeadlineSeconds": 2 * startup_seconds(workload.template) + _PROGRESS_SPARE,
            "template": workload.template,
        },
    }


def _plimsoll_itself(namespace: str) -> Object:
    return {
        # Every namespace carries its own name, set by the API server.
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "podSelector": {
            "matchLabels": {"app.kubernetes.io/part-of": PLIMSOLL},
            "matchExpressions": [
                {"key": "app.kubernetes.io/component", "operator": "In", "values": list(_CALLERS)},
            ],
        },
    }


def _name(config: Object) -> str:
    return str(config["metadata"]["name"])


def _model(config: Object) -> dict[str, str]:
    return {names.LABEL_MODELCONFIG: _name(config)}
