"""The image of the real engine: small, without a compiler, with a code path for every processor, run in a pod."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.support import engine_image, objects, pods
from tests.support.kube import Kube, Object
from tools.cluster.cluster import ProcessCluster
from tools.images import contents, record
from tools.images.recipes import RECIPES
from tools.images.record import Built

ROOT = Path(__file__).parents[2]
_MOST_MEGABYTES = 350
_HOME = "opt/plimsoll/engine"
_COMPILERS = (
    "cc",
    "c++",
    "gcc",
    "g++",
    "clang",
    "cmake",
    "ninja",
    "make",
    "ld",
    "as",
    "cc1plus",
    "sh",
    "bash",
    "pip",
    "uv",
)

_GENERATIONS = (
    "x64",
    "sandybridge",
    "haswell",
    "skylakex",
    "cascadelake",
    "icelake",
    "alderlake",
    "zen4",
    "sapphirerapids",
)

pytestmark = engine_image.needs_a_builder


@pytest.fixture(scope="module")
def reference(cluster: ProcessCluster) -> str:
    return engine_image.loaded_into(cluster, RECIPES["engine"])


@pytest.fixture(scope="module")
def built(reference: str) -> Built:
    return record.read(ROOT)["engine"]


@pytest.fixture(scope="module")
def files(built: Built) -> list[str]:
    return contents.files_of(ROOT / built.archive)


def engine_pod(namespace: str, image: str, arguments: list[str]) -> Object:
    """With what an engine may write to, by the contract."""
    wanted = objects.pod(namespace, "engine", image, ["engine", *arguments])
    objects.mounted(wanted, "/tmp", {"emptyDir": {}})
    return objects.mounted(wanted, "/run/plimsoll", {"emptyDir": {}})


def test_the_image_is_small_and_holds_nothing_that_compiles_or_installs(built: Built, files: list[str]) -> None:
    assert sum(part.size for part in built.parts) / 1e6 <= _MOST_MEGABYTES
    assert not {part.name for part in built.parts} & {"pip", "setuptools", "uv", "wheel", "kubernetes", "kopf"}
    assert not [path for path in files if "bin/" in path and Path(path).name in _COMPILERS]
    code = [path for path in files if "/licenses/" not in path]
    assert not [path for path in code if path.endswith((".h", ".hpp", ".cpp", ".a", ".whl"))]


def test_every_plug_in_its_bindings_and_their_licences_are_in_the_image(files: list[str]) -> None:
    assert {f"{_HOME}/lib/libggml-cpu-{name}.so" for name in _GENERATIONS} <= set(files)
    assert {f"{_HOME}/lib/libllama.so", f"{_HOME}/lib/libgomp.so.1"} <= set(files)
    assert {f"{_HOME}/licenses/llama.cpp", f"{_HOME}/licenses/llama-cpp-python"} <= set(files)
    # A read-only root cannot keep bytecode, and without it every start would compile 6,000 lines.
    assert f"{_HOME}/python/llama_cpp/__pycache__/llama_cpp.cpython-311.pyc" in files


def test_no_library_holds_a_path_of_the_machine_that_built_it(built: Built) -> None:
    context = ROOT / ".build" / "images" / "engine" / "context" / "engine" / "lib"
    home = str(Path.home()).encode()
    assert not [path.name for path in context.iterdir() if home in path.read_bytes()]


@pytest.mark.long
def test_a_pod_in_the_restricted_level_serves_a_model_and_says_which_code_path_it_took(
    cluster: ProcessCluster, kube: Kube, namespace: str, reference: str, tiny_model: Path
) -> None:
    held = base64.b64encode(tiny_model.read_bytes()).decode()
    metadata = {"namespace": namespace, "name": "model"}
    kube.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "binaryData": {"tiny.gguf": held}})
    wanted = engine_pod(
        namespace, reference, ["--model=/models/tiny.gguf", "--alias=tiny", "--context=256", "--threads=1"]
    )
    objects.mounted(wanted, "/models", {"configMap": {"name": "model"}})
    container = wanted["spec"]["containers"][0]
    container["readinessProbe"] = {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1}
    container["resources"]["limits"]["memory"] = "512Mi"
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    running = pods.start(kube, wanted)
    ask = {"model": "tiny", "prompt": "ba be", "max_tokens": 4}
    proxy = f"/api/v1/namespaces/{namespace}/pods/engine:8080/proxy/v1/completions"
    answered = cluster.kubectl("create", "--raw", proxy, "--filename", "-", stdin=json.dumps(ask))
    assert json.loads(answered)["usage"]["completion_tokens"] == 4
    assert f"loaded CPU backend from /{_HOME}/lib/libggml-cpu-" in pods.logs(cluster, running)
