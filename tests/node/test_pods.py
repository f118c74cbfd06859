"""Real pods under `restricted`: a Service by name, logs, exec, port-forward, volumes, an image as a volume."""

from __future__ import annotations

import http.client
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import objects, pods
from tests.support.kube import Kube, Object, RefusedError
from tools.cluster import archives
from tools.cluster.cluster import ProcessCluster
from tools.cluster.errors import ClusterError

_SECONDS = 60


def test_replicas_behind_a_service_are_reached_by_its_name(
    cluster: ProcessCluster, kube: Kube, namespace: str, image: str
) -> None:
    kube.create(objects.service(namespace, "web"))
    replicas = pods.start_replicas(kube, objects.deployment(namespace, "web", image, replicas=2))
    caller = pods.caller(kube, namespace, image)
    names = {pod["metadata"]["name"] for pod in replicas}
    assert pods.callers_see(cluster, caller, "http://web/", count=2) == names
    assert pods.call(cluster, caller, f"http://web.{namespace}.svc.cluster.local/") in names


def test_pods_run_without_root_with_a_seccomp_filter_and_a_read_only_root(
    cluster: ProcessCluster, kube: Kube, namespace: str, image: str
) -> None:
    pod = pods.caller(kube, namespace, image)
    told = pods.execute(cluster, pod, "cat", "/proc/self/status")
    facts = dict(line.split(":\t", 1) for line in told.splitlines() if ":\t" in line)
    assert facts["Uid"].split() == ["65532"] * 4
    assert facts["CapEff"] == "0000000000000000"
    assert facts["NoNewPrivs"] == "1"
    assert facts["Seccomp"] == "2"
    with pytest.raises(ClusterError, match="read-only file system"):
        pods.execute(cluster, pod, "write", "/anything", "text")


def test_a_pod_that_asks_for_more_than_restricted_allows_is_refused(kube: Kube, namespace: str, image: str) -> None:
    wanted = objects.pod(namespace, "root", image, ["sleep"])
    wanted["spec"]["securityContext"]["runAsNonRoot"] = False
    with pytest.raises(RefusedError, match="violates PodSecurity"):
        kube.create(wanted)


def test_logs_hold_what_a_pod_printed(cluster: ProcessCluster, kube: Kube, namespace: str, image: str) -> None:
    pod = pods.start(kube, objects.server(namespace, "web", image))
    assert "listening on :8080" in pods.logs(cluster, pod)
    assert "GET /healthz" in pods.logs(cluster, pod)


def test_exec_runs_a_command_in_a_pod_and_brings_its_failure_back(
    cluster: ProcessCluster, kube: Kube, namespace: str, image: str
) -> None:
    pod = pods.start(kube, objects.server(namespace, "web", image))
    assert pods.execute(cluster, pod, "get", "http://localhost:8080/").strip() == "web"
    with pytest.raises(ClusterError, match="exit code 1"):
        pods.execute(cluster, pod, "get", "http://localhost:8080/nowhere")


def test_port_forward_reaches_a_pod_from_outside(kube: Kube, namespace: str, image: str) -> None:
    pod = pods.start(kube, objects.server(namespace, "web", image))
    with closing(http.client.HTTPConnection("pod")) as connection, closing(kube.forward(pod, 8080)) as tunnel:
        connection.sock = tunnel
        connection.request("GET", "/", headers={"Connection": "close"})
        assert connection.getresponse().read() == b"web\n"


def test_a_claim_of_class_local_binds_and_its_data_outlives_the_pod(
    cluster: ProcessCluster, kube: Kube, namespace: str, image: str
) -> None:
    claim = kube.create(objects.claim(namespace, "data"))
    volume = {"persistentVolumeClaim": {"claimName": "data"}}
    writer = objects.pod(namespace, "writer", image, ["write", "/data/greeting", "ahoy"])
    pods.run(kube, cluster, objects.mounted(writer, "/data", volume))
    assert kube.read(claim)["status"]["phase"] == "Bound"
    kube.delete(writer)
    kube.wait_gone(writer, _SECONDS)
    reader = objects.pod(namespace, "reader", image, ["cat", "/data/greeting"])
    assert pods.run(kube, cluster, objects.mounted(reader, "/data", volume)) == "ahoy"


def test_a_volume_whose_claim_is_gone_is_emptied_and_offered_again(
    cluster: ProcessCluster, kube: Kube, namespace: str, image: str
) -> None:
    claim = kube.create(objects.claim(namespace, "data"))
    source = {"persistentVolumeClaim": {"claimName": "data"}}
    writer = objects.pod(namespace, "writer", image, ["write", "/data/secret", "of the last tenant"])
    pods.run(kube, cluster, objects.mounted(writer, "/data", source))
    name = kube.read(claim)["spec"]["volumeName"]
    volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}}
    kube.delete(writer)
    kube.delete(claim)
    kube.wait(volume, lambda found: pods.phase(found) == "Released", _SECONDS, "the volume is released")
    assert name in cluster.recycle_volumes()
    kube.wait(volume, lambda found: pods.phase(found) == "Available", _SECONDS, "the volume is available")
    (folder,) = (node.volumes[name] for node in cluster.nodes if name in node.volumes)
    assert list(folder.iterdir()) == []


def _image_with(folder: Path, name: str, text: str) -> Path:
    """An archive of an image that holds one file, `/<name>`."""
    content = folder / name
    content.write_text(text)
    return archives.write(f"{name}.tar", content, folder / f"{name}.tar")


def _mounting(archive: Path, pod: Object) -> Object:
    image = {"reference": archives.reference(archive), "pullPolicy": "Never"}
    return objects.mounted(pod, "/model", {"image": image})


def test_an_imported_image_is_mounted_as_a_read_only_volume(
    cluster: ProcessCluster, kube: Kube, namespace: str, image: str, tmp_path: Path
) -> None:
    archive = _image_with(tmp_path, "weights", f"of {namespace}")
    cluster.load([archive])
    wanted = objects.server(namespace, "model", image)
    wanted["spec"]["containers"][0]["args"] = [*objects.SERVE, "--root", "/model"]
    pod = pods.start(kube, _mounting(archive, wanted))
    assert pods.call(cluster, pod, "http://localhost:8080/files/weights") == f"of {namespace}"
    with pytest.raises(ClusterError, match="read-only file system"):
        pods.execute(cluster, pod, "write", "/model/weights", "other")


def test_a_loaded_image_is_on_every_node(
    cluster: ProcessCluster, kube: Kube, namespace: str, image: str, tmp_path: Path
) -> None:
    archive = _image_with(tmp_path, "weights", f"of {namespace}")
    cluster.load([archive])
    for node in cluster.nodes:
        reader = objects.pod(namespace, f"reader-{node.name}", image, ["cat", "/model/weights"])
        assert pods.run(kube, cluster, objects.on_node(_mounting(archive, reader), node.name)) == f"of {namespace}"
