"""An image of one file, made without a container engine."""

from __future__ import annotations

import io
import json
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from tests.support.model_configs import SAMPLES
from tools.cluster.progress import Silent
from tools.images import contents, record
from tools.images.build import Builder
from tools.images.packing import Packed, pack
from tools.images.recipes import RECIPES, Recipe

ROOT = Path(__file__).parents[2]
RECIPE = Recipe("weights", files=("tiny.gguf",), packed=("model.gguf",))


def packed(content: bytes = b"GGUF") -> Packed:
    return pack({"model.gguf": content}, {"title": "weights"}, "localhost/plimsoll/weights")


def members(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]


def test_the_same_content_gives_the_same_bytes_and_another_one_another_digest() -> None:
    assert packed() == packed()
    assert packed(b"GGUf").digest != packed().digest


def test_the_reference_names_the_digest_under_which_a_node_has_it() -> None:
    found = members(packed().archive)
    [manifest] = json.loads(found["index.json"])["manifests"]
    assert manifest["digest"] == packed().digest
    assert packed().reference == f"localhost/plimsoll/weights:{packed().digest[7:19]}"
    assert manifest["annotations"]["io.containerd.image.name"] == packed().reference


def test_whatever_is_described_is_there_with_its_size_and_its_digest() -> None:
    found = members(packed().archive)
    blobs = {f"sha256:{name.rpartition('/')[2]}": blob for name, blob in found.items() if name.startswith("blobs/")}
    assert all(digest == f"sha256:{sha256(blob).hexdigest()}" for digest, blob in blobs.items())
    [manifest] = json.loads(found["index.json"])["manifests"]
    inner = json.loads(blobs[manifest["digest"]])
    for each in (manifest, inner["config"], *inner["layers"]):
        assert each["size"] == len(blobs[each["digest"]])
    config = json.loads(blobs[inner["config"]["digest"]])
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in inner["layers"]]


def test_it_holds_the_one_file_and_an_engine_of_the_older_form_finds_it_too(tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    archive.write_bytes(packed().archive)
    assert contents.files_of(archive) == ["model.gguf"]
    assert contents.labels_of(archive) == {"title": "weights"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "tiny.gguf").write_bytes(b"GGUF")
    return tmp_path


def test_it_is_packed_again_only_when_it_changed_or_has_gone(checkout: Path) -> None:
    builder = Builder(checkout, "auto", "", Silent())
    first, new = builder.build(RECIPE)
    assert new
    assert record.read(checkout)["weights"] == first
    assert builder.build(RECIPE) == (first, False)
    (checkout / first.archive).unlink()
    assert builder.build(RECIPE) == (first, True)
    (checkout / "tiny.gguf").write_bytes(b"GGUF, and more")
    assert builder.build(RECIPE)[0].reference != first.reference


def test_the_quickstart_names_the_small_model_by_the_digest_that_every_machine_packs(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "plimsoll-small.gguf").symlink_to(ROOT / "models" / "plimsoll-small.gguf")
    built, _ = Builder(tmp_path, "auto", "", Silent()).build(RECIPES["small-model"])
    model = yaml.safe_load((SAMPLES / "quickstart" / "model.yaml").read_text())
    assert model["spec"]["source"]["oci"] == {
        "image": f"localhost/plimsoll/small-model@{built.digest}",
        "path": RECIPES["small-model"].packed[0],
    }
