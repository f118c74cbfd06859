"""spec.podTemplate: the part of a pod that users may shape; what is not listed here cannot be set."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from plimsoll.api.contract import SAFE_PATH_PATTERN, Contract, ObjectName, Quantity, a_set, keyed_by

Key = Annotated[
    str,
    Field(
        pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        max_length=316,
    ),
]
LabelValue = Annotated[str, Field(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$", max_length=63)]
Text = Annotated[str, Field(max_length=4096)]
Id = Annotated[int, Field(ge=1, le=2**31 - 1)]
# Objects of Kubernetes that are handed on as they are: they choose nodes, and can do no harm.
Opaque = Annotated[dict[str, Any], Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})]
VolumeName = Annotated[str, Field(pattern="^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
# Volumes that the operator itself makes begin like this.
RESERVED_VOLUME_PREFIX = "plimsoll-"
RESERVED_VARIABLE_PREFIX = "PLIMSOLL_"
# Folders of the container that belong to the operator.
RESERVED_MOUNTS = ("/models", "/tmp", "/run/plimsoll")  # noqa: S108


class PodMetadata(Contract):
    labels: dict[str, LabelValue] | None = Field(
        default=None,
        description="Labels of the pods; plimsoll.dev/ and app.kubernetes.io/ are taken. Without it only ours. "
        "Example: team: search.",
        max_length=32,
    )
    annotations: dict[str, Text] | None = Field(
        default=None,
        description="Annotations of the pods; plimsoll.dev/ is taken. Without it none. Example: "
        'sidecar.istio.io/inject: "false".',
        max_length=32,
    )


class Toleration(Contract):
    key: Key | None = Field(default=None, description="Taint that is tolerated. Without it every taint is.")
    operator: Literal["Exists", "Equal"] = Field(
        default="Equal", description="Exists asks only for the key, Equal also for the value of the taint."
    )
    value: LabelValue | None = Field(
        default=None, description="Value of the taint, with operator Equal. Without it the empty value is meant."
    )
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="Effect of the taint. Without it every effect is tolerated."
    )
    toleration_seconds: int | None = Field(
        default=None,
        description="Seconds that a pod may stay after NoExecute. Without it there is no end.",
        ge=0,
        le=31536000,
    )


class SecretReference(Contract):
    name: ObjectName = Field(description="Name of a Secret for pulling images, in this namespace. Example: registry.")


class PodSecurity(Contract):
    run_as_user: Id | None = Field(
        default=None, description="User number of the processes, never 0. Default: that of the image."
    )
    run_as_group: Id | None = Field(
        default=None, description="Group number of the processes, never 0. Default: that of the image."
    )
    fs_group: Id | None = Field(
        default=None,
        description="Number of the group that owns mounted volumes. Default: 65532.",
    )
    supplemental_groups: tuple[Id, ...] | None = Field(
        default=None,
        description="More groups of the processes, for shared file systems. Without it none.",
        max_length=16,
        json_schema_extra=a_set(),
    )


class ConfigMapVolume(Contract):
    name: ObjectName = Field(description="Name of the ConfigMap whose keys become files. Example: company-ca.")


class EmptyDirVolume(Contract):
    medium: Literal["Memory"] | None = Field(
        default=None, description="Memory keeps the files in memory. Without it they lie on the node's disk."
    )
    size_limit: Quantity | None = Field(
        default=None, description="Largest size in bytes. Without it only the node limits it. Example: 2Gi."
    )


class ClaimVolume(Contract):
    claim_name: ObjectName = Field(description="Name of a persistent volume claim in this namespace. Example: shared.")
    read_only: bool = Field(default=False, description="Whether the pod may only read what lies on the claim.")


class Volume(Contract):
    name: VolumeName = Field(
        description="What mounts call the volume; names that begin with plimsoll- are taken. Example: ca."
    )
    config_map: ConfigMapVolume | None = Field(
        default=None, description="A volume with the keys of a ConfigMap as files."
    )
    empty_dir: EmptyDirVolume | None = Field(
        default=None, description="A volume that is empty when the pod starts and gone when it ends."
    )
    persistent_volume_claim: ClaimVolume | None = Field(
        default=None, description="A volume that outlives the pod, by its claim."
    )


class Variable(Contract):
    name: str = Field(
        description="Name of the variable; names that begin with PLIMSOLL_ are taken. Example: HTTPS_PROXY.",
        pattern="^[A-Za-z_][A-Za-z0-9_]*$",
        max_length=128,
    )
    value: Text = Field(
        description="Value of the variable, which every reader of this object sees. Example: "
        "http://proxy.example.com:3128."
    )


class Mount(Contract):
    name: VolumeName = Field(description="Name of a volume of podTemplate.spec.volumes. Example: ca.")
    mount_path: str = Field(
        description="Absolute path at which the volume appears. Example: /etc/ssl/company.",
        pattern=r"^/[^:\\\x00-\x1f]+$",
        max_length=512,
    )
    sub_path: Annotated[str, Field(pattern=SAFE_PATH_PATTERN, max_length=512)] | None = Field(
        default=None, description="Path inside the volume to mount. Without it the whole volume is. Example: certs."
    )
    read_only: bool = Field(default=False, description="Whether the container may only read below this path.")


class Container(Contract):
    name: Literal["engine", "fetch"] = Field(description="engine serves the model, fetch brings the weights before.")
    env: tuple[Variable, ...] | None = Field(
        default=None,
        description="Environment variables to add. Without it there are only ours.",
        max_length=64,
        json_schema_extra=keyed_by("name"),
    )
    volume_mounts: tuple[Mount, ...] | None = Field(
        default=None,
        description="Where volumes of podTemplate.spec.volumes appear. Without it nowhere.",
        max_length=16,
        json_schema_extra=keyed_by("mountPath"),
    )


class PodSpec(Contract):
    node_selector: dict[str, LabelValue] | None = Field(
        default=None,
        description="Labels of a node, beside those of the profile. Without it no more. Example: "
        "topology.kubernetes.io/zone: eu-west-1a.",
        max_length=16,
    )
    tolerations: tuple[Toleration, ...] | None = Field(
        default=None,
        description="Taints that the pods put up with, beside those of the profile. Without it no more.",
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    affinity: Opaque | None = Field(
        default=None,
        description="Affinity to nodes and pods, as in a Pod. Without it only the profile decides.",
    )
    topology_spread_constraints: tuple[Opaque, ...] | None = Field(
        default=None,
        description="How replicas are spread, as in a Pod. Default: over nodes where possible.",
        max_length=8,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    priority_class_name: ObjectName | None = Field(
        default=None, description="PriorityClass of the pods. Default: the cluster's default. Example: production."
    )
    runtime_class_name: ObjectName | None = Field(
        default=None, description="RuntimeClass of the pods. Default: the one of the profile. Example: nvidia."
    )
    scheduler_name: ObjectName | None = Field(
        default=None, description="Scheduler that places the pods. Default: default-scheduler. Example: volcano."
    )
    image_pull_secrets: tuple[SecretReference, ...] | None = Field(
        default=None,
        description="Secrets for pulling images. Default: those of the operator's configuration.",
        max_length=8,
        json_schema_extra=keyed_by("name"),
    )
    termination_grace_period_seconds: int | None = Field(
        default=None,
        description="Seconds that a pod has to finish its requests before it is ended. Default: 120.",
        ge=1,
        le=86400,
    )
    security_context: PodSecurity | None = Field(
        default=None,
        description="User and groups of the processes; the rest is as Pod Security asks. Default: those of the "
        "engine's image.",
    )
    volumes: tuple[Volume, ...] | None = Field(
        default=None,
        description="Volumes to add, but no Secrets and no folders of nodes. Without it only ours.",
        max_length=16,
        json_schema_extra=keyed_by("name"),
    )
    containers: tuple[Container, ...] | None = Field(
        default=None,
        description="Additions to our containers, by name. Without it they are as the operator makes them.",
        max_length=2,
        json_schema_extra=keyed_by("name"),
    )


class PodTemplate(Contract):
    metadata: PodMetadata | None = Field(
        default=None, description="Labels and annotations of the pods. Without it there are only ours."
    )
    spec: PodSpec | None = Field(
        default=None, description="Where pods run and what is added. Without it the operator decides."
    )
