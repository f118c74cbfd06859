"""Builds what is missing in the cache from Go modules: once per recipe, resumable, with progress."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.cluster import archives, cache, recipe, toolchain
from tools.cluster.cache import Cache
from tools.cluster.errors import ClusterError
from tools.cluster.instance import locked
from tools.cluster.progress import Progress

_GIB = 1024**3
# Module cache, build cache and binaries together, measured at 5.5 GiB.
_SPACE = 7 * _GIB


def ensure(shape: str, progress: Progress) -> Cache:
    """The cache with everything the shape needs, built if it must be and verified."""
    key = recipe.key()
    store = Cache.of(key)
    needed = recipe.needed_by(shape)
    if missing(store, needed):
        with locked(cache.cache_root() / "lock"):
            # Another process may have built it while this one waited.
            if missing(store, needed):
                _build_all(store, progress)
                cache.prune(keep=key)
    store.verify(needed)
    store.touch()
    return store


def missing(store: Cache, names: Sequence[str]) -> list[str]:
    known = store.known()
    return [name for name in names if name not in known]


def _build_all(store: Cache, progress: Progress) -> None:
    began = time.monotonic()
    made_by_go = [*recipe.packages(), recipe.STAGES]
    for name in missing(store, made_by_go):
        # A change of our own small programs must not cost ten minutes: what did not change is taken over.
        cache.take_over(store, name, recipe.inputs_of(name))
    work = cache.cache_root() / "go"
    (work / "temporary").mkdir(parents=True, exist_ok=True)
    if wanted := missing(store, made_by_go):
        _require_space(store.folder)
        _build_with_go(store, wanted, _GoBuild(toolchain.find_go(progress), work, progress), progress)
    for name in missing(store, list(recipe.IMAGES)):
        store.add(archives.write(name, store.path(recipe.IMAGES[name]), work / name), name)
    # 5 GiB that only another build would use: a later one starts from the proxy again.
    shutil.rmtree(work)
    progress.say(f"built in {time.monotonic() - began:.0f} s, kept in {store.folder}")


def _build_with_go(store: Cache, wanted: Sequence[str], build: _GoBuild, progress: Progress) -> None:
    packages = {name: package for name, package in recipe.packages().items() if name in wanted}
    if packages:
        progress.say(
            f"building {len(packages)} binaries of Kubernetes {recipe.KUBERNETES}: "
            "once, about ten minutes on two cores for all of them"
        )
        total = build.count_packages(list(packages.values()))
        for name, built in build.compile(packages, total):
            store.add(built, name, recipe.inputs_of(name))
    if recipe.STAGES in wanted:
        store.add(build.kwok_stages(), recipe.STAGES, recipe.inputs_of(recipe.STAGES))


def _require_space(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < _SPACE:
        raise ClusterError(
            f"Building the cluster needs {_SPACE // _GIB} GiB free in {folder} and there are {free / _GIB:.1f}: "
            "free some, or point XDG_CACHE_HOME at another disk."
        )


class _GoBuild:
    """One run of the Go tool over our module, with caches of its own."""

    def __init__(self, go: Path, work: Path, progress: Progress) -> None:
        self._go = go
        self._work = work
        self._progress = progress
        self._output = work / "out"
        self._log = work / "build.log"
        self._environment = os.environ | {
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
            "CGO_ENABLED": "0",
            # -modcacherw: a read-only module cache cannot be removed with plain unlinking.
            "GOFLAGS": "-mod=readonly -trimpath -modcacherw -buildvcs=false",
            "GOMODCACHE": str(work / "modules"),
            "GOCACHE": str(work / "objects"),
            # An interrupted build then leaves nothing in the machine's own folder for temporary files.
            "GOTMPDIR": str(work / "temporary"),
        }

    def count_packages(self, packages: list[str]) -> int:
        """Also downloads the modules, because listing needs their sources."""
        modules = 0

        def on_line(line: str) -> None:
            nonlocal modules
            if line.startswith("go: downloading "):
                modules += 1
                self._progress.update(f"downloading modules: {modules}, {line.removeprefix('go: downloading ')}")

        listed = self._run(["list", "-deps", "-tags", recipe.TAGS, *packages], on_line)
        return len(set(listed.split()))

    def compile(self, wanted: dict[str, str], total: int) -> list[tuple[str, Path]]:
        compiled = 0

        def on_line(line: str) -> None:
            nonlocal compiled
            if " " not in line:
                compiled += 1
                linked = len(list(self._output.iterdir()))
                self._progress.update(
                    f"compiled {compiled} of {total} packages, linked {linked} of {len(wanted)}: {line}"
                )

        shutil.rmtree(self._output, ignore_errors=True)
        self._output.mkdir()
        flags = ["-v", "-tags", recipe.TAGS, "-ldflags", recipe.link_flags(), "-o", f"{self._output}/"]
        self._run(["build", *flags, *wanted.values()], on_line)
        return [(name, self._output / _output_name(package)) for name, package in wanted.items()]

    def kwok_stages(self) -> Path:
        # Not `go list -m`: that names no folder for a module that nothing has needed the sources of yet.
        module = Path(json.loads(self._run(["mod", "download", "-json", recipe.KWOK], lambda _: None))["Dir"])
        stages = [
            file.read_text()
            for folder in recipe.KWOK_STAGES
            for file in sorted((module / "kustomize" / "stage" / folder).glob("*.yaml"))
            if file.name != "kustomization.yaml"
        ]
        if not stages:
            raise ClusterError(f"{module} holds no stages for kwok's nodes: KWOK_STAGES names folders that it lacks.")
        joined = self._work / recipe.STAGES
        joined.write_text("\n---\n".join(stages))
        return joined

    def _run(self, arguments: list[str], on_line: Callable[[str], None]) -> str:
        """Standard output; every line of standard error goes to the log and to `on_line`."""
        command = [str(self._go), *arguments]
        answer = self._work / "stdout"
        with (
            open(answer, "w") as out,
            open(self._log, "a") as log,
            subprocess.Popen(
                command, cwd=recipe.MODULE, env=self._environment, stdout=out, stderr=subprocess.PIPE, text=True
            ) as process,
        ):
            assert process.stderr is not None
            try:
                for line in process.stderr:
                    log.write(line)
                    on_line(line.rstrip())
            except BaseException:
                process.terminate()
                raise
        if process.returncode != 0:
            tail = "\n".join(self._log.read_text().splitlines()[-15:])
            raise ClusterError(
                f"go {arguments[0]} failed; its log: {self._log}. Running this again goes on where it stopped.\n{tail}"
            )
        return answer.read_text()


def _output_name(package: str) -> str:
    """As `go build` names it: the last element of the path that is not a major version."""
    last = package.rsplit("/", 1)[-1]
    return package.rsplit("/", 2)[-2] if last[:1] == "v" and last[1:].isdigit() else last
