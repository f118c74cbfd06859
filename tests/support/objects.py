"""Builders for small objects; every pod passes the pod security standard `restricted`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Object = dict[str, Any]

_ANY_USER = 65_532
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
GPU = "nvidia.com/gpu"


def namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(RESTRICTED)}}


def service_account(namespace: str) -> Object:
    """The one that every namespace gets, and without which its pods are refused."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(namespace, "default")}


def config_map(namespace: str, name: str, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _metadata(namespace, name), "data": data}


def pod(namespace: str, name: str, image: str, arguments: Sequence[str] = ()) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**_metadata(namespace, name), "labels": {"app": name}},
        "spec": _pod_spec(image, arguments),
    }


def server(namespace: str, name: str, image: str) -> Object:
    """A pod that answers HTTP on port 8080."""
    wanted = pod(namespace, name, image, SERVE)
    wanted["spec"]["containers"][0]["readinessProbe"] = dict(_READY)
    return wanted


def deployment(namespace: str, name: str, image: str, replicas: int) -> Object:
    """Replicas of `server`."""
    template = server(namespace, name, image)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(namespace, name),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": template["spec"]},
        },
    }


def service(namespace: str, name: str) -> Object:
    """In front of the pods labelled `app: <name>`."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(namespace, name),
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]},
    }


def claim(namespace: str, name: str, storage_class: str = "local") -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": _metadata(namespace, name),
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": "16Mi"}},
        },
    }


def mounted(pod: Object, path: str, volume: Object) -> Object:
    """The pod with one more volume at a path of its container; the same object, for chaining."""
    spec = pod["spec"]
    name = f"volume-{len(spec.setdefault('volumes', []))}"
    spec["volumes"].append({"name": name, **volume})
    spec["containers"][0].setdefault("volumeMounts", []).append({"name": name, "mountPath": path})
    return pod


def on_node(pod: Object, node: str) -> Object:
    pod["spec"]["nodeSelector"] = {"kubernetes.io/hostname": node}
    return pod


def asking_for_gpus(pod: Object, count: int) -> Object:
    pod["spec"]["containers"][0]["resources"]["limits"][GPU] = str(count)
    return pod


def owned_by(owner: Object, child: Object) -> Object:
    """The child with an owner reference; `owner` is as the API server returned it."""
    metadata = owner["metadata"]
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": metadata["name"]}
    child["metadata"]["ownerReferences"] = [{**reference, "uid": metadata["uid"]}]
    return child


SERVE = ("serve", "--port", "8080")
_READY = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1}


def _metadata(namespace: str, name: str) -> dict[str, Any]:
    return {"namespace": namespace, "name": name}


def _pod_spec(image: str, arguments: Sequence[str]) -> Object:
    return {
        # Test pods have nothing to finish: the default of 30 s would only make every deletion slow.
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _ANY_USER,
            "runAsGroup": _ANY_USER,
            "fsGroup": _ANY_USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "main",
                "image": image,
                "imagePullPolicy": "IfNotPresent",
                "args": list(arguments),
                "resources": {"requests": {"cpu": "5m", "memory": "8Mi"}, "limits": {"memory": "64Mi"}},
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ],
    }
