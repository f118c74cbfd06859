"""The cache of built binaries: only what was finished and is whole is ever used."""

import json
import os
import stat
from pathlib import Path

import pytest

from tools.cluster import build, cache
from tools.cluster.cache import Cache
from tools.cluster.errors import ClusterError


@pytest.fixture
def store() -> Cache:
    return Cache.of("0123456789ab")


@pytest.fixture
def built(tmp_path: Path) -> Path:
    path = tmp_path / "built"
    path.write_text("program")
    return path


def test_what_was_added_is_known_whole_and_executable(store: Cache, built: Path) -> None:
    store.add(built, "etcd", "inputs")
    assert store.known()["etcd"].inputs == "inputs"
    assert store.path("etcd").read_text() == "program"
    assert stat.S_IMODE(store.path("etcd").stat().st_mode) == 0o755
    store.verify(["etcd"])


def test_an_empty_cache_knows_nothing(store: Cache) -> None:
    assert store.known() == {}
    assert build.missing(store, ["etcd"]) == ["etcd"]


def test_a_damaged_file_is_named_removed_and_built_again(store: Cache, built: Path) -> None:
    for name in ("etcd", "kubectl"):
        store.add(built, name)
    store.path("etcd").write_text("progrbm")
    with pytest.raises(ClusterError, match=r"^etcd: .* sha256.*run the same command again"):
        store.verify(["etcd", "kubectl"])
    assert build.missing(store, ["etcd", "kubectl"]) == ["etcd"]
    store.add(built, "etcd")
    store.verify(["etcd", "kubectl"])


def test_a_file_that_somebody_deleted_is_missing(store: Cache, built: Path) -> None:
    store.add(built, "etcd")
    store.path("etcd").unlink()
    assert build.missing(store, ["etcd"]) == ["etcd"]


@pytest.mark.parametrize("step", ["shutil.copyfile", "os.fsync", "tools.cluster.cache.write_atomically"])
def test_what_an_interrupt_left_is_not_known(
    store: Cache, built: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(step, interrupt)
        with pytest.raises(KeyboardInterrupt):
            store.add(built, "etcd")
    assert store.known() == {}
    store.add(built, "etcd")
    store.verify(["etcd"])


def test_a_file_gets_its_name_only_when_it_is_whole(store: Cache, built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(source: Path, target: Path) -> None:
        target.write_text("prog")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full_disk)
    with pytest.raises(OSError, match="No space"):
        store.add(built, "etcd")
    assert not store.path("etcd").exists()


def test_the_same_thing_is_taken_over_from_another_recipe(store: Cache, built: Path) -> None:
    Cache.of("other").add(built, "etcd", "inputs")
    cache.take_over(store, "etcd", "inputs")
    store.verify(["etcd"])
    assert store.known()["etcd"].inputs == "inputs"


def test_nothing_made_from_other_inputs_is_taken_over(store: Cache, built: Path) -> None:
    Cache.of("other").add(built, "etcd", "inputs")
    cache.take_over(store, "etcd", "other inputs")
    assert store.known() == {}


def test_nothing_damaged_is_taken_over(store: Cache, built: Path) -> None:
    damaged, whole = Cache.of("damaged"), Cache.of("whole")
    damaged.add(built, "etcd", "inputs")
    damaged.path("etcd").write_text("progrbm")
    cache.take_over(store, "etcd", "inputs")
    assert store.known() == {}
    whole.add(built, "etcd", "inputs")
    cache.take_over(store, "etcd", "inputs")
    store.verify(["etcd"])


MONTH = 30 * 24 * 3600
NOW = 10.0 * MONTH


def aged(key: str, age: float, built: Path) -> Path:
    store = Cache.of(key)
    store.add(built, "etcd")
    os.utime(store.folder / "manifest.json", (0, NOW - age))
    return store.folder


def test_recipes_that_nobody_used_for_a_month_are_removed(built: Path) -> None:
    old, recent, ours = aged("old", MONTH + 1, built), aged("recent", MONTH - 1, built), aged("ours", MONTH + 1, built)
    cache.prune(keep="ours", now=NOW)
    assert [folder.exists() for folder in (old, recent, ours)] == [False, True, True]


def test_use_keeps_a_recipe(store: Cache, built: Path) -> None:
    folder = aged(store.folder.name, 10 * MONTH, built)
    store.touch()
    cache.prune(keep="another")
    assert folder.exists()


def test_the_manifest_is_readable_by_people(store: Cache, built: Path) -> None:
    store.add(built, "etcd", "inputs")
    manifest = json.loads((store.folder / "manifest.json").read_text())
    assert manifest == {"etcd": {"inputs": "inputs", "sha256": cache.sha256(built)}}
