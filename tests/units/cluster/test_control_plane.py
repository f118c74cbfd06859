"""How the components of the control plane are started, and what is prepared for them."""

import base64
import datetime
import ipaddress
import re
import socket
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from tools.cluster import control_plane, instance
from tools.cluster.cache import Cache
from tools.cluster.errors import ComponentFailed
from tools.cluster.instance import SLOTS, Instance

NOW = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)
EVERY = sorted({name for names in control_plane.COMPONENTS.values() for name in names})


@pytest.fixture
def made() -> Instance:
    return instance.create("test", "node")


@pytest.fixture
def stranger() -> Iterator[socket.socket]:
    """A program that listens where the etcd of some instance would."""
    with closing(socket.socket()) as listening:
        yield listening


def somewhere(listening: socket.socket) -> Instance:
    for slot in range(SLOTS):
        here = Instance("test", "test-0123ab", slot, "api")
        try:
            listening.bind(("127.0.0.1", here.port("etcd-peer")))
        except OSError:
            continue
        listening.listen()
        return here
    raise AssertionError("every port is taken")


def test_a_taken_port_is_told_with_component_port_log_and_a_way_out(stranger: socket.socket) -> None:
    here = somewhere(stranger)
    with pytest.raises(ComponentFailed) as failure:
        control_plane.require_free("etcd", here, Path("run/etcd.log"))
    assert failure.value.component == "etcd"
    port = here.port("etcd-peer")
    assert str(failure.value) == (
        f"etcd: cannot listen on 127.0.0.1:{port} (Address already in use); end the program that does, "
        "or choose another name (CLUSTER=…). Its log: run/etcd.log"
    )


def test_a_free_port_is_nobodys_business(stranger: socket.socket) -> None:
    here = somewhere(stranger)
    stranger.close()
    control_plane.require_free("etcd", here, Path("run/etcd.log"))


def test_a_component_listens_when_its_port_answers(stranger: socket.socket) -> None:
    here = somewhere(stranger)
    _, peer = control_plane.addresses("etcd", here)
    assert control_plane.listens(peer)
    stranger.close()
    assert not control_plane.listens(peer)


@pytest.mark.parametrize("file", ["kubeconfig", "kube-controller-manager.kubeconfig", "kube-scheduler.kubeconfig"])
def test_every_kubeconfig_is_self_contained_private_and_of_the_right_user(made: Instance, file: str) -> None:
    control_plane.prepare(made, NOW)
    path = made.folder / file
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    config = yaml.safe_load(path.read_text())
    assert config["clusters"][0]["cluster"]["server"] == made.api_url
    assert str(made.folder) not in path.read_text()
    client = base64.b64decode(config["users"][0]["user"]["client-certificate-data"])
    subject = x509.load_pem_x509_certificate(client).subject.rfc4514_string()
    expected = {"kubeconfig": "O=system:masters,CN=admin"}
    assert subject == expected.get(file, f"CN=system:{file.removesuffix('.kubeconfig')}")


def test_what_was_prepared_is_kept(made: Instance) -> None:
    control_plane.prepare(made, NOW)
    before = {path: path.read_bytes() for path in made.folder.rglob("*") if path.is_file()}
    control_plane.prepare(made, NOW)
    assert {path: path.read_bytes() for path in before} == before


def test_the_api_server_answers_to_its_names_inside_and_outside(made: Instance) -> None:
    control_plane.prepare(made, NOW)
    certificate = x509.load_pem_x509_certificate((made.pki / "apiserver.crt").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"kubernetes.default.svc.cluster.local", "localhost"} <= set(names.get_values_for_type(x509.DNSName))
    first_service = next(ipaddress.ip_network(made.service_network).hosts())
    addresses = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    assert addresses == {"127.0.0.1", made.host_address, str(first_service)}


def test_every_request_is_in_the_audit_log_once(made: Instance) -> None:
    control_plane.prepare(made, NOW)
    policy = yaml.safe_load((made.folder / "audit-policy.yaml").read_text())
    assert policy["rules"] == [{"level": "Metadata"}]
    assert policy["omitStages"] == ["RequestReceived"]
    arguments = control_plane.order("kube-apiserver", made, Cache.of("key")).argv
    assert f"--audit-log-path={made.audit_log}" in arguments


@pytest.mark.parametrize("component", EVERY)
def test_a_component_runs_the_built_binary_and_names_only_files_that_are_there(made: Instance, component: str) -> None:
    control_plane.prepare(made, NOW)
    binaries = Cache.of("key")
    binary, *arguments = control_plane.order(component, made, binaries).argv
    assert binary == str(binaries.path(component))
    named = [Path(each.partition("=")[2]) for each in arguments if "=/" in each]
    made_later = {made.folder / "etcd", made.audit_log, binaries.path("kwok-stages.yaml")}
    assert [path for path in named if not path.exists() and path not in made_later] == []


@pytest.mark.parametrize("component", EVERY)
def test_a_component_is_watched_at_the_ports_it_is_told_to_use(made: Instance, component: str) -> None:
    arguments = " ".join(control_plane.order(component, made, Cache.of("key")).argv)
    for address, port in control_plane.addresses(component, made):
        assert address in arguments
        assert re.search(rf"\b{port}\b", arguments)


def test_what_runs_without_nodes_listens_on_loopback_only() -> None:
    here = Instance("test", "test-0123ab", 3, "control")
    listening = [address for name in EVERY for address, _ in control_plane.addresses(name, here)]
    assert set(listening) == {"127.0.0.1"}


def test_clients_of_the_control_plane_are_not_slowed_down(made: Instance) -> None:
    for component in ("kube-controller-manager", "kube-scheduler"):
        arguments = control_plane.order(component, made, Cache.of("key")).argv
        assert "--kube-api-qps=500" in arguments
