"""The one source of libraries and bindings: the source distribution of llama-cpp-python, which carries llama.cpp."""

from __future__ import annotations

from pathlib import Path

from tools.sdists import Sdist, unpacked

VERSION = "0.3.36"
LLAMA_CPP_PYTHON = Sdist(
    "llama-cpp-python",
    VERSION,
    "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e",
    "scikit_build_core.build",
    (
        "LICENSE.md",
        "llama_cpp",
        *(
            f"vendor/llama.cpp/{name}"
            for name in (
                *("CMakeLists.txt", "LICENSE", "app", "cmake", "common", "ggml", "include", "licenses"),
                *("models/templates", "scripts", "src", "tools", "vendor"),
            )
        ),
    ),
)


def bindings() -> Path:
    """The package `llama_cpp`."""
    return unpacked(LLAMA_CPP_PYTHON) / "llama_cpp"


def llama_cpp() -> Path:
    """The source tree of llama.cpp."""
    return unpacked(LLAMA_CPP_PYTHON) / "vendor" / "llama.cpp"
