"""Names, places and run folders of clusters: none ever gets what another one has."""

import ipaddress
import itertools
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from tools.cluster import instance
from tools.cluster.errors import ClusterError
from tools.cluster.instance import MOST_NODES, SLOTS, Instance
from tools.cluster.network import node_address, pod_subnet


@pytest.mark.parametrize("name", ["a", "test", "demo-2", "a" * 20])
def test_a_short_plain_name_is_accepted(name: str) -> None:
    assert instance.identity_of(name).startswith(f"{name}-")


@pytest.mark.parametrize("name", ["", "1st", "-x", "Test", "a b", "a/b", "..", "ü", "a\n", "a" * 21])
def test_any_other_name_is_refused_with_what_is_allowed(name: str) -> None:
    with pytest.raises(ClusterError, match="use 1 to 20 of a-z, 0-9 and -"):
        instance.identity_of(name)


def test_the_same_name_in_two_checkouts_is_two_identities() -> None:
    one, other = (instance.identity_of("test", Path(folder)) for folder in ("/one", "/other"))
    assert one != other
    assert one == instance.identity_of("test", Path("/one"))


def test_an_instance_takes_the_next_place_when_its_own_is_taken() -> None:
    assert instance.free_slot(5, {1, 7}) == 5
    assert instance.free_slot(5, {5, 6}) == 7
    assert instance.free_slot(SLOTS - 1, {SLOTS - 1, 0}) == 1


def test_a_machine_full_of_clusters_says_so() -> None:
    with pytest.raises(ClusterError, match=f"All {SLOTS} places"):
        instance.free_slot(5, set(range(SLOTS)))


USES = ("etcd", "etcd-peer", "api", "controller-manager", "scheduler", "kwok")


def every_slot() -> Iterator[Instance]:
    return (Instance("x", f"x-{slot}", slot, "node") for slot in range(SLOTS))


def test_no_port_is_used_twice_nor_one_that_the_kernel_or_services_hand_out() -> None:
    ports = [each.port(use) for each in every_slot() for use in USES]
    assert len(set(ports)) == len(ports)
    # Node ports of Kubernetes begin at 30000, the kernel's own choice at 32768.
    assert all(1024 < port < 30000 for port in ports)


def networks(each: Instance) -> list[ipaddress.IPv4Network]:
    nodes = f"{each.address(254, 0)}/24"
    return [ipaddress.IPv4Network(text) for text in (each.pod_network, each.service_network, nodes)]


def test_the_networks_of_all_places_never_overlap() -> None:
    every = sorted(network for each in every_slot() for network in networks(each))
    assert len(every) == 3 * SLOTS
    assert not any(one.overlaps(other) for one, other in itertools.pairwise(every))


def test_addresses_lie_in_the_networks_that_are_meant_for_them(here: Instance) -> None:
    pods, services, nodes = networks(here)
    assert ipaddress.ip_address(here.dns_address) in services
    assert ipaddress.ip_address(here.host_address) in nodes
    numbers = range(1, MOST_NODES + 1)
    assert all(ipaddress.ip_address(node_address(here, number)) in nodes for number in numbers)
    subnets = [ipaddress.IPv4Network(pod_subnet(here, number)) for number in numbers]
    assert all(subnet.subnet_of(pods) for subnet in subnets)
    assert len(set(subnets)) == MOST_NODES


def test_the_api_is_never_served_on_the_machines_own_address(here: Instance) -> None:
    assert here.api_address == (here.host_address, 6443)
    assert Instance("x", "x-1", 3, "control").api_address == ("127.0.0.1", here.port("api"))


def test_an_instance_is_made_once_and_then_found() -> None:
    made = instance.create("test", "api")
    assert instance.create("test", "api") == made
    assert instance.find("test") == made
    assert instance.find("other") is None
    assert instance.existing() == [made]


def test_an_instance_that_exists_keeps_the_shape_it_has() -> None:
    assert instance.create("test", "api") == instance.create("test", "node")


def test_the_run_folder_is_closed_to_others() -> None:
    made = instance.create("test", "api")
    for folder in (made.folder, made.logs, made.pki, made.records):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def foreign(name: str = "a-rather-long-name") -> Instance:
    """As another checkout made it."""
    made = Instance(name, instance.identity_of(name, Path("/elsewhere")), 7, "node")
    made.folder.mkdir(parents=True)
    (made.folder / "instance.json").write_text(json.dumps(asdict(made)))
    return made


def test_an_instance_of_another_checkout_is_found_by_its_full_identity_only() -> None:
    other = foreign()
    assert instance.find("a-rather-long-name") is None
    assert instance.find(other.identity) == other


def test_a_full_identity_never_becomes_the_name_of_another_cluster() -> None:
    other = foreign("test")
    assert instance.create(other.identity, "node") == other
    assert instance.existing() == [other]


def test_two_instances_that_want_the_same_place_get_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "first_slot", lambda identity: 9)
    assert [instance.create(name, "api").slot for name in ("one", "two", "three")] == [9, 10, 11]


def test_one_that_is_taken_down_while_all_are_listed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    made = instance.create("stays", "api")
    gone = instance.create("goes", "api")
    read = Path.read_text

    def read_too_late(path: Path) -> str:
        if path.parent == gone.folder:
            path.unlink()
        return read(path)

    monkeypatch.setattr(Path, "read_text", read_too_late)
    assert instance.existing() == [made]


def test_a_run_folder_whose_removal_was_interrupted_is_still_known(monkeypatch: pytest.MonkeyPatch) -> None:
    made = instance.create("test", "api")
    (made.folder / "etcd").mkdir()

    def interrupt(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", interrupt)
        with pytest.raises(KeyboardInterrupt):
            instance.remove(made)
    assert instance.find("test") == made
    instance.remove(made)
    assert not made.folder.exists()


def test_the_note_of_an_instance_is_the_last_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    made = instance.create("test", "api")
    (made.folder / "complete").touch()
    seen: list[set[str]] = []

    def look(_: Path) -> None:
        seen.append({path.name for path in made.folder.iterdir() if path.is_file()})

    monkeypatch.setattr("shutil.rmtree", look)
    instance.remove(made)
    assert seen[-1] == {"instance.json"}


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "kubeconfig"
    instance.write_atomically(file, "old")

    def power_cut(descriptor: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", power_cut)
        with pytest.raises(KeyboardInterrupt):
            instance.write_atomically(file, "new, and much longer")
    assert file.read_text() == "old"
    instance.write_atomically(file, "new")
    assert file.read_text() == "new"


def test_what_is_written_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    for _ in range(2):
        instance.write_atomically(file, "secret")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
