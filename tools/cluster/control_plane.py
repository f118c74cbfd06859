"""The control plane: what each process is called, how it is started, how one sees that it is ready."""

from __future__ import annotations

import datetime
import socket
from pathlib import Path

from tools.cluster import pki
from tools.cluster.cache import Cache
from tools.cluster.errors import ComponentFailed
from tools.cluster.instance import Instance, write_atomically
from tools.cluster.process import Order
from tools.cluster.recipe import STAGES

# In the order of their start; ended in reverse.
COMPONENTS = {
    "api": ("etcd", "kube-apiserver"),
    "control": ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"),
    "node": ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"),
}
_AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
"""
# The defaults (20 and 50 requests a second) would measure the limits instead of the operator in tests of scale.
_RATE = ("--kube-api-qps=500", "--kube-api-burst=1000")


def prepare(instance: Instance, now: datetime.datetime) -> pki.Authority:
    """Certificates, kubeconfigs and the audit policy; what exists is kept."""
    authority = pki.Authority(instance.pki, now)
    names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
    hosts = (*names, "localhost", "127.0.0.1", instance.address(64, 1), instance.host_address)
    authority.issue(pki.Identity("apiserver", "kube-apiserver", hosts=hosts))
    authority.issue(pki.Identity("apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters"))
    for file, name, group in (
        ("kubeconfig", "admin", "system:masters"),
        ("kube-controller-manager.kubeconfig", "system:kube-controller-manager", ""),
        ("kube-scheduler.kubeconfig", "system:kube-scheduler", ""),
    ):
        path = instance.folder / file
        if not path.exists():
            who = pki.Identity(name.rpartition(":")[2], name, group)
            write_atomically(path, authority.kubeconfig(who, instance.api_url, instance.name))
    write_atomically(instance.folder / "audit-policy.yaml", _AUDIT_POLICY)
    return authority


def order(component: str, instance: Instance, binaries: Cache) -> Order:
    arguments = {
        "etcd": _etcd,
        "kube-apiserver": _api_server,
        "kube-controller-manager": _controller_manager,
        "kube-scheduler": _scheduler,
        "kwok": _kwok,
    }[component](instance, binaries)
    return Order(component, [str(binaries.path(component)), *arguments])


def _etcd(instance: Instance, _: Cache) -> list[str]:
    client, peer = (f"http://127.0.0.1:{instance.port(use)}" for use in ("etcd", "etcd-peer"))
    return [
        f"--data-dir={instance.folder / 'etcd'}",
        # A test cluster may lose its last second when the machine dies; waiting for the disk costs most of every write.
        "--unsafe-no-fsync",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--log-level=warn",
    ]


def _api_server(instance: Instance, _: Cache) -> list[str]:
    pki_folder = instance.pki
    address, port = instance.api_address
    return [
        f"--etcd-servers=http://127.0.0.1:{instance.port('etcd')}",
        f"--bind-address={address}",
        f"--secure-port={port}",
        # Loopback is refused as an advertised address; without nodes nobody connects to this one.
        f"--advertise-address={instance.host_address}",
        f"--tls-cert-file={pki_folder / 'apiserver.crt'}",
        f"--tls-private-key-file={pki_folder / 'apiserver.key'}",
        f"--client-ca-file={pki_folder / 'ca.crt'}",
        f"--kubelet-client-certificate={pki_folder / 'apiserver-kubelet-client.crt'}",
        f"--kubelet-client-key={pki_folder / 'apiserver-kubelet-client.key'}",
        f"--kubelet-certificate-authority={pki_folder / 'ca.crt'}",
        # Node names do not resolve here: without this `logs` and `exec` fail.
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-key-file={pki_folder / 'sa.pub'}",
        f"--service-account-signing-key-file={pki_folder / 'sa.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={instance.service_network}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--anonymous-auth=false",
        f"--audit-policy-file={instance.folder / 'audit-policy.yaml'}",
        f"--audit-log-path={instance.audit_log}",
        "--audit-log-maxsize=512",
    ]


def _controller_manager(instance: Instance, _: Cache) -> list[str]:
    kubeconfig = instance.folder / "kube-controller-manager.kubeconfig"
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--service-account-private-key-file={instance.pki / 'sa.key'}",
        f"--root-ca-file={instance.pki / 'ca.crt'}",
        "--use-service-account-credentials",
        # Each node's pod network follows from its number, so nobody hands them out.
        "--allocate-node-cidrs=false",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        f"--secure-port={instance.port('controller-manager')}",
        *_RATE,
    ]


def _scheduler(instance: Instance, _: Cache) -> list[str]:
    kubeconfig = instance.folder / "kube-scheduler.kubeconfig"
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        f"--secure-port={instance.port('scheduler')}",
        *_RATE,
    ]


def _kwok(instance: Instance, binaries: Cache) -> list[str]:
    return [
        f"--kubeconfig={instance.kubeconfig}",
        f"--config={binaries.path(STAGES)}",
        "--manage-all-nodes",
        "--node-lease-duration-seconds=40",
        f"--server-address=127.0.0.1:{instance.port('kwok')}",
    ]


def addresses(component: str, instance: Instance) -> list[tuple[str, int]]:
    """Where a component will listen."""
    loopback = "127.0.0.1"
    return {
        "etcd": [(loopback, instance.port("etcd")), (loopback, instance.port("etcd-peer"))],
        "kube-apiserver": [instance.api_address],
        "kube-controller-manager": [(loopback, instance.port("controller-manager"))],
        "kube-scheduler": [(loopback, instance.port("scheduler"))],
        "kwok": [(loopback, instance.port("kwok"))],
    }[component]


def require_free(component: str, instance: Instance, log: Path) -> None:
    """A taken port would show as a component that dies for reasons deep in its log."""
    for address, port in addresses(component, instance):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                raise ComponentFailed(
                    component,
                    f"cannot listen on {address}:{port} ({error.strerror}); "
                    f"end the program that does, or choose another name (CLUSTER=…)",
                    str(log),
                ) from None


def listens(address: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(address, timeout=1):
            return True
    except OSError:
        return False
