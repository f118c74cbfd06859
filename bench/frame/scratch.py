"""The temporary folder of the bench, which a later run finds again when this one is killed."""

import shutil
import tempfile
from pathlib import Path


class Scratch:
    """Made when it is first needed; the pointer, a file in the checkout, holds its place."""

    def __init__(self, pointer: Path) -> None:
        self.pointer = pointer

    @property
    def exists(self) -> bool:
        return self.pointer.exists()

    @property
    def folder(self) -> Path:
        if not self.pointer.exists():
            # A short path: a cluster keeps sockets below it, and the name of a socket may have 107 characters.
            self.pointer.write_text(tempfile.mkdtemp(prefix="plimsoll-"), encoding="utf-8")
        return Path(self.pointer.read_text(encoding="utf-8"))

    def remove(self) -> None:
        if self.exists:
            shutil.rmtree(self.folder)
            self.pointer.unlink()
