"""What decides whether an image is built again, and what a build is given."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tools.images import build, record
from tools.images.build import Inputs
from tools.images.contents import Part
from tools.images.debian import DebianBase
from tools.images.load import has
from tools.images.recipes import EPOCH, Provenance, Recipe, provenance
from tools.images.record import Built

ROOT = Path(__file__).parents[2]


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    wheel = tmp_path / "plimsoll-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"code")
    return wheel


@pytest.fixture
def inputs(wheel: Path) -> Inputs:
    origin = Provenance("abc", "2026-11-21T00:00:00Z")
    return Inputs("typer==0.29.2", wheel, None, origin, {"Containerfile": "12"}, "buildah base")


def test_every_input_decides_what_the_image_is(inputs: Inputs, wheel: Path, tmp_path: Path) -> None:
    other_wheel = tmp_path / "other" / wheel.name
    other_wheel.parent.mkdir()
    other_wheel.write_bytes(b"changed code")
    changed = [
        replace(inputs, requirements="typer==0.29.3"),
        replace(inputs, wheel=other_wheel),
        replace(inputs, origin=Provenance("abd", inputs.origin.created)),
        replace(inputs, files={"Containerfile": "13"}),
        replace(inputs, engine="docker"),
        replace(inputs, libraries=Path("portable-0123")),
        replace(inputs, libraries=Path("portable-4567")),
    ]
    assert len({inputs.key(), *(each.key() for each in changed)}) == 8
    assert replace(inputs).key() == inputs.key()


def test_the_labels_say_version_revision_and_time_of_the_sources(inputs: Inputs) -> None:
    assert inputs.arguments == {"VERSION": "0.1.0", "REVISION": "abc", "CREATED": "2026-11-21T00:00:00Z"}


def test_a_context_made_twice_is_the_same_also_in_its_times(wheel: Path, tmp_path: Path) -> None:
    collected = tmp_path / "collected"
    (collected / "wheels").mkdir(parents=True)
    (collected / "wheels" / "typer-0.29.2-py3-none-any.whl").write_bytes(b"typer")
    context = build.make_context(ROOT / "images" / "base" / "settle.py", collected, wheel, tmp_path / "context")
    assert {path.name for path in context.iterdir()} == {"application", "dependencies", "settle.py", "uv"}
    assert {path.stat().st_mtime for path in context.rglob("*")} == {float(EPOCH)}
    assert (context / "application" / "requirements.txt").read_text().startswith("plimsoll==0.1.0 --hash=sha256:")


def test_libraries_are_added_as_they_are_with_their_names_for_one_another(tmp_path: Path) -> None:
    for part in ("lib", "python/llama_cpp/__pycache__", "licenses"):
        (tmp_path / "compiled" / part).mkdir(parents=True)
    (tmp_path / "compiled" / "lib" / "libllama.so.0").write_bytes(b"code")
    (tmp_path / "compiled" / "lib" / "libllama.so").symlink_to("libllama.so.0")
    (tmp_path / "compiled" / "python" / "llama_cpp" / "__pycache__" / "llama_cpp.pyc").touch()
    context = build.add_libraries(tmp_path / "compiled", tmp_path / "context")
    assert (context / "engine" / "lib" / "libllama.so").readlink() == Path("libllama.so.0")
    assert not list(context.rglob("*.pyc"))
    assert {path.lstat().st_mtime for path in context.rglob("*")} == {float(EPOCH)}


def test_an_image_without_our_wheel_is_made_of_its_scripts_alone(inputs: Inputs, tmp_path: Path) -> None:
    recipe = Recipe("test-engine", at="tests/engine")
    context = build.make_small_context(recipe.folder(ROOT).glob("*.py"), tmp_path / "context")
    assert "engine.py" in {path.name for path in (context / "application").iterdir()}
    assert {path.stat().st_mtime for path in context.rglob("*")} == {float(EPOCH)}
    assert recipe.sources() == ("images/base", "tests/engine")
    plain = replace(inputs, requirements="", wheel=None)
    assert plain.arguments == {}
    assert plain.key() != replace(inputs, requirements="").key()


def test_an_image_may_hold_files_from_elsewhere_whose_change_makes_another_image(tmp_path: Path) -> None:
    recipe = Recipe("model", files=("weights/tiny.gguf",))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "tiny.gguf").write_bytes(b"GGUF")
    context = build.make_small_context(recipe.files_in(tmp_path), tmp_path / "context")
    assert [path.name for path in (context / "application").iterdir()] == ["tiny.gguf"]
    assert recipe.sources() == ("images/base", "images/model", "weights/tiny.gguf")


def test_bases_and_wheels_that_nobody_used_for_a_month_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = tmp_path / "plimsoll" / "images"
    month = 30 * 24 * 3600
    for name, age in (("old", month + 1), ("new", month - 1)):
        base, wheels = cache / "base" / f"{name}.tar", cache / "wheels" / name
        wheels.mkdir(parents=True)
        base.parent.mkdir(exist_ok=True)
        base.touch()
        for path in (base, wheels):
            os.utime(path, (0, 10 * month - age))
    build.prune(now=10 * month)
    left = [path.stem for path in sorted(cache.glob("*/*"))]
    assert left == ["new", "new"]


def commit(root: Path, message: str) -> str:
    git = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "add", "."], check=True, capture_output=True)
    subprocess.run([*git, "commit", "--message", message], check=True, capture_output=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def test_the_revision_is_the_last_commit_that_touched_the_sources(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "code").write_text("1")
    first = commit(tmp_path, "code")
    (tmp_path / "docs").write_text("1")
    commit(tmp_path, "docs")
    assert provenance(tmp_path, ("code",)).revision == first
    (tmp_path / "docs").write_text("2")
    assert provenance(tmp_path, ("code",)).revision == first
    (tmp_path / "code").write_text("2")
    assert provenance(tmp_path, ("code",)).revision == f"{first}-dirty"


def test_sources_outside_git_have_an_unknown_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance(tmp_path, ("code",)) == Provenance("unknown", "unknown")


def test_a_half_written_or_damaged_base_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    base = DebianBase.of(ROOT)
    base.archive.parent.mkdir(parents=True)
    base.archive.write_bytes(b"123")
    assert not base.intact()
    base.archive.with_suffix(".sha256").write_text("a665a45920422f9d417e4867efdc4fb8a04a1f3fff1fa07e998e86f7f7a27ae3")
    assert base.intact()
    base.archive.write_bytes(b"124")
    assert not base.intact()


def test_what_was_built_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    assert record.read(tmp_path) == {}
    built = Built(
        "localhost/plimsoll/plimsoll:abc", "sha256:abc", "buildah", "key", "image.tar", (Part("base", "", 1),)
    )
    record.add(tmp_path, "plimsoll", built)
    record.add(tmp_path, "other", built)
    assert record.read(tmp_path) == {"plimsoll": built, "other": built}


def nodes(*images: list[str]) -> Callable[..., str]:
    """Answers as kubectl does for nodes that have these images."""
    items = [{"status": {"images": [{"names": [name]} for name in names]}} for names in images]
    return lambda *_: json.dumps({"items": items})


def test_a_cluster_has_an_image_when_every_node_has_it() -> None:
    assert has(nodes(["a", "b"], ["b"]), "b")
    assert not has(nodes(["a", "b"], ["b"]), "a")
    assert not has(nodes(), "a")
