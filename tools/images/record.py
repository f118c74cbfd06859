"""What was built last, in one ignored file: later install steps read the references of the images from it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.cluster.instance import write_atomically
from tools.images.contents import Part


@dataclass(frozen=True)
class Built:
    """One image; `archive` is relative to the checkout."""

    reference: str
    digest: str
    engine: str
    inputs: str
    archive: str
    parts: tuple[Part, ...]


def _file(root: Path) -> Path:
    return root / ".build" / "images.json"


def read(root: Path) -> dict[str, Built]:
    """By name of the image; empty before the first build."""
    try:
        told = json.loads(_file(root).read_text())
    except FileNotFoundError:
        return {}
    return {
        name: Built(**(built | {"parts": tuple(Part(**part) for part in built["parts"])}))
        for name, built in told.items()
    }


def add(root: Path, name: str, built: Built) -> None:
    known = {**read(root), name: built}
    _file(root).parent.mkdir(parents=True, exist_ok=True)
    write_atomically(
        _file(root), json.dumps({each: asdict(known[each]) for each in sorted(known)}, indent=1) + "\n", 0o644
    )
