"""Source distributions, pinned by sha256: downloaded by pip and unpacked, with nothing of them run."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

# pip wants to know what an archive depends on, and asks its build back end. This one answers without running anything
# of the archive, whose own may import half the world.
_BACK_END = """
from pathlib import Path

def get_requires_for_build_wheel(config_settings=None):
    return []

def prepare_metadata_for_build_wheel(directory, config_settings=None):
    folder = Path(directory, "{stem}.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\\nName: {project}\\nVersion: {version}\\n")
    return folder.name
"""


class Unreachable(Exception):
    """Neither the cache nor the package index has it."""


@dataclass(frozen=True)
class Sdist:
    """`back_end` is what the archive's pyproject.toml names; `wanted` are the files and folders that we unpack."""

    project: str
    version: str
    sha256: str
    back_end: str
    wanted: tuple[str, ...]

    @property
    def stem(self) -> str:
        return f"{self.project.replace('-', '_')}-{self.version}"


def sources_root() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "plimsoll" / "sources"


def unpacked(sdist: Sdist) -> Path:
    """The folder with the files that are wanted; from the cache, or by pip, checked against the pinned checksum."""
    key = hashlib.sha256(f"{sdist.sha256}{sdist.wanted}".encode()).hexdigest()[:12]
    folder = sources_root() / f"{sdist.stem}-{key}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            taken = _unpack(sdist, _download(sdist, Path(scratch)), Path(scratch))
            try:
                taken.rename(folder)
            except OSError:
                # Somebody else was faster.
                assert folder.is_dir()
    return folder


def _download(sdist: Sdist, scratch: Path) -> Path:
    stub = scratch / "back-end"
    module = stub.joinpath(*sdist.back_end.split(".")).with_suffix(".py")
    module.parent.mkdir(parents=True)
    (module.parent / "__init__.py").touch()
    module.write_text(_BACK_END.format(stem=sdist.stem, project=sdist.project, version=sdist.version))
    described = scratch / "requirements.txt"
    described.write_text(f"{sdist.project}=={sdist.version} --hash=sha256:{sdist.sha256}\n")
    options = ["--quiet", "--no-deps", "--no-binary=:all:", "--no-build-isolation", "--require-hashes", "--retries=1"]
    command = [sys.executable, "-m", "pip", "download", *options, f"--requirement={described}", f"--dest={scratch}"]
    environment = {**os.environ, "PYTHONPATH": str(stub)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    archive = scratch / f"{sdist.stem}.tar.gz"
    if done.returncode or not archive.is_file():
        told = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise Unreachable(
            f"pip could not bring the source of {sdist.project} {sdist.version}, and no cache has it: {told[0]}"
        )
    return archive


def _unpack(sdist: Sdist, archive: Path, scratch: Path) -> Path:
    wanted = tuple(f"{sdist.stem}/{name}" for name in sdist.wanted)
    folders = tuple(f"{name}/" for name in wanted)
    with tarfile.open(archive) as opened:
        for entry in opened:
            if entry.name in wanted or entry.name.startswith(folders):
                opened.extract(entry, scratch, filter="data")
    return scratch / sdist.stem
