"""Rules for spec.podTemplate: what users add may not collide with what is ours."""

from __future__ import annotations

from typing import Any

from plimsoll.api.names import GROUP, RESERVED_PREFIXES
from plimsoll.api.pod import RESERVED_MOUNTS, RESERVED_VARIABLE_PREFIX, RESERVED_VOLUME_PREFIX
from plimsoll.api.rules.rule import Node, Rule

_POD = "spec.podTemplate.spec"
_VOLUME_KINDS = ("configMap", "emptyDir", "persistentVolumeClaim")
# The Deployment controller tells the pods of one ReplicaSet from another's by it.
_HASH_LABEL = "pod-template-hash"


def _free_keys(kind: str, prefixes: tuple[str, ...], names: tuple[str, ...], message: str) -> Rule:
    taken = [f"!key.startsWith('{prefix}')" for prefix in prefixes] + [f"key != '{name}'" for name in names]
    return Rule(
        name=f"{kind}-are-free",
        at=f"spec.podTemplate.metadata.{kind}",
        cel=f"self.all(key, {' && '.join(taken)})",
        holds=lambda entries: not any(key.startswith(prefixes) or key in names for key in entries),
        message=message,
    )


def _mounts_have_volumes(pod: Node) -> bool:
    known = {volume["name"] for volume in pod.get("volumes", ())}
    mounts = (mount for container in pod.get("containers", ()) for mount in container.get("volumeMounts", ()))
    return all(mount["name"] in known for mount in mounts)


def _free_folder(path: Any) -> bool:
    return not any(path == taken or path.startswith(f"{taken}/") for taken in RESERVED_MOUNTS)


POD_RULES = (
    _free_keys(
        "labels",
        RESERVED_PREFIXES,
        (_HASH_LABEL,),
        "labels of plimsoll.dev/ and app.kubernetes.io/ and pod-template-hash find the pods: use other names",
    ),
    _free_keys("annotations", (f"{GROUP}/",), (), "annotations of plimsoll.dev/ are ours: use another prefix"),
    Rule(
        name="toleration-without-value",
        at=f"{_POD}.tolerations[]",
        field=".value",
        cel="self.operator != 'Exists' || !has(self.value)",
        holds=lambda toleration: toleration["operator"] != "Exists" or "value" not in toleration,
        message="operator Exists compares no value: remove value, or use operator Equal",
    ),
    Rule(
        name="toleration-with-key",
        at=f"{_POD}.tolerations[]",
        cel="self.operator != 'Equal' || has(self.key)",
        holds=lambda toleration: toleration["operator"] != "Equal" or "key" in toleration,
        message="operator Equal needs the key of a taint: set key, or use operator Exists for every taint",
    ),
    Rule(
        name="toleration-seconds-of-no-execute",
        at=f"{_POD}.tolerations[]",
        field=".tolerationSeconds",
        cel="!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
        holds=lambda toleration: "tolerationSeconds" not in toleration or toleration.get("effect") == "NoExecute",
        message="tolerationSeconds counts after NoExecute only: set effect to NoExecute, or remove tolerationSeconds",
    ),
    Rule(
        name="volume-of-one-kind",
        at=f"{_POD}.volumes[]",
        cel="[" + ", ".join(f"has(self.{kind})" for kind in _VOLUME_KINDS) + "].exists_one(given, given)",
        holds=lambda volume: sum(kind in volume for kind in _VOLUME_KINDS) == 1,
        message="a volume is of exactly one kind: keep one of configMap, emptyDir and persistentVolumeClaim",
    ),
    Rule(
        name="volume-name-is-free",
        at=f"{_POD}.volumes[].name",
        cel=f"!self.startsWith('{RESERVED_VOLUME_PREFIX}')",
        holds=lambda name: not name.startswith(RESERVED_VOLUME_PREFIX),
        message=f"volumes whose names begin with {RESERVED_VOLUME_PREFIX} are ours: choose another name",
    ),
    Rule(
        name="mount-has-volume",
        at=_POD,
        field=".containers",
        cel="!has(self.containers) || self.containers.all(container, !has(container.volumeMounts)"
        " || container.volumeMounts.all(mount, has(self.volumes)"
        " && self.volumes.exists(volume, volume.name == mount.name)))",
        holds=_mounts_have_volumes,
        message="a volumeMount names no volume of podTemplate.spec.volumes: add the volume, or correct the name",
    ),
    Rule(
        name="mount-path-is-free",
        at=f"{_POD}.containers[].volumeMounts[].mountPath",
        cel=" && ".join(f"self != '{taken}' && !self.startsWith('{taken}/')" for taken in RESERVED_MOUNTS),
        holds=_free_folder,
        message=f"{', '.join(RESERVED_MOUNTS)} are folders of the engine: mount the volume elsewhere",
    ),
    Rule(
        name="variable-is-free",
        at=f"{_POD}.containers[].env[].name",
        cel=f"!self.startsWith('{RESERVED_VARIABLE_PREFIX}')",
        holds=lambda name: not name.startswith(RESERVED_VARIABLE_PREFIX),
        message=f"variables that begin with {RESERVED_VARIABLE_PREFIX} are ours: set the matching field of the spec",
    ),
)
