"""What decides which libraries of llama.cpp are built, and what an interrupted build leaves."""

from __future__ import annotations

import io
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tools.cluster.progress import Progress, Silent
from tools.engine import build, layout, recipes, running, source, toolchain
from tools.engine.errors import BuildFailed, EngineError, LayoutMismatch


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache on a machine with a compiler."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(toolchain, "lacking", list)
    monkeypatch.setattr(toolchain, "identity", lambda: "c++ 12")
    monkeypatch.setattr(toolchain, "processor", lambda: "avx2")
    return build.cache_root()


@pytest.fixture
def compiling(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Builds do nothing but put down their names."""
    done: list[str] = []

    def finish(recipe: recipes.Recipe, folder: Path, progress: Progress) -> None:
        with build._scratch(folder) as scratch:
            done.append(recipe.name)
            (scratch / "made").mkdir()
            (scratch / "made").rename(folder)

    monkeypatch.setattr(build, "_build", finish)
    return done


def test_what_is_built_once_is_found_afterwards(compiling: list[str]) -> None:
    first = build.ensure(recipes.NATIVE, Silent())
    assert build.ensure(recipes.NATIVE, Silent()) == first
    assert compiling == ["native"]


def test_another_compiler_and_other_settings_make_other_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    known = build.folder_of(recipes.NATIVE)
    assert build.folder_of(replace(recipes.NATIVE, flags={"GGML_NATIVE": "OFF"})) != known
    monkeypatch.setattr(toolchain, "identity", lambda: "c++ 13")
    assert build.folder_of(recipes.NATIVE) != known


def test_another_processor_needs_other_libraries_unless_they_are_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    native, portable = build.folder_of(recipes.NATIVE), build.folder_of(recipes.PORTABLE)
    monkeypatch.setattr(toolchain, "processor", lambda: "avx512")
    assert build.folder_of(recipes.NATIVE) != native
    assert build.folder_of(recipes.PORTABLE) == portable


def test_an_interrupted_build_leaves_nothing_that_the_next_one_takes_for_whole(
    cache: Path, compiling: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(recipe: recipes.Recipe, folder: Path, progress: Progress) -> None:
        with build._scratch(folder):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(build, "_build", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build.ensure(recipes.NATIVE, Silent())
    left = list(cache.glob("*.new-*"))
    assert left
    whole = build.ensure(recipes.NATIVE, Silent())
    assert compiling == ["native"]
    assert [path for path in cache.iterdir() if path.is_dir()] == [whole]


def test_libraries_that_do_not_fit_their_bindings_never_get_their_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(made: Path, *_: object) -> None:
        raise LayoutMismatch([f"in {made.name}"])

    def collect(_built: Path, _tree: Path, made: Path) -> None:
        made.mkdir()

    monkeypatch.setattr(source, "llama_cpp", lambda: Path("/nowhere"))
    monkeypatch.setattr(build, "_compile", lambda *_: None)
    monkeypatch.setattr(build, "_collect", collect)
    monkeypatch.setattr(layout, "check", refuse)
    with pytest.raises(LayoutMismatch, match="in made"):
        build.ensure(recipes.NATIVE, Silent())
    assert not build.folder_of(recipes.NATIVE).exists()


def test_a_machine_without_a_compiler_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "lacking", lambda: ["c++ (Debian: apt-get install g++)"])
    with pytest.raises(EngineError, match=r"missing c\+\+ \(Debian: apt-get install g\+\+\)"):
        build.ensure(recipes.NATIVE, Silent())


def test_libraries_that_nobody_used_for_a_month_are_removed(cache: Path) -> None:
    month = 30 * 24 * 3600
    for name, age in (("old", month + 1), ("new", month - 1), ("kept", 2 * month)):
        (cache / name).mkdir(parents=True)
        os.utime(cache / name, (0, 10 * month - age))
    build.prune(cache / "kept", now=10 * month)
    assert sorted(path.name for path in cache.iterdir()) == ["kept", "new"]


def test_the_link_of_the_checkout_follows_the_newest_build(tmp_path: Path) -> None:
    place = tmp_path / "checkout" / ".build" / "engine"
    for name in ("first", "second"):
        build.link(tmp_path / name, place)
    assert place.readlink() == tmp_path / "second"


def test_a_program_that_fails_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    log.write_text("of an earlier step\n")
    command = [sys.executable, "-c", "print('the reason'); raise SystemExit(3)"]
    with pytest.raises(BuildFailed, match="ninja failed") as caught:
        running.run("ninja", command, log, Silent(), os.environ)
    assert str(caught.value).endswith("\nthe reason")
    assert "earlier" not in str(caught.value)


def test_a_long_step_tells_the_last_line_of_its_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_LOOK_EVERY", 0.001)
    out, gone = io.StringIO(), tmp_path / "gone"
    program = (
        f"import pathlib, time\nprint('[1/2] a.o', flush=True)\nwhile not pathlib.Path({str(gone)!r}).exists(): pass"
    )

    class Watched(Progress):
        def update(self, text: str) -> None:
            super().update(text)
            if "[1/2]" in text:
                out.write(text)
                gone.touch()

    running.run("ninja", [sys.executable, "-S", "-c", program], tmp_path / "log", Watched(out), os.environ)
    assert "ninja: [1/2] a.o" in out.getvalue()
