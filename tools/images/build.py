"""From the sources to an archive with a content tag; nothing is done when no input has changed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

from tools.cluster.cache import sha256
from tools.cluster.instance import locked
from tools.cluster.progress import Progress
from tools.images import contents, libraries, packing, record, wheels
from tools.images.commands import Commands, cache_root
from tools.images.debian import clear_workplace
from tools.images.engines import Engine, choose
from tools.images.recipes import EPOCH, Provenance, Recipe, provenance
from tools.images.record import Built

REPOSITORY = "localhost/plimsoll"
LABELS = {"org.opencontainers.image.licenses": "Apache-2.0"}
_TITLE = "org.opencontainers.image.title"
_KEPT_FOR = 30 * 24 * 3600.0


@dataclass(frozen=True)
class Inputs:
    """All that decides what an image is."""

    requirements: str
    wheel: Path | None
    libraries: Path | None
    origin: Provenance
    files: dict[str, str]
    engine: str

    def key(self) -> str:
        told = [
            self.requirements,
            sha256(self.wheel) if self.wheel else "",
            self.libraries.name if self.libraries else "",
            self.origin.revision,
            self.origin.created,
            self.files,
            self.engine,
        ]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    @property
    def arguments(self) -> dict[str, str]:
        if self.wheel is None:
            return {}
        version = self.wheel.name.split("-")[1]
        return {"VERSION": version, "REVISION": self.origin.revision, "CREATED": self.origin.created}


class Builder:
    """Builds images of one checkout with one engine."""

    def __init__(self, root: Path, engine: str, base: str, progress: Progress) -> None:
        self._root = root
        self._wanted = engine
        self._base = base
        self._progress = progress

    def build(self, recipe: Recipe) -> tuple[Built, bool]:
        """The image, and whether it is new."""
        if recipe.packed:
            return self._pack(recipe)
        folder = self._root / ".build" / "images" / recipe.name
        commands = Commands(folder / "build.log")
        engine = choose(self._wanted, self._base, self._root, commands, self._progress)
        # Before the lock: it can take minutes, in which other images are built.
        compiled = libraries.portable(self._progress) if recipe.libraries else None
        with locked(cache_root() / "lock"):
            inputs = self._inputs(recipe, engine, compiled, commands)
            known = record.read(self._root).get(recipe.name)
            if known and known.inputs == inputs.key() and (self._root / known.archive).exists():
                return known, False
            clear_workplace()
            built = self._build(recipe, engine, inputs, commands)
            prune(time.time())
        record.add(self._root, recipe.name, built)
        return built, True

    def _pack(self, recipe: Recipe) -> tuple[Built, bool]:
        files = {new: path.read_bytes() for new, path in zip(recipe.packed, recipe.files_in(self._root), strict=True)}
        packed = packing.pack(files, LABELS | {_TITLE: recipe.name}, f"{REPOSITORY}/{recipe.name}")
        known = record.read(self._root).get(recipe.name)
        if known and known.digest == packed.digest and (self._root / known.archive).exists():
            return known, False
        archive = self._root / ".build" / "images" / recipe.name / "image.tar"
        archive.parent.mkdir(parents=True, exist_ok=True)
        fresh = archive.with_suffix(".new")
        fresh.write_bytes(packed.archive)
        fresh.replace(archive)
        parts = tuple(contents.parts_of(archive))
        place = str(archive.relative_to(self._root))
        built = Built(packed.reference, packed.digest, "none", packed.digest, place, parts)
        record.add(self._root, recipe.name, built)
        return built, True

    def _inputs(self, recipe: Recipe, engine: Engine, compiled: Path | None, commands: Commands) -> Inputs:
        # How it is built is an input as well.
        described = [*recipe.folder(self._root).iterdir(), *Path(__file__).parent.glob("*.py"), self._settle]
        described += recipe.files_in(self._root)
        wheel = self._root / ".build" / "images" / recipe.name / "wheel"
        files = {path.name: sha256(path) for path in described if path.is_file()}
        return Inputs(
            wheels.export(self._root, recipe.extras, commands) if recipe.extras else "",
            wheels.own(self._root, wheel, commands) if recipe.extras else None,
            compiled,
            provenance(self._root, recipe.sources()),
            files | {"uv": sha256(Path(find_uv_bin()))},
            engine.inputs(),
        )

    def _build(self, recipe: Recipe, engine: Engine, inputs: Inputs, commands: Commands) -> Built:
        folder = self._root / ".build" / "images" / recipe.name
        context = folder / "context"
        if inputs.wheel is None:
            scripts = recipe.folder(self._root).glob("*.py")
            make_small_context([*scripts, *recipe.files_in(self._root)], context)
        else:
            collected = wheels.collect(inputs.requirements, commands, self._progress)
            make_context(self._settle, collected, inputs.wheel, context)
            if inputs.libraries:
                add_libraries(inputs.libraries, context)
        digest = engine.build(recipe.containerfile(self._root), context, inputs.arguments)
        reference = f"{REPOSITORY}/{recipe.name}:{digest.removeprefix('sha256:')[:12]}"
        archive = folder / "image.tar"
        with self._progress.step("archive"):
            # An engine adds to an archive that is there already, or refuses to.
            fresh = archive.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            engine.export(digest, reference, fresh)
            fresh.replace(archive)
        parts = tuple(contents.parts_of(archive))
        return Built(reference, digest, engine.name, inputs.key(), str(archive.relative_to(self._root)), parts)

    @property
    def _settle(self) -> Path:
        """What makes a system of the base, the same for every image."""
        return self._root / "images" / "base" / "settle.py"


def make_context(settle: Path, collected: Path, wheel: Path, context: Path) -> Path:
    """What a Containerfile copies, with fixed times: a step is done again only when its content changed."""
    shutil.rmtree(context, ignore_errors=True)
    shutil.copytree(collected, context / "dependencies")
    (context / "application").mkdir()
    shutil.copy(wheel, context / "application")
    name, version = wheel.name.split("-")[:2]
    (context / "application" / "requirements.txt").write_text(f"{name}=={version} --hash=sha256:{sha256(wheel)}\n")
    shutil.copy(find_uv_bin(), context / "uv")
    shutil.copy(settle, context)
    return _with_fixed_times(context)


def add_libraries(compiled: Path, context: Path) -> Path:
    """llama.cpp, its bindings and their licences."""
    for part in ("lib", "python", "licenses"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(compiled / part, context / "engine" / part, symlinks=True, ignore=ignored)
    return _with_fixed_times(context)


def make_small_context(application: Iterable[Path], context: Path) -> Path:
    """That of an image without our wheel: a few files are the application."""
    shutil.rmtree(context, ignore_errors=True)
    (context / "application").mkdir(parents=True)
    for path in application:
        shutil.copy(path, context / "application")
    return _with_fixed_times(context)


def _with_fixed_times(context: Path) -> Path:
    for path in [context, *context.rglob("*")]:
        os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)
    return context


def prune(now: float) -> None:
    """Bases and wheels that no build has made or used for a month."""
    for path in [*cache_root().glob("base/*.tar"), *cache_root().glob("wheels/*")]:
        if path.stat().st_mtime > now - _KEPT_FOR:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
