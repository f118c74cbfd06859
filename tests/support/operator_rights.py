"""What the operator may do as its manifests say it, and roles that lack one part of it."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tools.cluster.cluster import ProcessCluster
from tools.cluster.instance import write_atomically
from tools.cluster.pki import Authority, Identity
from tools.install import overlay
from tools.install.installing import ROOT
from tools.install.settings import HOME, NAME, Settings

Object = dict[str, Any]

ACCOUNT = f"system:serviceaccount:{HOME}:{NAME}"
RIGHTS = frozenset({"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"})


def kubeconfig_of(cluster: ProcessCluster, user: str, group: str = "") -> Path:
    """For a user of this name: the API server tells a service account by its name alone, so it may be one."""
    file = user.rpartition(":")[2]
    authority = Authority(cluster.instance.pki, datetime.datetime.now(datetime.UTC))
    path = cluster.run_folder / f"{file}.kubeconfig"
    identity = Identity(file, user, group)
    write_atomically(path, authority.kubeconfig(identity, cluster.instance.api_url, cluster.instance.name))
    return path


@dataclass(frozen=True, order=True)
class Right:
    """One verb on one resource, or only on the one of a name; a subresource is written behind a slash."""

    group: str
    resource: str
    verb: str
    name: str = ""

    def __str__(self) -> str:
        return "-".join(filter(None, (self.verb, self.resource.replace("/", "-"), self.name)))


def rendered(cluster: ProcessCluster, namespaces: Sequence[str] = ()) -> list[Object]:
    """Every object that an installation makes, for the whole cluster or for these namespaces."""
    settings = Settings("plimsoll:test", "images: {plimsoll: 'plimsoll:test'}\n", tuple(namespaces))
    (ROOT / ".build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / ".build", prefix="render-") as folder:
        overlay.write(Path(folder), overlay.files(settings, "../../manifests"))
        return [each for each in yaml.safe_load_all(cluster.kubectl("kustomize", folder)) if each]


def rights_of(role: Object) -> set[Right]:
    return {
        Right(group, resource, verb, name)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [""])
    }


def without(role: Object, missing: Right) -> Object:
    """The same role less one verb on one resource."""
    return {**role, "rules": list(_rules_without(role["rules"], missing))}


def _rules_without(rules: Sequence[Object], missing: Right) -> Iterator[Object]:
    for rule in rules:
        names = rule.get("resourceNames", [""])
        meant = missing.group in rule["apiGroups"] and missing.resource in rule["resources"] and missing.name in names
        if not meant:
            yield rule
            continue
        if others := [each for each in rule["resources"] if each != missing.resource]:
            yield {**rule, "resources": others}
        of_it = {**rule, "resources": [missing.resource]}
        if kept := [each for each in names if each != missing.name]:
            yield {**of_it, "resourceNames": kept}
        if verbs := [verb for verb in rule["verbs"] if verb != missing.verb]:
            yield {**of_it, "verbs": verbs, **({"resourceNames": [missing.name]} if missing.name else {})}
