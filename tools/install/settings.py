"""What is installed: said on the command line, else as it is in the cluster, else the default."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from plimsoll.api.configuring import BadConfiguration, parse_configuration
from tools.install.errors import InstallError
from tools.install.target import Kubectl

HOME = "plimsoll-system"
NAME = "plimsoll-operator"
GATEWAY = "plimsoll-gateway"
CONFIGURATION = "configuration.yaml"
# The images as `make images` names them.
PLIMSOLL, ENGINE = "plimsoll", "engine"
_ENGINES_MADE_HERE = f"localhost/plimsoll/{ENGINE}:"
_NAMESPACE_OPTION = "--namespace="


@dataclass(frozen=True)
class Settings:
    """One installation; without namespaces the operator serves the whole cluster, `gateways` None is the default."""

    image: str
    configuration: str
    namespaces: tuple[str, ...] = ()
    gateways: int | None = None


@dataclass(frozen=True)
class Asked:
    """What the person said; None is nothing."""

    image: str | None = None
    configuration: Path | None = None
    namespaces: tuple[str, ...] | None = None
    gateways: int | None = None


def installed(kubectl: Kubectl) -> Settings | None:
    """What the cluster has, as far as it can be read; None where no operator is installed."""
    deployment = _find(kubectl, "deployment", NAME)
    if deployment is None:
        return None
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    config_map = _find(kubectl, "configmap", NAME) or {}
    gateways = _find(kubectl, "deployment", GATEWAY)
    return Settings(
        container["image"],
        config_map.get("data", {}).get(CONFIGURATION, ""),
        tuple(
            argument.removeprefix(_NAMESPACE_OPTION)
            for argument in container.get("args", [])
            if argument.startswith(_NAMESPACE_OPTION)
        ),
        gateways["spec"]["replicas"] if gateways else None,
    )


def _find(kubectl: Kubectl, kind: str, name: str) -> dict[str, Any] | None:
    said = kubectl("get", kind, name, f"--namespace={HOME}", "--ignore-not-found", "--output=json")
    found: dict[str, Any] | None = json.loads(said) if said.strip() else None
    return found


def settle(asked: Asked, before: Settings | None, built: Mapping[str, str], default: str) -> Settings:
    """An installation that was made with a configuration or for some namespaces keeps them when it is made again.

    `built` are the references of the images that were built here, by their names.
    """
    image = asked.image or built.get(PLIMSOLL)
    if image is None:
        raise InstallError("No image has been built here yet: `make images` builds it, or name one with --image.")
    namespaces = asked.namespaces if asked.namespaces is not None else before.namespaces if before else ()
    # Also when somebody else scaled them: they may be an autoscaler's.
    gateways = asked.gateways if asked.gateways is not None else before.gateways if before else None
    text, replaced = default, "plimsoll"
    if asked.configuration is not None:
        text, replaced = _read(asked.configuration), ""
    elif before is not None and before.configuration:
        text, replaced = before.configuration, before.image
    text = with_image(text, "plimsoll", image, lambda named: named == replaced)
    # Whoever pulls Plimsoll from elsewhere cannot run an engine that is only here.
    if asked.image is None and ENGINE in built:
        text = with_image(text, "llamacpp", built[ENGINE], lambda named: named.startswith(_ENGINES_MADE_HERE))
    return Settings(image, checked(text), namespaces, gateways)


def with_image(text: str, use: str, image: str, is_replaced: Callable[[str], bool]) -> str:
    """The configuration with this image where it names none for that use, or one that is replaced now."""
    content = _parsed(text)
    if not isinstance(content, dict):
        return text
    images = content.get("images") or {}
    if not isinstance(images, dict):
        return text
    named = images.get(use)
    if named == image or not (named is None or (isinstance(named, str) and is_replaced(named))):
        return text
    return yaml.safe_dump({**content, "images": {**images, use: image}}, sort_keys=False)


def engine_image(configuration: str) -> str | None:
    """What it says that models in GGUF files are served with."""
    named: str | None = (_parsed(configuration) or {}).get("images", {}).get("llamacpp")
    return named


def checked(text: str) -> str:
    """The same text when the operator will take it; else nothing is changed in the cluster."""
    try:
        parse_configuration(_parsed(text))
    except BadConfiguration as error:
        raise InstallError(f"The operator would not take this configuration: {error.message}. {error.fix}.") from None
    return text


def _parsed(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InstallError(f"The configuration is no YAML, put it right and try again: {error}") from None


def options(namespaces: Sequence[str]) -> list[str]:
    return [f"{_NAMESPACE_OPTION}{name}" for name in namespaces]


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise InstallError(f"{file} cannot be read: {error.strerror}") from None
