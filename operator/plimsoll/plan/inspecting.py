"""The Job that reads the header of weights on a claim or in an image, which only a pod can see."""

from __future__ import annotations

import hashlib
import json

from plimsoll.api import names
from plimsoll.api.configuration import HardwareProfile, OperatorConfiguration
from plimsoll.api.hardware import Hardware
from plimsoll.api.modelconfig import ModelConfigSpec
from plimsoll.api.pod import PodSpec, PodTemplate
from plimsoll.api.source import Source
from plimsoll.api.termination import EXIT_CODES
from plimsoll.plan import fetching
from plimsoll.plan.objects import INSPECT, child
from plimsoll.plan.observed import Object
from plimsoll.plan.placement import container_security, placement, pod_security
from plimsoll.plan.template import FETCH
from plimsoll.plan.weights_cache import MODELS

_ATTEMPTS = 2
# Another attempt would read the same bytes.
_FINAL = sorted(code for reason, code in EXIT_CODES.items() if reason.needs_change)
_MOUNTED = frozenset({"pvc", "oci"})
_RESOURCES = {
    "requests": {"cpu": "100m", "memory": "128Mi"},
    "limits": {"cpu": "1", "memory": "512Mi"},
}


def only_a_pod_sees(config: Object) -> bool:
    """Whether the weights lie where the operator cannot look."""
    return not _MOUNTED.isdisjoint(config["spec"].get("source") or ())


def inspect_name(config: Object) -> str:
    """Another source is another Job, so that an answer never belongs to another question."""
    text = json.dumps(config["spec"]["source"], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{config['metadata']['name']}-{INSPECT}-{names.short(digest)}"


def inspect_job(config: Object, configuration: OperatorConfiguration) -> Object:
    made = child(config, "batch/v1", "Job", inspect_name(config), INSPECT)
    return {
        **made,
        "spec": {
            "backoffLimit": _ATTEMPTS,
            "completions": 1,
            "parallelism": 1,
            "podFailurePolicy": {
                "rules": [
                    {
                        "action": "FailJob",
                        "onExitCodes": {"containerName": FETCH, "operator": "In", "values": _FINAL},
                    }
                ]
            },
            "template": {
                "metadata": {"labels": made["metadata"]["labels"]},
                "spec": _pod(config, configuration),
            },
        },
    }


def _pod(config: Object, configuration: OperatorConfiguration) -> Object:
    spec = ModelConfigSpec.model_validate(config["spec"])
    assert spec.source is not None
    pod = (spec.pod_template or PodTemplate()).spec or PodSpec()
    named = (spec.hardware or Hardware()).profile
    # The claim may hang on those nodes, and an image is pulled where it will be used.
    # A profile that is not known is told when the spec is accepted.
    profile = configuration.profile(named) or HardwareProfile(name="unknown")
    return {
        "serviceAccountName": config["metadata"]["name"],
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": pod_security(pod),
        **placement(profile, pod, configuration),
        "containers": [_container(spec.source, configuration)],
        "volumes": [fetching.models_volume(spec.source), {"name": "plimsoll-tmp", "emptyDir": {}}],
    }


def _container(source: Source, configuration: OperatorConfiguration) -> Object:
    return {
        "name": FETCH,
        "image": configuration.images.plimsoll,
        "args": fetching.inspect_arguments(source),
        "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108
        "resources": _RESOURCES,
        "securityContext": container_security(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": fetching.MODELS_VOLUME, "mountPath": MODELS, "readOnly": True},
            {"name": "plimsoll-tmp", "mountPath": "/tmp"},  # noqa: S108
        ],
    }
