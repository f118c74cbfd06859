"""Models as files: random ones are made once into the user's cache, the one that answers lies in the repository."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import pytest

import models
from models import llama_file, quantise, random_model, spoil
from tools.cluster.instance import locked

ANSWERING = Path(models.__file__).with_name("plimsoll-small.gguf")


def cached(name: str, makers: Sequence[ModuleType], make: Callable[[Path], None]) -> Path:
    """The file of this name as these modules make it; another source of them makes another file."""
    sources = b"".join(Path(str(module.__file__)).read_bytes() for module in makers)
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "plimsoll" / "models" / hashlib.sha256(sources).hexdigest()[:12]
    path = folder / name
    with locked(folder / "lock"):
        if not path.exists():
            unfinished = path.with_suffix(".unfinished")
            make(unfinished)
            unfinished.rename(path)
    return path


def random_file(size: str) -> Path:
    makers = (random_model, llama_file)
    return cached(f"{size}.gguf", makers, lambda path: random_model.make(path, random_model.SIZES[size]))


def quantised_file(size: str, file_type: str) -> Path:
    """Needs the engine's library: a test that calls it also asks for `engine_home`."""
    whole = random_file(size)
    return cached(
        f"{size}-{file_type}.gguf",
        (quantise, random_model, llama_file),
        lambda path: quantise.quantise(whole, path, file_type),
    )


@pytest.fixture(scope="session")
def tiny_model() -> Path:
    """0.3 MB of random weights, 512 tokens: for whatever needs a model that is fast and says nothing."""
    return random_file("tiny")


@pytest.fixture(scope="session")
def small_model() -> Path:
    """90 MB of random weights, 32,000 tokens."""
    return random_file("small")


@pytest.fixture(scope="session")
def answering_model() -> Path:
    """The model that answers the questions of models/answers.json word for word."""
    return ANSWERING


@pytest.fixture(scope="session")
def spoiled_model() -> Path:
    """It answers as fluently, and wrong."""
    wanted = hashlib.sha256(ANSWERING.read_bytes()).hexdigest()[:12]
    return cached(f"spoiled-{wanted}.gguf", (spoil,), lambda path: spoil.spoil(ANSWERING, path))
