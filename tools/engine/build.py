"""Libraries and bindings in one folder of the user's cache, built once for their source, settings and compiler."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.cluster.instance import locked
from tools.cluster.progress import Progress
from tools.engine import layout, source, toolchain
from tools.engine.recipes import Recipe
from tools.engine.running import run
from tools.sdists import sources_root

_KEPT_FOR = 30 * 24 * 3600.0


def cache_root() -> Path:
    return sources_root().parent / "engine"


def folder_of(recipe: Recipe) -> Path:
    """Where it is, or will be."""
    told = [source.LLAMA_CPP_PYTHON.sha256, recipe.flags, recipe.targets, toolchain.identity()]
    if recipe.here:
        told.append(toolchain.processor())
    key = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]
    return cache_root() / f"{recipe.name}-{key}"


def ensure(recipe: Recipe, progress: Progress) -> Path:
    """The folder with `lib`, `python` and `licenses`, built if it has to be."""
    toolchain.require()
    folder = folder_of(recipe)
    if not folder.is_dir():
        # One build at a time, also of different recipes: each takes all cores.
        with locked(cache_root() / "lock"):
            if not folder.is_dir():
                _build(recipe, folder, progress)
                prune(folder, time.time())
    os.utime(folder)  # in use, for `prune`
    return folder


def _build(recipe: Recipe, folder: Path, progress: Progress) -> None:
    began = time.monotonic()
    with _scratch(folder) as scratch:
        progress.say(f"building llama.cpp ({recipe.name}): once, some minutes on two cores")
        with progress.step("source of llama-cpp-python"):
            tree = source.llama_cpp()
        _compile(recipe, tree, scratch, progress)
        made = scratch / "made"
        _collect(scratch / "build" / "bin", tree, made)
        if not recipe.here:
            _add_openmp(made)
        compiler = layout.Compiler(toolchain.compiler(), (tree / "include", tree / "ggml" / "include"))
        layout.check(made, compiler, scratch)
        # Under its final name only when it is whole: an interrupted build begins again.
        made.rename(folder)
    progress.say(f"built in {time.monotonic() - began:.0f} s, kept in {folder}")


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Beside the result; what is left of an interrupted build goes first. The log stays where a build has failed."""
    for left in folder.parent.glob("*.new-*"):
        shutil.rmtree(left, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{folder.name}.new-", dir=folder.parent))
    yield scratch
    shutil.rmtree(scratch)


def _compile(recipe: Recipe, tree: Path, scratch: Path, progress: Progress) -> None:
    log, place = scratch / "build.log", scratch / "build"
    # No path of this machine ends up in a library, and no commit of a repository that the cache may lie in.
    plain = f"-ffile-prefix-map={tree}=llama.cpp"
    flags = {**recipe.flags, "CMAKE_C_FLAGS": plain, "CMAKE_CXX_FLAGS": plain}
    environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(tree.parent)}
    settings = [f"-D{name}={value}" for name, value in flags.items()]
    run("cmake", ["cmake", "-G", "Ninja", "-S", tree, "-B", place, *settings], log, progress, environment)
    run("ninja", ["ninja", "-C", place, *recipe.targets], log, progress, environment)


def _collect(built: Path, tree: Path, made: Path) -> None:
    (made / "lib").mkdir(parents=True)
    for path in built.iterdir():
        where = made / ("lib" if ".so" in path.name else "bin")
        where.mkdir(exist_ok=True)
        shutil.copy2(path, where, follow_symlinks=False)
    shutil.copytree(source.bindings(), made / "python" / "llama_cpp", ignore=shutil.ignore_patterns("server", "lib"))
    (made / "licenses").mkdir()
    shutil.copy(tree / "LICENSE", made / "licenses" / "llama.cpp")
    shutil.copy(source.bindings().parent / "LICENSE.md", made / "licenses" / "llama-cpp-python")


def _add_openmp(made: Path) -> None:
    """The compiler's own library for threads: a slim image has none. Debian has its licence beside it."""
    asked = [toolchain.compiler(), "-print-file-name=libgomp.so.1"]
    found = Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()).resolve()
    shutil.copy2(found, made / "lib" / "libgomp.so.1")
    licence = Path("/usr/share/doc/libgomp1/copyright")
    if licence.exists():
        shutil.copy(licence, made / "licenses" / "libgomp")


def link(folder: Path, place: Path) -> None:
    """Makes `place` lead to the folder, in one step."""
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_name(place.name + ".new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder)
    fresh.replace(place)


def prune(keep: Path, now: float) -> None:
    """What nobody has used for a month."""
    for path in cache_root().iterdir():
        if path.is_dir() and path != keep and path.stat().st_mtime < now - _KEPT_FOR:
            shutil.rmtree(path)
