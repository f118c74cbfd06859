"""A model that really answers, from every source, in pods of the restricted level, asked by the stock client."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from openai import OpenAI

from plimsoll.api import names
from tests.support import engine_image, objects
from tests.support.engine_image import needs_a_builder
from tests.support.kube import Kube
from tests.support.objects import Object
from tests.support.real_engines import START_SECONDS, Serve, forwarded, in_engine, name_of, on_the_web, ready_engines
from tests.support.s3_server import Bucket
from tools.cluster.cluster import ProcessCluster
from tools.images.recipes import RECIPES

pytestmark = [pytest.mark.long, needs_a_builder]

_ANSWERS = Path(__file__).parents[2] / "models" / "answers.json"
_FILE = "plimsoll-small.gguf"
_LOOK = """
import json, os
root = os.statvfs("/").f_flag & os.ST_RDONLY
print(json.dumps([bool(root), os.getuid(), os.path.exists("/var/run/secrets/kubernetes.io/serviceaccount")]))
"""


@dataclass(frozen=True)
class Stage:
    """Where a source can be put."""

    kube: Kube
    cluster: ProcessCluster
    namespace: str
    weights: Path
    request: pytest.FixtureRequest


@pytest.fixture
def stage(
    kube: Kube, cluster: ProcessCluster, namespace: str, answering_model: Path, request: pytest.FixtureRequest
) -> Stage:
    return Stage(kube, cluster, namespace, answering_model, request)


def _http(stage: Stage) -> Object:
    return on_the_web(stage.request.getfixturevalue("web"), stage.weights)


def _s3(stage: Stage) -> Object:
    bucket: Bucket = stage.request.getfixturevalue("s3_bucket")
    bucket.put(f"models/{_FILE}", stage.weights.read_bytes())
    metadata = {"name": "bucket", "namespace": stage.namespace, "labels": {names.LABEL_CREDENTIAL: "true"}}
    stage.kube.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": bucket.credential})
    place = {"bucket": bucket.name, "key": f"models/{_FILE}", "endpoint": bucket.endpoint}
    return {"s3": place, "credential": {"secretName": "bucket"}}


def _oci(stage: Stage) -> Object:
    engine_image.loaded_into(stage.cluster, RECIPES["small-model"])
    return {"oci": {"image": engine_image.by_digest(stage.kube, "small-model"), "path": "model.gguf"}}


def _pvc(stage: Stage) -> Object:
    volumes = stage.kube.list("v1", "PersistentVolume")
    name = next(each["metadata"]["name"] for each in volumes if each["status"]["phase"] == "Available")
    (folder,) = (node.volumes[name] for node in stage.cluster.nodes if name in node.volumes)
    shutil.copyfile(stage.weights, folder / _FILE)
    claim = objects.claim(stage.namespace, "weights")
    claim["spec"]["volumeName"] = name
    stage.kube.create(claim)
    return {"pvc": {"claimName": "weights", "path": _FILE}}


@pytest.mark.parametrize("source", [_http, _s3, _oci, _pvc], ids=["http", "s3", "oci", "pvc"])
def test_the_small_model_answers_word_for_word_from_every_source(
    stage: Stage, serve: Serve, tmp_path: Path, source: Callable[[Stage], Object]
) -> None:
    model = serve(source(stage))
    model.ready(START_SECONDS)
    (pod,) = ready_engines(model, 1)
    assert in_engine(stage.cluster, pod, _LOOK) == [True, 65532, False]
    with (
        forwarded(stage.cluster, model, tmp_path) as base,
        OpenAI(base_url=f"{base}/v1", api_key="none", max_retries=0, timeout=60) as client,
    ):
        known = json.loads(_ANSWERS.read_text(encoding="utf-8"))
        for language in ("en", "ko"):
            row = next(each for each in known if each["language"] == language)
            assert _asked(client, name_of(model), row["question"]) == row["answer"]
            assert _streamed(client, name_of(model), row["question"]) == row["answer"]


def _asked(client: OpenAI, model: str, question: str) -> str | None:
    answer = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": question}], temperature=0
    )
    return answer.choices[0].message.content


def _streamed(client: OpenAI, model: str, question: str) -> str:
    stream = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": question}], temperature=0, stream=True
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream)
