"""A pod as it was rendered, and what is looked at in it."""

from __future__ import annotations

from typing import Any

from plimsoll.plan.observed import SourceFacts, SourceFile
from plimsoll.plan.revision import Workload
from tests.support.model_configs import base, merged
from tests.support.rendering import (
    SMALL,
    declared,
    gguf_facts,
    model_of_shape,
)

Object = dict[str, Any]
GIB = 1 << 30


def rendered(name: str = "hub", **change: Any) -> Workload:
    return declared(merged(base(name), change), gguf_facts(SMALL))


def pod(workload: Workload) -> Object:
    spec: Object = workload.template["spec"]
    return spec


def weighing(size: int) -> SourceFacts:
    return SourceFacts("etag:1", (SourceFile("model.gguf", size),), model_of_shape(SMALL))


def volumes(workload: Workload) -> dict[str, Object]:
    return {volume["name"]: volume for volume in pod(workload)["volumes"]}


def mounts(container: Object) -> dict[str, Object]:
    return {mount["mountPath"]: mount for mount in container["volumeMounts"]}
