"""`plimsoll export` and `plimsoll import` against a real API server."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings

from plimsoll.api import names
from plimsoll.cli.carrying import declared
from tests.support.command import Command
from tests.support.form import Form
from tests.support.generated_configs import model_configs
from tests.support.kube import Kube, Object
from tests.support.model_configs import base, model_config
from tools.cluster.cluster import ProcessCluster


@pytest.fixture
def plimsoll(
    cluster: ProcessCluster, definition: Object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    return Command(monkeypatch, capsys)


def generated(count: int) -> list[Object]:
    """As many different ones; their names are made unique."""
    found: list[Object] = []

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(model_configs())
    def collect(config: Object) -> None:
        number = len(found)
        labels = {"number": str(number), "text": "1e3"}
        metadata = {"name": f"m{number}", "labels": labels, "annotations": {"words": "한국어: \u202e \x85 'a'\n- b"}}
        found.append({**config, "metadata": metadata})

    collect()
    return found[:count]


def content_hash(cluster: ProcessCluster, namespace: str) -> str:
    """Of all that somebody declared in a namespace, as kubectl reads it."""
    path = f"/apis/{names.API_VERSION}/namespaces/{namespace}/{names.PLURAL}"
    items = json.loads(cluster.kubectl("get", "--raw", path))["items"]
    declared = [
        {key: item["metadata"].get(key) for key in ("name", "labels", "annotations")} | {"spec": item["spec"]}
        for item in items
    ]
    declared.sort(key=lambda each: str(each["name"]))
    return hashlib.sha256(json.dumps([len(declared), declared], sort_keys=True).encode()).hexdigest()


@pytest.mark.long
@pytest.mark.timeout(900)
def test_what_is_exported_and_deleted_is_the_same_after_the_import_in_both_formats(
    plimsoll: Command, cluster: ProcessCluster, namespace: str, tmp_path: Path, form: Form
) -> None:
    count = form.count(small=150, large=1000)
    first = tmp_path / "first.json"
    first.write_text(json.dumps({"kind": "List", "items": generated(count)}))
    assert plimsoll("import", first, "-n", namespace).output == f"{count} created, 0 overwritten, 0 unchanged\n"
    before = content_hash(cluster, namespace)
    for output in ("yaml", "json"):
        file = tmp_path / f"models.{output}"
        assert plimsoll("export", "-n", namespace, "-o", output, "--to", file).code == 0
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        everything = f"/apis/{names.API_VERSION}/namespaces/{namespace}/{names.PLURAL}"
        cluster.kubectl("delete", "--raw", everything)
        assert content_hash(cluster, namespace) != before
        assert plimsoll("import", file).output == f"{count} created, 0 overwritten, 0 unchanged\n"
        assert content_hash(cluster, namespace) == before
        assert plimsoll("import", file).output == f"0 created, 0 overwritten, {count} unchanged\n"


def test_kubectl_applies_what_was_exported(
    plimsoll: Command, cluster: ProcessCluster, kube: Kube, namespace: str, tmp_path: Path
) -> None:
    config = model_config(base("hub"), namespace=namespace)
    kube.create(config)
    for output in ("yaml", "json"):
        exported = plimsoll("export", "chat", "-n", namespace, "-o", output).output
        kube.delete(config)
        cluster.kubectl("apply", "-f", "-", stdin=exported)
        assert declared(kube.read(config)) == yaml.safe_load(exported)


def test_what_the_server_refuses_leaves_the_rest_and_says_so(plimsoll: Command, namespace: str) -> None:
    bad = model_config(base("hosted"), name="bad", namespace=namespace)
    # Only the API server knows what a label may be.
    bad["metadata"]["labels"] = {"a b": "c"}
    answered = plimsoll("import", "-", given=json.dumps(bad))
    assert answered.code == 6
    assert "a b" in answered.errors


def test_an_import_overwrites_in_place_and_under_its_own_name(plimsoll: Command, kube: Kube, namespace: str) -> None:
    config = model_config(base("hosted"), namespace=namespace)
    uid = kube.create(config)["metadata"]["uid"]
    changed = json.dumps(model_config({**base("hosted"), "context": 8192}, namespace=namespace))
    assert plimsoll("import", "-", given=changed).code == 1
    assert plimsoll("import", "-", "--force", given=changed).output == "0 created, 1 overwritten, 0 unchanged\n"
    stored = kube.read(config)
    assert (stored["metadata"]["uid"], stored["spec"]["context"]) == (uid, 8192)
    assert "plimsoll-cli" in {entry["manager"] for entry in stored["metadata"]["managedFields"]}
