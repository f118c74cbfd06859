"""Image archives made of one program."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from tools.cluster import archives
from tools.cluster.errors import ClusterError


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "probe"
    path.write_text("program")
    return path


def read(archive: Path, member: str) -> bytes:
    with tarfile.open(archive) as content:
        file = content.extractfile(member)
        assert file
        return file.read()


def test_the_same_program_gives_the_same_bytes_and_another_another_tag(program: Path, tmp_path: Path) -> None:
    one = archives.write("probe.tar", program, tmp_path / "one")
    program.touch()
    again = archives.write("probe.tar", program, tmp_path / "again")
    assert one.read_bytes() == again.read_bytes()
    program.write_text("changed")
    other = archives.write("probe.tar", program, tmp_path / "other")
    assert archives.reference(other) != archives.reference(one)


def test_the_tag_is_the_content(program: Path, tmp_path: Path) -> None:
    archive = archives.write("probe.tar", program, tmp_path / "archive")
    manifest = json.loads(read(archive, "manifest.json"))[0]
    config = read(archive, manifest["Config"])
    digest = hashlib.sha256(config).hexdigest()
    assert manifest["Config"] == f"{digest}.json"
    assert archives.reference(archive) == f"localhost/plimsoll/probe:{digest[:12]}"


def test_the_image_runs_the_program_as_nobody(program: Path, tmp_path: Path) -> None:
    archive = archives.write("probe.tar", program, tmp_path / "archive")
    manifest = json.loads(read(archive, "manifest.json"))[0]
    config = json.loads(read(archive, manifest["Config"]))
    assert config["config"] == {"Entrypoint": ["/probe"], "User": "65532:65532"}
    layer = read(archive, manifest["Layers"][0])
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    with tarfile.open(fileobj=io.BytesIO(layer)) as files:
        assert [(entry.name, entry.mode, entry.uid) for entry in files] == [("probe", 0o755, 0)]


def test_an_archive_of_something_else_is_refused_by_name(program: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "other.tar", "w") as archive:
        archive.add(program, "probe")
    with pytest.raises(ClusterError, match=r"other\.tar has no manifest\.json: it is not a docker-archive"):
        archives.reference(tmp_path / "other.tar")
