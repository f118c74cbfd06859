"""The files that a node is given: each names only what is inside, and what belongs to this node."""

import datetime
import json
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.cluster import archives, instance, node
from tools.cluster.cache import Cache
from tools.cluster.errors import ComponentFailed
from tools.cluster.node import Node
from tools.cluster.pki import Authority
from tools.cluster.process import Order, Process, ProcessTable

NOW = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)


@pytest.fixture
def binaries(tmp_path: Path) -> Cache:
    store = Cache.of("key")
    (tmp_path / "pause").write_text("program")
    store.add(archives.write("pause.tar", tmp_path / "pause", tmp_path / "pause.tar"), "pause.tar")
    return store


@pytest.fixture
def prepared(binaries: Cache) -> Node:
    here = instance.create("test", "node")
    made = Node(here, 2)
    node.prepare(made, Authority(here.pki, NOW), binaries)
    return made


def read(prepared: Node, file: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((prepared.folder / file).read_text())
    return content


def test_the_kubelet_stays_in_its_own_groups_names_and_files(prepared: Node) -> None:
    kubelet = read(prepared, "kubelet.json")
    assert kubelet["cgroupRoot"] == f"/{prepared.instance.cgroup_prefix}2"
    assert kubelet["clusterDNS"] == [prepared.instance.dns_address]
    inside = [kubelet["tlsCertFile"], kubelet["tlsPrivateKeyFile"], kubelet["authentication"]["x509"]["clientCAFile"]]
    for path in inside:
        assert (prepared.folder / Path(path).relative_to("/run/plimsoll/node")).exists()


def test_a_full_disk_of_the_developer_evicts_nothing(prepared: Node) -> None:
    hard = read(prepared, "kubelet.json")["evictionHard"]
    assert {hard[name] for name in ("nodefs.available", "nodefs.inodesFree", "imagefs.available")} == {"0%"}


def test_containerd_starts_pods_with_our_own_pause(prepared: Node, binaries: Cache) -> None:
    plugins = tomllib.loads((prepared.folder / "containerd.toml").read_text())["plugins"]
    pinned = plugins["io.containerd.cri.v1.images"]["pinned_images"]
    assert pinned == {"sandbox": archives.reference(binaries.path("pause.tar"))}
    assert plugins["io.containerd.cri.v1.runtime"]["cni"]["conf_dir"] == "/run/plimsoll/node/cni"


def test_each_node_hands_out_pod_addresses_of_its_own(prepared: Node) -> None:
    bridge, _ = read(prepared, "cni/10-bridge.conflist")["plugins"]
    slot = prepared.instance.slot
    assert bridge["ipam"]["ranges"] == [[{"subnet": f"10.{128 + slot}.2.0/24"}]]


def test_kube_proxy_leaves_the_limits_of_the_machine_alone(prepared: Node) -> None:
    proxy = read(prepared, "kube-proxy.json")
    assert proxy["mode"] == "nftables"
    assert proxy["conntrack"]["maxPerCore"] == proxy["conntrack"]["min"] == 0


@pytest.mark.parametrize(
    "file", ["kubelet.key", "kubelet.crt", "ca.crt", "kubelet.kubeconfig", "kube-proxy.kubeconfig"]
)
def test_secrets_of_a_node_are_for_their_owner_only(prepared: Node, file: str) -> None:
    assert stat.S_IMODE((prepared.folder / file).stat().st_mode) == 0o600


@pytest.mark.parametrize("part", ["kubelet", "kube-proxy"])
def test_parts_of_a_node_speak_to_the_api_server_of_their_cluster(prepared: Node, part: str) -> None:
    config = yaml.safe_load((prepared.folder / f"{part}.kubeconfig").read_text())
    assert config["clusters"][0]["cluster"]["server"] == prepared.instance.api_url


def test_pods_of_any_user_may_write_into_volumes(prepared: Node) -> None:
    assert len(prepared.volumes) == 10
    assert {stat.S_IMODE(path.stat().st_mode) for path in prepared.volumes.values()} == {0o777}


def test_preparing_again_changes_nothing(prepared: Node, binaries: Cache) -> None:
    def contents() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in prepared.folder.rglob("*") if path.is_file()}

    before = contents()
    node.prepare(prepared, Authority(prepared.instance.pki, NOW), binaries)
    assert contents() == before


@pytest.mark.parametrize("part", node.PARTS[1:])
def test_parts_run_inside_the_first_process_with_paths_of_the_inside(prepared: Node, part: str) -> None:
    order = node.order(prepared, part, Process("node-2-init", 77, "1"))
    assert (order.component, order.enter, order.mounts) == (f"node-2-{part}", 77, None)
    assert order.argv[0] == f"/run/plimsoll/bin/{part}"
    named = [Path(each.partition("=")[2]) for each in order.argv if "=/" in each]
    assert named
    for path in named:
        assert (prepared.folder / path.relative_to("/run/plimsoll/node")).exists()


def test_a_first_process_that_ended_cannot_be_entered(tmp_path: Path) -> None:
    assert not node.usable(None)
    for folder in ("records", "logs"):
        (tmp_path / folder).mkdir()
    table = ProcessTable(tmp_path / "records", tmp_path / "logs")
    started = table.start(Order("node-1-init", ["/bin/sleep", "60"]))
    assert node.usable(started)
    table.stop(started, patience=10)
    assert not node.usable(started)


def test_a_node_that_does_not_start_is_named_with_the_end_of_its_log(
    prepared: Node, binaries: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = ProcessTable(prepared.instance.records, prepared.instance.logs)
    # A real node of this name may run on this machine.
    monkeypatch.setattr("tools.cluster.cgroups.ROOT", tmp_path / "cgroup")

    def start_without_namespaces(order: Order) -> Process:
        # Mounting takes root; what happens when the program is not there does not.
        return ProcessTable.start(table, Order(order.component, ["/nowhere/pause"]))

    monkeypatch.setattr("tools.cluster.cgroups.make", lambda name: None)
    monkeypatch.setattr(table, "start", start_without_namespaces)
    with pytest.raises(ComponentFailed, match=r"node-2-init: did not start(.|\n)*cannot start /nowhere/pause"):
        node.start_init(prepared, table, binaries)


def test_a_node_that_starts_again_finds_no_control_groups_of_its_former_pods(
    prepared: Node, binaries: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.cluster.cgroups.ROOT", tmp_path / "cgroup")
    monkeypatch.setattr("tools.cluster.cgroups.make", lambda name: None)
    stale = tmp_path / "cgroup" / "memory" / prepared.cgroup / "kubepods" / "pod-1"
    stale.mkdir(parents=True)
    table = ProcessTable(prepared.instance.records, prepared.instance.logs)

    def start(order: Order) -> Process:
        assert not stale.parents[1].exists()
        raise ComponentFailed(order.component, "far enough", "log")

    monkeypatch.setattr(table, "start", start)
    with pytest.raises(ComponentFailed, match="far enough"):
        node.start_init(prepared, table, binaries)
