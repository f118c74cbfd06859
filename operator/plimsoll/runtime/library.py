"""llama.cpp itself: its shared libraries and the ctypes bindings of the same source, from one folder."""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from plimsoll.errors import UserError
from plimsoll.runtime.library_log import LibraryLog

HOME = "PLIMSOLL_ENGINE"


class LibraryMissing(UserError):
    """The folder with llama.cpp is not there or not whole."""


@dataclass(frozen=True, slots=True)
class Library:
    """`c` has every function of llama.h and releases the GIL while one runs. `logits` holds it instead.

    Taking the GIL back from a busy thread costs up to a whole switch interval, so a call of less than a
    microsecond had better not give it away.
    """

    c: Any
    log: LibraryLog
    logits: Callable[[int], int]


@cache
def load_library(home: Path | None = None) -> Library:
    folder = home or _home()
    if not (folder / "lib" / "libllama.so").exists():
        raise LibraryMissing(f"{folder} has no lib/libllama.so", fix=f"Run `make engine`, or set {HOME} to its result.")
    bindings = _bindings(folder)
    log = LibraryLog()
    bindings.llama_log_set(log.receiver(bindings.llama_log_callback), None)
    _load_plugins(folder / "lib")
    bindings.llama_backend_init()
    held = ctypes.PyDLL(bindings._lib._name)  # noqa: SLF001 - the bindings have no other name for it
    pointer = ctypes.c_void_p
    return Library(
        bindings,
        log,
        _function(held.llama_get_logits, [pointer], pointer),
    )


def _home() -> Path:
    value = os.environ.get(HOME)
    if not value:
        raise LibraryMissing(f"{HOME} is not set", fix=f"Set {HOME} to the folder that `make engine` made.")
    return Path(value)


def _bindings(folder: Path) -> Any:
    """`llama_cpp.llama_cpp` without `llama_cpp` itself, which brings a server, a cache that unpickles, and more."""
    os.environ["LLAMA_CPP_LIB_PATH"] = str(folder / "lib")
    package = types.ModuleType("llama_cpp")
    package.__path__ = [str(folder / "python" / "llama_cpp")]
    sys.modules["llama_cpp"] = package
    try:
        return importlib.import_module("llama_cpp.llama_cpp")
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        message = f"llama.cpp in {folder} could not be loaded: {error}"
        raise LibraryMissing(
            message, fix="Run `make engine` again: library and bindings come from one build."
        ) from error


def _load_plugins(folder: Path) -> None:
    # They are looked for beside the executable, which is Python, unless they are told where they are.
    ggml = ctypes.CDLL(str(folder / "libggml.so"))
    load = ggml.ggml_backend_load_all_from_path
    load.argtypes, load.restype = [ctypes.c_char_p], None
    load(str(folder).encode())


def _function(function: Any, arguments: list[Any], result: Any) -> Any:
    function.argtypes, function.restype = arguments, result
    return function
