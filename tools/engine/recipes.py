"""Which forms of llama.cpp are built, and with which settings."""

from __future__ import annotations

import platform
from dataclasses import dataclass

from tools.engine.errors import EngineError

# Only what is asked for: by default the build also makes tests, tools and a page, and looks for OpenSSL.
_PLAIN = {
    "CMAKE_BUILD_TYPE": "Release",
    "BUILD_SHARED_LIBS": "ON",
    # Libraries find each other in their own folder, wherever that is moved.
    "CMAKE_BUILD_WITH_INSTALL_RPATH": "ON",
    "CMAKE_INSTALL_RPATH": "$ORIGIN",
    "LLAMA_BUILD_APP": "OFF",
    "LLAMA_BUILD_COMMON": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_BUILD_SERVER": "OFF",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_TOOLS": "OFF",
    "LLAMA_BUILD_UI": "OFF",
    "LLAMA_USE_PREBUILT_UI": "OFF",
    "LLAMA_OPENSSL": "OFF",
}


@dataclass(frozen=True)
class Recipe:
    """`here` is for libraries that run on processors like this one only."""

    name: str
    flags: dict[str, str]
    targets: tuple[str, ...]
    here: bool


NATIVE = Recipe("native", {**_PLAIN, "GGML_NATIVE": "ON"}, ("llama",), here=True)
# A plug-in for each generation of processors; the best that runs is taken when a process starts.
PORTABLE = Recipe(
    "portable",
    {**_PLAIN, "GGML_NATIVE": "OFF", "GGML_BACKEND_DL": "ON", "GGML_CPU_ALL_VARIANTS": "ON"},
    ("llama",),
    here=False,
)
SERVER = Recipe(
    "server",
    {
        **_PLAIN,
        **dict.fromkeys(("LLAMA_BUILD_COMMON", "LLAMA_BUILD_SERVER", "LLAMA_BUILD_TOOLS", "GGML_NATIVE"), "ON"),
        "CMAKE_INSTALL_RPATH": "$ORIGIN/../lib;$ORIGIN",
    },
    ("llama-server",),
    here=True,
)


def require_machine() -> None:
    """The plug-ins of PORTABLE are for one kind of machine."""
    if platform.machine() != "x86_64":
        raise EngineError(
            f"The engine's image is made for x86-64 only so far, and this machine is {platform.machine()}: "
            "`python -m tools.images build --only plimsoll` builds the other image."
        )
