"""The overlay of manifests/base that one installation is: files that anybody could also keep in Git."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import yaml

from tools.install.errors import InstallError
from tools.install.settings import CONFIGURATION, GATEWAY, HOME, NAME, Settings, options

_REFERENCE = re.compile(r"(?P<name>[^@]+?)(:(?P<tag>[\w][\w.-]{0,127}))?(@(?P<digest>sha256:[0-9a-f]{64}))?")
_KUSTOMIZATION = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}


def files(settings: Settings, manifests: str) -> dict[str, str]:
    """Every file by its path; `manifests` is the way from the overlay to the folder of that name."""
    whole: dict[str, Any] = {
        **_KUSTOMIZATION,
        "resources": [f"{manifests}/base", *(f"served-{name}" for name in settings.namespaces)],
        "images": [_image(settings.image)],
        "configMapGenerator": [
            {"name": NAME, "namespace": HOME, "behavior": "merge", "files": [CONFIGURATION]},
        ],
        "generatorOptions": {"disableNameSuffixHash": True},
    }
    if settings.gateways is not None:
        whole["replicas"] = [{"name": GATEWAY, "count": settings.gateways}]
    if settings.namespaces:
        whole["components"] = [f"{manifests}/namespaced"]
        whole["patches"] = [_told(settings)]
    made = {"kustomization.yaml": _text(whole), CONFIGURATION: settings.configuration}
    for name in settings.namespaces:
        served = {**_KUSTOMIZATION, "namespace": name, "resources": [f"../{manifests}/namespaced/served"]}
        made[f"served-{name}/kustomization.yaml"] = _text(served)
    return made


def write(folder: Path, made: dict[str, str]) -> None:
    """Nothing of an earlier overlay is left."""
    shutil.rmtree(folder, ignore_errors=True)
    for path, text in made.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def _image(reference: str) -> dict[str, str]:
    parts = _REFERENCE.fullmatch(reference)
    if parts is None:
        raise InstallError(f"{reference!r} is no image: write it as NAME:TAG or NAME@sha256:DIGEST.")
    image = {"name": "plimsoll", "newName": parts["name"]}
    if parts["digest"]:
        return image | {"digest": parts["digest"]}
    return image | {"newTag": parts["tag"] or "latest"}


def _told(settings: Settings) -> dict[str, Any]:
    """The operator is told which namespaces it serves."""
    added = [
        {"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": option}
        for option in options(settings.namespaces)
    ]
    return {"target": {"kind": "Deployment", "name": NAME}, "patch": json.dumps(added)}


def _text(content: dict[str, Any]) -> str:
    return yaml.safe_dump(content, sort_keys=False)
