"""Proof that a cluster which says it is up does work; a module of its own, so that it can run in another checkout."""

import json
import socket
import sys

from bench.frame.errors import BenchError
from tools.cluster import Cluster, open_cluster

ASKED_NAME = "kubernetes.default.svc.cluster.local"
PATIENCE = 5.0


def require_working(name: str, nodes: int) -> None:
    """A figure of a start counts only when all nodes are Ready and names are answered."""
    cluster = open_cluster(name, nodes=nodes)
    status = cluster.status()
    if not status.healthy or len(status.nodes) != nodes:
        raise BenchError(f"{name} came up with nodes {list(status.nodes)} and problems {list(status.problems)}")
    servers = dns_servers(cluster)
    if not servers or not all(answers(server) for server in servers):
        raise BenchError(f"{name} came up without an answer for {ASKED_NAME} from {servers or 'any DNS server'}")


def dns_servers(cluster: Cluster) -> list[tuple[str, int]]:
    """Address and port of each pod behind the cluster's DNS service."""
    query = ("get", "endpointslices", "--selector=kubernetes.io/service-name=kube-dns", "--output=json")
    slices = json.loads(cluster.kubectl("--namespace=kube-system", *query))["items"]
    return [
        (endpoint["addresses"][0], port["port"])
        for each in slices
        for endpoint in each["endpoints"] or []
        for port in each["ports"]
        if port["protocol"] == "UDP"
    ]


def answers(server: tuple[str, int]) -> bool:
    """Whether a DNS server knows the address of the Kubernetes API: one question of RFC 1035 by hand."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in ASKED_NAME.split("."))
    one_recursive_question = bytes.fromhex("2a2a 0100 0001 0000 0000 0000")
    type_a_class_internet = bytes.fromhex("0001 0001")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(PATIENCE)
        asker.sendto(one_recursive_question + labels + b"\0" + type_a_class_internet, server)
        try:
            reply = asker.recv(512)
        except TimeoutError:
            return False
    no_error, answer_count = reply[3] & 0x0F == 0, int.from_bytes(reply[6:8], "big")
    return no_error and answer_count > 0


if __name__ == "__main__":
    require_working(sys.argv[1], nodes=1)
