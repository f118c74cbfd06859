"""What becomes of each sample: its revision and its objects, as text that a reviewer can read.

`python -m tests.support.golden` writes the folders of tests/golden anew.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from plimsoll.plan.children import deployment, standing
from plimsoll.plan.finding import Finding
from plimsoll.plan.inspecting import inspect_job, only_a_pod_sees
from plimsoll.plan.observed import SourceFacts
from plimsoll.plan.revision import Revision, Workload
from tests.support.model_configs import SAMPLES, samples
from tests.support.rendering import (
    GOLDEN,
    LARGE,
    SMALL,
    existing,
    fixed_configuration,
    gguf_facts,
    outcome,
    safetensors_facts,
)

Object = dict[str, Any]


class _Dumper(yaml.SafeDumper):
    """Writes what occurs twice twice."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def folder_of(sample: Path) -> Path:
    """Samples in folders of their own keep them."""
    return GOLDEN / sample.relative_to(SAMPLES).with_suffix("")


def golden(sample: Path) -> dict[str, str]:
    """The files of a sample's folder, by name."""
    document = yaml.safe_load(sample.read_text())
    config = existing(document["spec"], document["metadata"]["name"])
    revision = outcome(config, _facts(config["spec"]))
    if isinstance(revision, Finding):
        raise TypeError(f"{sample.name} is not accepted: {revision.told}")
    files = {"revision.yaml": _written([_summary(revision)])}
    objects = _objects(config, revision)
    return files if not objects else {**files, "objects.yaml": _written(objects)}


def _facts(spec: Object) -> SourceFacts | None:
    """As the source of this kind would tell them."""
    source = spec.get("source")
    if source is None:
        return None
    if spec.get("engine", {}).get("name") == "vllm":
        return safetensors_facts()
    shape = SMALL if "0.5b" in str(source) else LARGE
    if "huggingFace" in source:
        return gguf_facts(shape)
    if "oci" in source:
        return gguf_facts(shape, f"image:{source['oci']['image'].rpartition('@')[2]}")
    return gguf_facts(shape, f"path:{source['pvc']['path']}" if "pvc" in source else 'etag:"5f2c-60b1"')


def _objects(config: Object, revision: Revision) -> list[Object]:
    if revision.declared is None:
        return []
    made = [*standing(config, revision.declared.hash[:10], fixed_configuration())]
    if only_a_pod_sees(config):
        made.append(inspect_job(config, fixed_configuration()))
    replicas = config["spec"].get("scaling", {}).get("replicas", 1)
    workloads = [each for each in (revision.declared, revision.fallback) if each]
    return [*made, *(deployment(config, revision, workload, replicas) for workload in workloads)]


def _summary(revision: Revision) -> Object:
    """Everything but the templates, which stand in the Deployments."""
    made: Object = {
        "number": revision.number,
        "behaviour": revision.behaviour,
        "acceptedAt": revision.accepted_at.isoformat(),
        "spec": revision.spec,
        "resolved": revision.resolved,
    }
    for name, workload in (("declared", revision.declared), ("fallback", revision.fallback)):
        if workload is not None:
            made[name] = _workload(workload)
    return made


def _workload(workload: Workload) -> Object:
    assert workload.sizing is not None
    return {
        "hash": workload.hash,
        "profile": workload.profile,
        "onGpu": workload.on_gpu,
        "image": workload.image,
        "argumentsHash": workload.arguments_hash,
        "sizing": workload.sizing.model_dump(mode="json", by_alias=True, exclude_none=True),
    }


def _written(documents: list[Object]) -> str:
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)


def main() -> None:
    for old in GOLDEN.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
    for sample in samples():
        folder = folder_of(sample)
        folder.mkdir(parents=True)
        for name, text in golden(sample).items():
            (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
