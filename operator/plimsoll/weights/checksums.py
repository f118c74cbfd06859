"""What a whole file has to hash to, as far as its source tells."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from plimsoll.api.reasons import Reason
from plimsoll.weights.trouble import SourceTrouble

_PART = 1 << 20


@dataclass(frozen=True, slots=True)
class Checksum:
    """`git` is the hash by which git knows a file: hubs have it of small files, and `sha256` of large ones."""

    kind: Literal["sha256", "git"]
    value: str

    def check(self, path: Path, name: str) -> None:
        """Reads the whole file. Raises SourceTrouble when it is another one."""
        found = self._of(path)
        if found != self.value:
            words = f"{name} has the {self.kind} hash {found}, and {self.value} was expected"
            raise SourceTrouble(Reason.CHECKSUM_MISMATCH, words)

    def _of(self, path: Path) -> str:
        digest = hashlib.sha256() if self.kind == "sha256" else hashlib.sha1(usedforsecurity=False)
        if self.kind == "git":
            digest.update(f"blob {path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while part := file.read(_PART):
                digest.update(part)
        return digest.hexdigest()
