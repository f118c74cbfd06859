"""The nodes' network: a bridge on the host, a cable to each node, a route to each node's pods."""

from __future__ import annotations

import json

from tools.cluster.errors import ClusterError
from tools.cluster.instance import Instance
from tools.cluster.shell import ask


def make_bridge(instance: Instance) -> None:
    link = _link(instance.bridge)
    if link:
        _require_ours(instance, link)
    else:
        _require_unused(instance)
        _ip(f"link add {instance.bridge} type bridge", f"link set {instance.bridge} alias {_alias(instance)}")
    # Also where the link was there: the run that made it may have been ended right after.
    _ip(f"link set {instance.bridge} up", f"address replace {instance.host_address}/24 dev {instance.bridge}")


def connect_node(instance: Instance, number: int, init: int) -> None:
    """A cable from the bridge into the network namespace of the node's first process."""
    outer = _cable(instance, number)
    if not _link("eth0", inside=init):
        # The kernel removes the cable of a node that has ended in its own time, which may be after now.
        _remove_ours(instance, outer)
        _ip(f"link add {outer} type veth peer name eth0 netns {init}")
    _ip(f"link set {outer} alias {_alias(instance)} master {instance.bridge} up")
    _ip(
        "link set lo up",
        f"address replace {node_address(instance, number)}/24 dev eth0",
        "link set eth0 up",
        f"route replace default via {instance.host_address}",
        inside=init,
    )
    _run([*_entering(init), "sysctl", "-qw", "net.ipv4.ip_forward=1"])
    _ip(f"route replace {pod_subnet(instance, number)} via {node_address(instance, number)} dev {instance.bridge}")


def connect_pods(instance: Instance, init: int, others: list[int]) -> None:
    """Pods of other nodes are reached through their nodes, straight over the bridge."""
    if others:
        routes = [f"route replace {pod_subnet(instance, o)} via {node_address(instance, o)}" for o in others]
        _ip(*routes, inside=init)


def remove(instance: Instance) -> None:
    """Routes go with the bridge; cables went with the nodes' namespaces."""
    for name in [instance.bridge, *(_cable(instance, number) for number in range(1, 10))]:
        _remove_ours(instance, name)


def _remove_ours(instance: Instance, name: str) -> None:
    link = _link(name)
    if link and link.get("ifalias") == _alias(instance):
        done = ask(["ip", "link", "delete", name])
        # The kernel may just have been faster.
        if done.returncode != 0 and _link(name):
            raise ClusterError(f"The link {name} cannot be removed: {done.stderr.strip()}")


def node_address(instance: Instance, number: int) -> str:
    return instance.address(254, 10 + number)


def pod_subnet(instance: Instance, number: int) -> str:
    return f"{instance.address(number, 0)}/24"


def _cable(instance: Instance, number: int) -> str:
    return f"{instance.bridge}n{number}"


def _alias(instance: Instance) -> str:
    """Written on every link, so that only links of this instance are ever removed."""
    return f"plimsoll:{instance.identity}"


def _require_ours(instance: Instance, link: dict[str, str]) -> None:
    if link.get("ifalias") != _alias(instance):
        raise ClusterError(
            f"The link {instance.bridge} exists and is not of this cluster: choose another name (CLUSTER=…), "
            f"or remove it with `ip link delete {instance.bridge}` if nothing uses it."
        )


def _require_unused(instance: Instance) -> None:
    wanted = instance.host_address.rsplit(".", 2)[0] + "."
    for route in json.loads(_run(["ip", "-j", "route", "show", "table", "all"]) or "[]"):
        if str(route.get("dst", "")).startswith(wanted):
            raise ClusterError(
                f"The addresses {wanted}0.0/16 are in use on this machine (route to {route['dst']} on "
                f"{route.get('dev')}): choose another name (CLUSTER=…), which gives other addresses."
            )


def _link(name: str, inside: int | None = None) -> dict[str, str] | None:
    done = ask([*_entering(inside), "ip", "-j", "link", "show", "dev", name])
    if done.returncode != 0:
        return None
    link: dict[str, str] = json.loads(done.stdout)[0]
    return link


def _ip(*commands: str, inside: int | None = None) -> None:
    _run([*_entering(inside), "ip", "-batch", "-"], "\n".join(commands))


def _entering(init: int | None) -> list[str]:
    return ["nsenter", f"--net=/proc/{init}/ns/net"] if init else []


def _run(command: list[str], stdin: str | None = None) -> str:
    done = ask(command, stdin)
    if done.returncode != 0:
        raise ClusterError(f"{' '.join(command)} failed: {done.stderr.strip()}" + (f"\n{stdin}" if stdin else ""))
    return done.stdout
