"""What can go wrong with the engine's libraries, in words that say what to do."""

from __future__ import annotations

from pathlib import Path


class EngineError(Exception):
    """The libraries cannot be built here; the message says why and what to do."""


class BuildFailed(EngineError):
    """A program of the build ended with an error."""

    def __init__(self, step: str, log: Path, tail: str) -> None:
        super().__init__(f"{step} failed. The end of its log {log}:\n{tail}")


class LayoutMismatch(EngineError):
    """Libraries and bindings disagree about a structure that is handed over by value."""

    def __init__(self, differences: list[str]) -> None:
        told = "\n".join(f"  {line}" for line in differences)
        super().__init__(
            "The Python bindings and the headers of llama.cpp differ, so calls would corrupt memory. "
            f"Both must come from one source distribution:\n{told}"
        )
