"""Reads an image archive and says what takes the room in it."""

from __future__ import annotations

import json
import posixpath
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_RECORD = re.compile(r"(?P<site>.*/(?:site|dist)-packages)/(?P<name>[^/]+?)-(?P<version>[^/-]+)\.dist-info/RECORD$")
_LIBRARIES = "opt/plimsoll/engine/"
_PYTHON = re.compile(r"^(usr/(local/)?(bin|lib)/(lib)?python3|usr/lib/[^/]+/libpython3|opt/plimsoll/)")


@dataclass(frozen=True)
class Part:
    """The base, Python, llama.cpp, or one distribution with its version."""

    name: str
    version: str
    size: int


def parts_of(archive: Path) -> list[Part]:
    """Largest first, what is no distribution before those that are; together they are the image."""
    sizes, records = _read(archive)
    owners: dict[str, tuple[str, str]] = {}
    for path, listed in records.items():
        match = _RECORD.match(path)
        if match:
            owners |= dict.fromkeys(_files(match["site"], listed), (match["name"].replace("_", "-"), match["version"]))
    totals: Counter[tuple[str, str]] = Counter()
    for path, size in sizes.items():
        totals[owners.get(_source(path)) or (_place(path), "")] += size
    first = {"base": 0, "python": 1, "llama.cpp": 2}
    ordered = sorted(totals.items(), key=lambda item: (first.get(item[0][0], 3), -item[1]))
    return [Part(name, version, size) for (name, version), size in ordered]


def files_of(archive: Path) -> list[str]:
    """Every file of the image."""
    return sorted(_read(archive)[0])


def layers_of(archive: Path) -> list[str]:
    """The digests of the layers, lowest first."""
    return list(_config(archive)["rootfs"]["diff_ids"])


def labels_of(archive: Path) -> dict[str, str]:
    return dict(_config(archive)["config"]["Labels"])


def table(reference: str, parts: list[Part]) -> str:
    """In megabytes of a million bytes, as the target is."""
    width = max(len(part.name) for part in parts)
    lines = [f"  {part.name:<{width}}  {part.version:<12} {part.size / 1e6:8.1f} MB" for part in parts]
    total = sum(part.size for part in parts) / 1e6
    return "\n".join([reference, *lines, f"  {'unpacked':<{width}}  {'':<12} {total:8.1f} MB"])


def _config(archive: Path) -> dict[str, Any]:
    with tarfile.open(archive) as image:
        config: dict[str, Any] = json.loads(_text(image, _manifest(image)["Config"]))
    return config


def _manifest(image: tarfile.TarFile) -> dict[str, list[str] | str]:
    manifest: dict[str, list[str] | str] = json.loads(_text(image, "manifest.json"))[0]
    return manifest


def _text(image: tarfile.TarFile, member: object) -> str:
    content = image.extractfile(str(member))
    if content is None:
        raise LookupError(f"{member} is not a file in {image.name!r}.")
    return content.read().decode()


def _read(archive: Path) -> tuple[dict[str, int], dict[str, str]]:
    """Every file with its size as the layers leave it, and the text of the RECORDs. A hard link adds nothing."""
    sizes: dict[str, int] = {}
    records: dict[str, str] = {}
    with tarfile.open(archive) as image:
        for name in _manifest(image)["Layers"]:
            with tarfile.open(fileobj=image.extractfile(name)) as layer:
                for path, entry in _entries(layer):
                    _apply(path, entry, sizes)
                    if entry.isfile() and _RECORD.match(path):
                        records[path] = _text(layer, entry.name)
    return sizes, {path: text for path, text in records.items() if path in sizes}


def _entries(layer: tarfile.TarFile) -> Iterator[tuple[str, tarfile.TarInfo]]:
    for entry in layer:
        yield entry.name.removeprefix("./").strip("/"), entry


def _apply(path: str, entry: tarfile.TarInfo, sizes: dict[str, int]) -> None:
    parent, _, name = path.rpartition("/")
    if name == ".wh..wh..opq":
        _remove(f"{parent}/", sizes)
    elif name.startswith(".wh."):
        gone = f"{parent}/{name.removeprefix('.wh.')}".lstrip("/")
        sizes.pop(gone, None)
        _remove(f"{gone}/", sizes)
    elif not entry.isdir():
        sizes[path] = entry.size


def _remove(prefix: str, sizes: dict[str, int]) -> None:
    for path in [path for path in sizes if path.startswith(prefix)]:
        del sizes[path]


def _place(path: str) -> str:
    """What a file belongs to that is of no distribution."""
    if path.startswith(_LIBRARIES):
        return "llama.cpp"
    return "python" if _PYTHON.match(path) else "base"


def _files(site: str, listed: str) -> Iterator[str]:
    """The paths of a RECORD, which are relative to the folder of the distributions and may climb out of it."""
    for line in listed.splitlines():
        yield posixpath.normpath(f"{site}/{line.rsplit(',', 2)[0].strip(chr(34))}")


def _source(path: str) -> str:
    """Bytecode belongs to whom its source belongs to."""
    match = re.match(r"(.*/)__pycache__/([^/]+)\.cpython-\d+\.pyc$", path)
    return f"{match[1]}{match[2]}.py" if match else path
