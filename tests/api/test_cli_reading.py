"""Verbs that read and change objects, against a real API server and objects as the operator makes them."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import Command
from tests.support.kube import Kube, Object
from tests.support.model_configs import base, merged, model_config
from tests.support.simulated import Simulated
from tools.cluster.cluster import ProcessCluster

GOOD, OTHER, BROKEN = (f"x.example.com/engine:{tag}" for tag in ("good", "other", "broken"))
_NOTED_BY_THE_SERVER = ("uid", "resourceVersion", "creationTimestamp", "deletionTimestamp")


@pytest.fixture
def plimsoll(
    cluster: ProcessCluster, definition: Object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    return Command(monkeypatch, capsys)


def spec(image: str, **fields: object) -> Object:
    made: Object = merged(base("hosted"), {"engine": {"image": image}, **fields})
    return made


@pytest.fixture
def world(kube: Kube, definition: Object, namespace: str) -> Simulated:
    """Three revisions in the API server: the second serves, the third cannot."""
    config = kube.create(model_config(spec(GOOD), namespace=namespace))
    world = Simulated(spec(GOOD))
    world.config["metadata"] |= {key: config["metadata"][key] for key in ("namespace", "uid", "generation")}
    for edit in (spec(GOOD), spec(OTHER, context=8192), spec(BROKEN, context=8192)):
        world.edit(edit)
        world.settle(15)
    kube.merge(config, {"spec": world.config["spec"]})
    for made in (*world.objects.values(), *world.pods.values()):
        put(kube, namespace, {"apiVersion": "v1", "kind": "Pod", **made})
    generation = kube.read(config)["metadata"]["generation"]
    kube.merge(config, {"status": {**world.status, "observedGeneration": generation}}, subresource="status")
    return world


def put(kube: Kube, namespace: str, made: Object) -> None:
    wanted = copy.deepcopy(made)
    status = wanted.pop("status", None)
    wanted["metadata"]["namespace"] = namespace
    for note in _NOTED_BY_THE_SERVER:
        wanted["metadata"].pop(note, None)
    kube.create(wanted)
    if status and wanted["kind"] == "Pod":
        kube.merge(wanted, {"status": status}, subresource="status")


def test_the_tree_has_revisions_workloads_and_pods(plimsoll: Command, world: Simulated, namespace: str) -> None:
    answer = plimsoll("status", "chat", "-n", namespace, "-o", "json").data
    newest, serving = answer["revisions"]
    assert (newest["number"], newest["serving"], serving["number"], serving["serving"]) == (3, False, 2, True)
    assert newest["workloads"][0]["pods"][0]["reason"] == "ImagePullFailed"
    assert serving["workloads"][0]["readyReplicas"] == 1
    assert "revision 2: serves" in plimsoll("status", "chat", "-n", namespace).output


def test_rows_and_revisions_are_read(plimsoll: Command, world: Simulated, namespace: str) -> None:
    assert plimsoll("get", "-n", namespace).output.splitlines()[1].split()[:3] == ["chat", "False", "ImagePullFailed"]
    assert plimsoll("history", "chat", "-n", namespace, "-o", "name").output == "chat@3\nchat@2\nchat@1\n"
    changes = plimsoll("diff", f"{namespace}/chat@1", f"{namespace}/chat@2", "-o", "json").data["changes"]
    assert [each["path"] for each in changes] == ["engine.image", "context"]


def test_how_many_pods_there_are_is_no_difference_of_a_revision_and_goes_back_with_none(
    plimsoll: Command, world: Simulated, kube: Kube, namespace: str
) -> None:
    config = model_config({}, namespace=namespace)
    kube.merge(config, {"spec": {"scaling": {"replicas": 3}}})
    changes = plimsoll("diff", f"{namespace}/chat@2", f"{namespace}/chat", "-o", "json").data["changes"]
    assert "scaling.replicas" not in [each["path"] for each in changes]
    assert plimsoll("rollback", "chat", "--to", 1, "-n", namespace, "--apply").code == 0
    assert kube.read(config)["spec"]["scaling"] == {"replicas": 3}


def test_a_pin_and_its_end_are_written_under_our_name(
    plimsoll: Command, world: Simulated, kube: Kube, namespace: str
) -> None:
    target = model_config({}, namespace=namespace)
    assert plimsoll("pin", "chat", "1", "-n", namespace, "--apply").code == 0
    stored = kube.read(target)
    assert stored["spec"]["pinRevision"] == 1
    assert "plimsoll-cli" in {entry["manager"] for entry in stored["metadata"]["managedFields"]}
    assert plimsoll("pin", "chat", "--clear", "-n", namespace, "--apply").code == 0
    assert "pinRevision" not in kube.read(target)["spec"]


def test_the_patch_that_is_printed_does_with_kubectl_what_apply_does(
    plimsoll: Command, world: Simulated, cluster: ProcessCluster, kube: Kube, namespace: str
) -> None:
    patch = plimsoll("rollback", "chat", "-n", namespace, "-o", "json").output
    cluster.kubectl("patch", "mcfg/chat", "-n", namespace, "--type=merge", "--patch", patch)
    assert kube.read(model_config({}, namespace=namespace))["spec"]["engine"] == {"image": OTHER, "name": "llamacpp"}
    assert "nothing to do" in plimsoll("rollback", "chat", "--to", 2, "-n", namespace, "--apply").errors


def test_waiting_ends_when_it_is_no_use_and_when_it_is_so(plimsoll: Command, world: Simulated, namespace: str) -> None:
    assert plimsoll("wait", "chat", "-n", namespace).code == 5
    assert plimsoll("wait", "chat", "-n", namespace, "--for", "available").code == 0


def test_what_a_user_may_not_read_is_named(
    plimsoll: Command, cluster: ProcessCluster, namespace: str, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text(cluster.kubeconfig.read_text())
    cluster.kubectl("config", "set-credentials", "nobody", "--token=nothing", f"--kubeconfig={config}")
    cluster.kubectl("config", "set-context", "--current", "--user=nobody", f"--kubeconfig={config}")
    answered = plimsoll("get", "-n", namespace, "--kubeconfig", config)
    assert answered.code == 6
    assert "log in again" in answered.errors


def test_kubectl_runs_it_as_a_plugin(cluster: ProcessCluster, definition: Object, namespace: str, kube: Kube) -> None:
    kube.create(model_config(base("hosted"), namespace=namespace))

    def kubectl(*arguments: str) -> str:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "KUBECONFIG": str(cluster.kubeconfig)}
        command = [str(cluster._kubectl().program), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout

    assert kubectl("plimsoll", "get", "-n", namespace, "-o", "name") == "modelconfig.plimsoll.dev/chat\n"
    assert kubectl("__complete", "plimsoll", "hist").splitlines()[0].startswith("history\t")
