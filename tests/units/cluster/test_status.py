"""How the state of a cluster reads."""

from dataclasses import replace

from tools.cluster.status import ComponentStatus, Status, render

MIB = 1024**2
ETCD = ComponentStatus("etcd", True, 12, 40 * MIB, "log/etcd.log", control_plane=True)
KUBELET = ComponentStatus("node-1-kubelet", True, 13, 80 * MIB, "log/node-1-kubelet.log")
HEALTHY = Status("demo", "node", "processes", (ETCD, KUBELET), ("node-1 Ready",), (), ("no policies",))


def test_a_healthy_cluster_shows_components_memory_nodes_and_notes() -> None:
    assert render(HEALTHY).splitlines() == [
        "demo: healthy (node shape, processes)",
        "",
        "  etcd            running  pid 12        40 MiB",
        "  node-1-kubelet  running  pid 13        80 MiB",
        "",
        "  memory: control plane 40 MiB, all 120 MiB",
        "  nodes:  node-1 Ready",
        "  note:   no policies",
    ]


def test_a_dead_component_is_shown_with_its_log() -> None:
    dead = replace(ETCD, running=False, pid=0, memory_bytes=0)
    status = replace(HEALTHY, components=(dead, KUBELET), problems=("etcd is not running",))
    lines = render(status).splitlines()
    assert not status.healthy
    assert lines[0] == "demo: NOT HEALTHY (node shape, processes)"
    assert "  etcd            DEAD     log/etcd.log" in lines
    assert "  problem: etcd is not running" in lines


def test_a_cluster_that_is_not_there_is_not_healthy() -> None:
    nothing = Status("demo", "node", "processes", ())
    assert not nothing.healthy
    assert render(nothing) == "demo: not up"


def test_a_backend_that_knows_no_memory_prints_none() -> None:
    assert "memory" not in render(Status("demo", "node", "kind", (ComponentStatus("worker", True),)))
