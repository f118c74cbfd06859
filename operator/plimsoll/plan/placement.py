"""Where a pod may run and as whom: the profile of its hardware, and what the user adds."""

from __future__ import annotations

from plimsoll.api.configuration import HardwareProfile, OperatorConfiguration
from plimsoll.api.pod import PodSpec
from plimsoll.plan.observed import Object
from plimsoll.plan.written import written

ARCHITECTURE = "kubernetes.io/arch"
_GROUP = 65532


def placement(profile: HardwareProfile, pod: PodSpec, configuration: OperatorConfiguration) -> Object:
    """The fields of a pod's spec that choose its node. Those of the profile win over the user's."""
    made: Object = {
        "nodeSelector": {
            **(pod.node_selector or {}),
            **profile.node_selector,
            ARCHITECTURE: profile.architecture,
        },
        "tolerations": [written(each) for each in (*profile.tolerations, *(pod.tolerations or ()))],
        "affinity": pod.affinity,
        "priorityClassName": pod.priority_class_name,
        "runtimeClassName": pod.runtime_class_name or profile.runtime_class_name,
        "schedulerName": pod.scheduler_name,
        "imagePullSecrets": _pull_secrets(pod, configuration),
    }
    return {key: value for key, value in made.items() if value not in (None, [], {})}


def pod_security(pod: PodSpec) -> Object:
    """What the restricted Pod Security level asks of a pod; users choose only numbers of users and groups."""
    own: Object = {} if pod.security_context is None else written(pod.security_context)
    return {
        "fsGroup": _GROUP,
        "fsGroupChangePolicy": "OnRootMismatch",
        **own,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> Object:
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
    }


def _pull_secrets(pod: PodSpec, configuration: OperatorConfiguration) -> list[Object]:
    secrets = (*configuration.images.pull_secrets, *(pod.image_pull_secrets or ()))
    return [{"name": name} for name in dict.fromkeys(secret.name for secret in secrets)]
