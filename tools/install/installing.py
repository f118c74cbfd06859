"""From an image and a configuration to an operator and gateways that are ready."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tools.cluster.errors import ClusterError
from tools.cluster.progress import Progress
from tools.images import record
from tools.images.load import has, load
from tools.images.record import Built
from tools.install import overlay, rollout
from tools.install.errors import InstallError
from tools.install.settings import (
    CONFIGURATION,
    ENGINE,
    GATEWAY,
    PLIMSOLL,
    Asked,
    Settings,
    engine_image,
    installed,
    settle,
)
from tools.install.target import Kubectl, Target

ROOT = Path(__file__).resolve().parents[2]
MANAGER = "plimsoll-install"
OURS = "app.kubernetes.io/name=plimsoll,app.kubernetes.io/component=operator"
OLDEST = (1, 31)

Object = dict[str, Any]


def install(target: Target, asked: Asked, progress: Progress, *, force: bool, patience: float) -> None:
    """Can be repeated; what is not said stays as it is in the cluster."""
    progress.say(f"installing on {target.words}")
    require_version(target.kubectl)
    built = record.read(ROOT)
    default = (ROOT / "manifests" / "base" / CONFIGURATION).read_text(encoding="utf-8")
    references = {name: each.reference for name, each in built.items()}
    settings = settle(asked, installed(target.kubectl), references, default)
    require_namespaces(target.kubectl, settings.namespaces)
    bring_image(target, settings.image, built.get(PLIMSOLL), progress)
    bring_image(target, engine_image(settings.configuration), built.get(ENGINE), progress)
    wanted = render(target.kubectl, settings)
    at_once, gateways = by_turn(wanted)
    with progress.step(f"applied {len(at_once)} objects"):
        apply(target.kubectl, at_once, force)
        withdraw_rights(target.kubectl, wanted)
    with progress.step("the operator is ready"):
        rollout.wait(target.kubectl, rollout.OPERATOR, patience, progress)
        rollout.wait_for_authority(target.kubectl, patience, progress)
    with progress.step("the gateway is ready"):
        apply(target.kubectl, gateways, force)
        rollout.wait(target.kubectl, rollout.GATEWAYS, patience, progress)
    served = ", ".join(settings.namespaces) if settings.namespaces else "every namespace"
    progress.say(f"{settings.image} serves {served}")


def require_version(kubectl: Kubectl) -> None:
    version = json.loads(kubectl("version", "--output=json"))["serverVersion"]
    found = int(version["major"]), int(version["minor"].rstrip("+"))
    if found < OLDEST:
        raise InstallError(f"This cluster is Kubernetes {found[0]}.{found[1]}; Plimsoll needs 1.31 or newer.")


def require_namespaces(kubectl: Kubectl, names: Sequence[str]) -> None:
    if not names:
        return
    found = kubectl("get", "namespaces", *names, "--ignore-not-found", "--output=name").split()
    if missing := [name for name in names if f"namespace/{name}" not in found]:
        raise InstallError(f"There is no namespace {', '.join(missing)}: create it, then install again.")


def bring_image(target: Target, image: str | None, built: Built | None, progress: Progress) -> None:
    """Into a cluster of ours; for any other one it is only said when no node seems to have it."""
    if built is None or image != built.reference:
        return
    nodes = json.loads(target.kubectl("get", "nodes", "--output=json"))["items"]
    if not nodes or all(node["metadata"].get("annotations", {}).get("kwok.x-k8s.io/node") for node in nodes):
        return
    if target.name:
        load(target.name, [built], ROOT, progress)
    elif not has(target.kubectl, image):
        progress.say(f"no node reports {image}: load it there, or push it and name it: see docs/install.md")


def render(kubectl: Kubectl, settings: Settings) -> list[Object]:
    """Every object, in the order in which kustomize puts them: what others need comes first."""
    # Below the checkout, because kustomize refuses ways that lead out of the file system's common ground.
    below = ROOT / ".build"
    below.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=below, prefix="install-") as folder:
        overlay.write(Path(folder), overlay.files(settings, "../../manifests"))
        return [each for each in yaml.safe_load_all(kubectl("kustomize", folder)) if each]


def by_turn(wanted: Sequence[Object]) -> tuple[list[Object], list[Object]]:
    """Everything else, and then the gateways: any order ends well, and this one without their waiting for a node."""
    last = [each for each in wanted if (each["kind"], each["metadata"]["name"]) == ("Deployment", GATEWAY)]
    return [each for each in wanted if each not in last], last


def apply(kubectl: Kubectl, wanted: Sequence[Object], force: bool) -> None:
    options = ["--server-side", f"--field-manager={MANAGER}", *(["--force-conflicts"] if force else [])]
    try:
        kubectl("apply", *options, "--filename=-", stdin=yaml.safe_dump_all(wanted))
    except ClusterError as error:
        if "conflict" not in str(error):
            raise
        raise InstallError(
            # kubectl goes on with advice about options that are not ours.
            f"Somebody else has changed what would be applied:\n{str(error).partition('Please review')[0].strip()}\n"
            "Take that change over, for the configuration by --configuration FILE; or repeat with --force to undo it."
        ) from None


def withdraw_rights(kubectl: Kubectl, wanted: Sequence[Object]) -> None:
    """An operator that served more before must not keep the rights of then."""
    kept = {_place(each) for each in wanted}
    kinds = "clusterrolebindings,rolebindings"
    listed = kubectl("get", kinds, "--all-namespaces", f"--selector={OURS}", "--output=json")
    for each in json.loads(listed)["items"]:
        kind, namespace, name = place = _place(each)
        if place not in kept:
            kubectl("delete", kind.lower(), name, *([f"--namespace={namespace}"] if namespace else []))


def _place(each: Object) -> tuple[str, str, str]:
    return each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]
