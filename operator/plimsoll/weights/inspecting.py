"""Reads the headers of files that lie here, on a volume that only a pod can see."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, TypeVar

from plimsoll.api.reasons import Reason
from plimsoll.plan.gguf import BadHeader, Header, NotGGUF, parse
from plimsoll.plan.gguf_cursor import FIRST_READ
from plimsoll.plan.gguf_split import combine, split_names
from plimsoll.plan.sizing_cache import CannotSize
from plimsoll.plan.sizing_model import Model, model_of
from plimsoll.plan.sizing_report import BadReport, report
from plimsoll.weights.trouble import SourceTrouble, unreadable

Result = TypeVar("Result")


def inspect(path: Path) -> Model:
    """What the file says, with all of its parts if it is the first of several. Raises SourceTrouble."""
    first = read_header(path)
    paths = [path.with_name(name) for name in _checked(path, lambda: split_names(path.name, first))]
    headers = [first, *(read_header(part) for part in paths[1:])]
    return _checked(path, lambda: model_of(combine(headers)))


def report_on(path: Path, sha256: str | None = None) -> str:
    """What the operator is told about the file: at most 4,096 bytes."""
    model = inspect(path)
    if sha256 is not None:
        check_sha256(path, sha256)
    try:
        return report(model)
    except BadReport as error:
        raise SourceTrouble(Reason.MODEL_UNSUPPORTED, f"{path}: {error.message}") from None


def read_header(path: Path) -> Header:
    with _opened(path) as file:
        return _checked(path, lambda: _header(file, os.fstat(file.fileno()).st_size))


def check_sha256(path: Path, wanted: str) -> None:
    """Reads the whole file. Raises SourceTrouble when it is not the one that the spec names."""
    with _opened(path) as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted:
        raise SourceTrouble(Reason.CHECKSUM_MISMATCH, f"{path} has the sha256 {found}, and the spec names {wanted}")


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    try:
        # Without waiting: opening a pipe would never return.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SourceTrouble(Reason.NOT_A_MODEL, f"{path} is no regular file")
            yield file
    except (FileNotFoundError, NotADirectoryError):
        raise SourceTrouble(
            Reason.SOURCE_NOT_FOUND, f"the volume has no file {path}", fix="correct the path in spec.source"
        ) from None
    except IsADirectoryError:
        raise SourceTrouble(Reason.NOT_A_MODEL, f"{path} is a folder") from None
    except PermissionError:
        raise SourceTrouble(
            Reason.SOURCE_FORBIDDEN,
            f"{path} may not be read by user {os.geteuid()} and group {os.getegid()}",
            fix="make it readable on the volume, or set podTemplate.spec.securityContext to a user who may",
        ) from None
    except OSError as error:
        raise SourceTrouble(
            Reason.SOURCE_UNREACHABLE, f"{path} cannot be read: {error.strerror}", fix="look at the volume"
        ) from None


def _header(file: BinaryIO, size: int) -> Header:
    data = bytearray()
    wanted = FIRST_READ
    while True:
        data += file.read(wanted - len(data))
        # A file that shrinks meanwhile has the size that was read.
        found = parse(bytes(data), size if len(data) >= min(wanted, size) else len(data))
        if isinstance(found, Header):
            return found
        wanted = found.at_least


def _checked(path: Path, read: Callable[[], Result]) -> Result:
    try:
        return read()
    except (BadHeader, NotGGUF, CannotSize) as error:
        raise unreadable(error, str(path)) from None
