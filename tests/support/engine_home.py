"""The libraries of llama.cpp for tests: those that PLIMSOLL_ENGINE names, else built once for this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.cluster.progress import Progress
from tools.engine import build, recipes, toolchain

VARIABLE = "PLIMSOLL_ENGINE"


def missing() -> list[str]:
    """What this machine lacks to have them; empty when they are here or can be built."""
    return [] if os.environ.get(VARIABLE) else toolchain.lacking()


def ensure() -> Path:
    """The folder with `lib`, `python` and `licenses`, built if it has to be."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else build.ensure(recipes.NATIVE, Progress())


@pytest.fixture(scope="session")
def engine_home() -> Iterator[Path]:
    """That folder, also in the variable, for processes that a test starts."""
    if lacks := missing():
        # In CI a machine that should have a compiler must not pass by skipping.
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"the engine's library needs {lacks[0]}")
    with pytest.MonkeyPatch.context() as patch:
        home = ensure()
        patch.setenv(VARIABLE, str(home))
        yield home
