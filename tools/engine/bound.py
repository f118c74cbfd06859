"""A program of its own: prints how the Python bindings in a folder lay out every structure that llama.cpp hands over.

Loading the bindings also looks up each of their functions in the libraries, and fails where one is missing.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import sys
import types
from pathlib import Path


def main(engine: Path) -> None:
    os.environ["LLAMA_CPP_LIB_PATH"] = str(engine / "lib")
    # The package's own __init__ would import a server and its dependencies.
    package = types.ModuleType("llama_cpp")
    package.__path__ = [str(engine / "python" / "llama_cpp")]
    sys.modules["llama_cpp"] = package
    bound = importlib.import_module("llama_cpp.llama_cpp")
    found = {name: each for name, each in vars(bound).items() if _is_structure(each)}
    json.dump({name: _layout(each) for name, each in sorted(found.items())}, sys.stdout)


def _is_structure(value: object) -> bool:
    """One with fields of its own; the others are only pointed to."""
    return isinstance(value, type) and issubclass(value, ctypes.Structure) and bool(getattr(value, "_fields_", ()))


def _layout(structure: type[ctypes.Structure]) -> dict[str, object]:
    fields: dict[str, list[object]] = {}
    for name, kind, *_ in structure._fields_:
        placed = getattr(structure, name)
        fields[name] = [placed.offset, placed.size, _kind(kind)]
    return {"size": ctypes.sizeof(structure), "fields": fields}


def _kind(kind: type) -> str:
    if issubclass(kind, ctypes.Array):
        return "array"
    if issubclass(kind, (ctypes.Structure, ctypes.Union)):
        return "structure"
    if issubclass(kind, (ctypes.c_float, ctypes.c_double)):
        return "float"
    # What is left of ctypes' simple types has a letter; those of pointers are P, z and Z.
    letter = getattr(kind, "_type_", "P")
    return "integer" if isinstance(letter, str) and letter not in "PzZ" else "pointer"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
