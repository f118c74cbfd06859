"""A look at the model file before C++ parses it: bounded, and in words that say what to do."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from plimsoll.api.reasons import Reason
from plimsoll.errors import UserError
from plimsoll.plan.gguf import BadHeader, Header, NotGGUF, parse
from plimsoll.plan.gguf_cursor import FIRST_READ
from plimsoll.plan.gguf_split import combine, split_names
from plimsoll.plan.sizing import Load, kv
from plimsoll.plan.sizing_cache import CannotSize
from plimsoll.plan.sizing_model import model_of
from plimsoll.plan.sizing_words import comparison
from plimsoll.runtime.endings import CannotServe
from plimsoll.runtime.memory import memory_limit
from plimsoll.runtime.settings import Settings


def check(settings: Settings, limit: int | None = None) -> None:
    """Raises CannotServe, or UserError where there is no file.

    `limit` is the memory of this process; without it that of its control group.
    """
    header = _whole_header(settings.model)
    found = memory_limit() if limit is None else limit
    if found is not None and not settings.map_weights and settings.gpu_layers == 0:
        _check_fit(header, settings, found)


def _whole_header(path: Path) -> Header:
    try:
        first = _read(path)
        parts = [path.with_name(name) for name in split_names(path.name, first)]
        return combine([first, *(_read(part) for part in parts[1:])])
    except (BadHeader, NotGGUF) as error:
        raise CannotServe(Reason.NOT_A_MODEL, f"{path.name}: {error.message}") from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}", fix="Check --model, and that this user may read the file."
        ) from None


def _read(path: Path) -> Header:
    # Without waiting: opening a pipe would never return.
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    found = os.fstat(number)
    if not stat.S_ISREG(found.st_mode):
        os.close(number)
        kind = "a folder: --model is one GGUF file in it" if stat.S_ISDIR(found.st_mode) else "no regular file"
        raise CannotServe(Reason.NOT_A_MODEL, f"{path} is {kind}")
    with os.fdopen(number, "rb") as file:
        return _header(file, found.st_size)


def _header(file: BinaryIO, size: int) -> Header:
    data, wanted = bytearray(), FIRST_READ
    while True:
        data += file.read(wanted - len(data))
        # A file that shrinks meanwhile has the size that was read.
        found = parse(bytes(data), size if len(data) >= min(wanted, size) else len(data))
        if isinstance(found, Header):
            return found
        wanted = found.at_least


def _check_fit(header: Header, settings: Settings, limit: int) -> None:
    """Only what is certain: the weights and the cache. Whoever says more than the operator may know better."""
    parts = [("weights", header.tensor_bytes), ("KV", _cache(header, settings))]
    if sum(size for _, size in parts) > limit:
        raise CannotServe(Reason.DOES_NOT_FIT, comparison(parts, limit))


def _cache(header: Header, settings: Settings) -> int:
    try:
        model = model_of(header)
    except CannotSize:
        return 0
    kind = settings.kv_cache_type.upper()
    load = Load(context=settings.context, parallel=settings.parallel, key_type=kind, value_type=kind)
    return kv(model, model.layers, load).size
