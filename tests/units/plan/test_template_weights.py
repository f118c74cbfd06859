"""How the weights come into a pod: fetched or mounted, with which credential, and onto how much disk."""

from __future__ import annotations

import json

import pytest

from plimsoll.plan.observed import SourceFacts, SourceFile
from plimsoll.plan.quantities import bytes_of
from tests.support.model_configs import base, merged
from tests.support.rendered_pods import GIB, Object, mounts, pod, rendered, volumes, weighing
from tests.support.rendering import (
    COMMIT,
    SMALL,
    declared,
    engine_of,
    fetch_of,
    gguf_facts,
    model_of_shape,
)

# --- weights


def test_the_weights_are_fetched_from_the_commit_that_was_accepted_and_to_where_the_engine_looks() -> None:
    workload = rendered()
    arguments = fetch_of(workload)["args"]
    assert arguments[:2] == ["fetch", "get"]
    assert arguments[-1] == "--to=/models"
    assert arguments[3] == f"--identity=commit:{COMMIT}"
    assert json.loads(arguments[2].removeprefix("--source=")) == {
        "huggingFace": {
            "endpoint": "https://huggingface.co",
            "file": "tiny-q8_0.gguf",
            "repository": "team/tiny",
            "revision": COMMIT,
        }
    }
    assert "--model=/models/tiny-q8_0.gguf" in engine_of(workload)["args"]


FILES = [
    ({"http": {"url": "https://example.com/a/tiny-00001-of-00002.gguf?x=1"}}, "/models/tiny-00001-of-00002.gguf"),
    ({"http": {"url": "https://example.com/a/my%20model.gguf"}}, "/models/my_model.gguf"),
    ({"http": {"url": "https://example.com/"}}, "/models/model.gguf"),
    ({"http": {"url": "https://example.com/%2e%2e%2f%2e%2e"}}, "/models/model.gguf"),
    ({"huggingFace": {"repository": "a/b", "file": "q4/a.gguf"}}, "/models/q4/a.gguf"),
    ({"s3": {"bucket": "weights", "key": "llama/8b.gguf"}}, "/models/8b.gguf"),
    ({"pvc": {"claimName": "weights", "path": "llama/8b.gguf"}}, "/models/llama/8b.gguf"),
    ({"oci": {"image": f"example.com/a@sha256:{'a' * 64}", "path": "llama/8b.gguf"}}, "/models/llama/8b.gguf"),
]


@pytest.mark.parametrize(("source", "path"), FILES)
def test_the_engine_looks_where_the_file_is_put(source: Object, path: str) -> None:
    workload = declared({"source": source}, gguf_facts(SMALL))
    assert f"--model={path}" in engine_of(workload)["args"]


def test_no_text_of_a_user_is_replaced_by_a_variable() -> None:
    workload = declared({"source": {"http": {"url": "https://example.com/$(HOME)/a.gguf"}}}, gguf_facts(SMALL))
    assert "https://example.com/$$(HOME)/a.gguf" in fetch_of(workload)["args"][2]
    template = {"engine": {"options": {"chatTemplate": "{{ $(HOME) }}"}}}
    assert "--chat-template={{ $$(HOME) }}" in engine_of(rendered("hub", **template))["args"]
    assert (
        "--model=/models/$$(x).gguf"
        in engine_of(declared({"source": {"pvc": {"claimName": "a", "path": "$(x).gguf"}}}, gguf_facts(SMALL)))["args"]
    )


def test_a_claim_is_mounted_read_only_and_nothing_is_fetched() -> None:
    workload = rendered("claim")
    assert "initContainers" not in pod(workload)
    assert volumes(workload)["plimsoll-models"]["persistentVolumeClaim"] == {"claimName": "weights", "readOnly": True}
    assert "ephemeral-storage" not in engine_of(workload)["resources"]["requests"]


def test_an_image_with_weights_is_mounted_and_nothing_is_fetched() -> None:
    workload = rendered("packed", podTemplate={"spec": {"imagePullSecrets": [{"name": "models"}]}})
    image = base("packed")["source"]["oci"]["image"]
    assert "initContainers" not in pod(workload)
    assert volumes(workload)["plimsoll-models"]["image"] == {"reference": image, "pullPolicy": "IfNotPresent"}
    assert {"name": "models"} in pod(workload)["imagePullSecrets"]
    assert "ephemeral-storage" not in engine_of(workload)["resources"]["requests"]


def test_the_engine_may_only_read_its_weights_and_fetch_may_write_them() -> None:
    workload = rendered()
    assert mounts(engine_of(workload))["/models"]["readOnly"] is True
    assert "readOnly" not in mounts(fetch_of(workload))["/models"]


def test_a_small_engine_is_not_scheduled_by_what_fetching_may_take() -> None:
    small = fetch_of(rendered(resources={"requests": {"cpu": "10m"}}))["resources"]
    assert small["requests"] == {"cpu": "10m", "memory": "256Mi"}
    assert small["limits"]["cpu"] == "1"
    assert fetch_of(rendered())["resources"]["requests"]["cpu"] == "250m"


def test_a_credential_is_mounted_into_fetch_alone_and_never_an_argument() -> None:
    workload = rendered(source={"credential": {"secretName": "hub-token"}})
    assert volumes(workload)["plimsoll-credential"]["secret"] == {"secretName": "hub-token", "defaultMode": 0o440}
    assert mounts(fetch_of(workload))["/run/plimsoll/credential"]["readOnly"] is True
    assert "/run/plimsoll/credential" not in mounts(engine_of(workload))
    assert "hub-token" not in json.dumps([fetch_of(workload)["args"], engine_of(workload)["args"]])


def test_the_disk_is_that_of_the_files_and_a_margin_or_of_the_user() -> None:
    workload = declared(base("hub"), weighing(10 * GIB))
    limit = volumes(workload)["plimsoll-models"]["emptyDir"]["sizeLimit"]
    assert bytes_of(limit) == 11 * GIB + (64 << 20)
    assert engine_of(workload)["resources"]["requests"]["ephemeral-storage"] == limit
    by_hand = declared(merged(base("hub"), {"resources": {"storage": "12G"}}), weighing(10 * GIB))
    assert bytes_of(volumes(by_hand)["plimsoll-models"]["emptyDir"]["sizeLimit"]) == 12 * 10**9


def test_a_size_that_nobody_knows_limits_nothing() -> None:
    unknown = SourceFacts("etag:1", (SourceFile("model.gguf"),), model_of_shape(SMALL))
    workload = declared(base("hub"), unknown)
    assert volumes(workload)["plimsoll-models"] == {"name": "plimsoll-models", "emptyDir": {}}
    assert "ephemeral-storage" not in engine_of(workload)["resources"]["requests"]
