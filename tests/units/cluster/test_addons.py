"""What is applied to a bare cluster, and how used volumes come back."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.units.cluster.conftest import Programs
from tools.cluster import addons, archives
from tools.cluster.cache import Cache
from tools.cluster.instance import Instance
from tools.cluster.kubectl import Kubectl
from tools.cluster.node import Node

KUBECTL = """
case "$*" in
*"get persistentvolumes"*) cat {folder}/volumes.json ;;
*"delete persistentvolume"*) ls -A {first} > {folder}/left-at-delete ;;
*apply*) cat > {folder}/applied ;;
esac
"""


@pytest.fixture
def node() -> Node:
    here = Instance("test", "test-0123ab", 3, "node")
    made = Node(here, 1)
    for path in made.volumes.values():
        path.mkdir(parents=True)
    return made


@pytest.fixture
def binaries(tmp_path: Path) -> Cache:
    store = Cache.of("key")
    (tmp_path / "coredns").write_text("program")
    store.add(archives.write("coredns.tar", tmp_path / "coredns", tmp_path / "coredns.tar"), "coredns.tar")
    return store


def test_names_and_storage_are_complete(node: Node, binaries: Cache) -> None:
    text = addons.dns_and_storage(node.instance, binaries, [node, Node(node.instance, 2)])
    assert "$" not in text
    manifests = [each for each in yaml.safe_load_all(text) if each]
    assert Counter(each["kind"] for each in manifests) == {
        "ServiceAccount": 1,
        "ClusterRole": 1,
        "ClusterRoleBinding": 1,
        "ConfigMap": 1,
        "Deployment": 1,
        "Service": 1,
        "StorageClass": 1,
        "PersistentVolume": 20,
    }
    by_kind = {each["kind"]: each for each in manifests}
    assert by_kind["Service"]["spec"]["clusterIP"] == node.instance.dns_address
    pod = by_kind["Deployment"]["spec"]["template"]
    assert pod["spec"]["containers"][0]["image"] == archives.reference(binaries.path("coredns.tar"))
    selected = by_kind["Service"]["spec"]["selector"].items()
    assert selected <= pod["metadata"]["labels"].items()
    assert by_kind["StorageClass"]["metadata"]["name"] == "local"


def test_each_volume_is_a_folder_of_its_own_node(node: Node) -> None:
    manifests = [each for each in yaml.safe_load_all(addons.volumes(node, node.volumes)) if each]
    assert len({each["metadata"]["name"] for each in manifests}) == 10
    for each in manifests:
        folder = node.volumes[each["metadata"]["name"]]
        assert each["spec"]["local"]["path"] == node.volume_path_inside(folder)
        assert each["spec"]["storageClassName"] == "local"
        (term,) = each["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
        assert term["matchExpressions"][0]["values"] == [node.name]


def test_fake_nodes_are_complete_and_some_have_gpus() -> None:
    nodes = [each for each in yaml.safe_load_all(addons.fake_nodes()) if each]
    assert [each["metadata"]["name"] for each in nodes] == list(addons.FAKE_NODES)
    for each in nodes:
        gpus = addons.FAKE_NODES[each["metadata"]["name"]]
        assert each["status"]["capacity"] == each["status"]["allocatable"]
        assert each["status"]["capacity"].get(addons.GPU) == (str(gpus) if gpus else None)
        assert each["metadata"]["labels"].get(f"{addons.GPU}.present") == ("true" if gpus else None)
        assert each["metadata"]["annotations"]["kwok.x-k8s.io/node"] == "fake"


@pytest.fixture
def kubectl(programs: Programs, node: Node) -> Kubectl:
    first = next(iter(node.volumes.values()))
    program = programs.put("kubectl", KUBECTL.format(folder=programs.folder, first=first))
    return Kubectl(program, programs.folder / "kubeconfig")


def phases(programs: Programs, **phase_of: str) -> None:
    items = [{"metadata": {"name": name}, "status": {"phase": phase}} for name, phase in phase_of.items()]
    (programs.folder / "volumes.json").write_text(json.dumps({"items": items}))


def test_only_volumes_whose_claim_is_gone_are_emptied_and_offered_again(
    programs: Programs, kubectl: Kubectl, node: Node
) -> None:
    used, bound = list(node.volumes)[:2]
    for name in (used, bound):
        (node.volumes[name] / "folder").mkdir()
        (node.volumes[name] / "folder" / "file").touch()
        (node.volumes[name] / "link").symlink_to(node.folder)
        (node.volumes[name] / ".hidden").touch()
    phases(programs, **{used: "Released", bound: "Bound", "of-somebody-else": "Released"})
    assert addons.recycle(kubectl, [node]) == [used]
    assert list(node.volumes[used].iterdir()) == []
    assert len(list(node.volumes[bound].iterdir())) == 3
    assert node.folder.is_dir()
    applied: list[Any] = [each for each in yaml.safe_load_all((programs.folder / "applied").read_text()) if each]
    assert [each["metadata"]["name"] for each in applied] == [used]
    deleted = [call for call in programs.calls("kubectl") if "delete" in call]
    assert [call.split("persistentvolume ")[1] for call in deleted] == [used]


def test_a_volume_is_empty_before_it_can_be_claimed_again(programs: Programs, kubectl: Kubectl, node: Node) -> None:
    used = next(iter(node.volumes))
    (node.volumes[used] / "secret").touch()
    phases(programs, **{used: "Released"})
    addons.recycle(kubectl, [node])
    assert (programs.folder / "left-at-delete").read_text() == ""


def test_without_used_volumes_nothing_is_written(programs: Programs, kubectl: Kubectl, node: Node) -> None:
    phases(programs, **dict.fromkeys(node.volumes, "Available"))
    assert addons.recycle(kubectl, [node]) == []
    assert len(programs.calls("kubectl")) == 1


@pytest.mark.parametrize(
    ("count", "amount", "label"), [(2, "2", "nvidia.com/gpu.present=true"), (0, None, "nvidia.com/gpu.present-")]
)
def test_pretended_gpus_are_counted_and_labelled_and_can_be_taken_away(
    programs: Programs, kubectl: Kubectl, count: int, amount: str | None, label: str
) -> None:
    addons.pretend_gpus(kubectl, "node-1", count)
    patch, labelled = programs.calls("kubectl")
    status = json.loads(patch.split("--patch=")[1])["status"]
    assert status == {"capacity": {"nvidia.com/gpu": amount}, "allocatable": {"nvidia.com/gpu": amount}}
    assert "patch node node-1 --subresource=status" in patch
    assert labelled.endswith(f"label node node-1 --overwrite {label}")
