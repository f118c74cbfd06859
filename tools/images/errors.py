"""What can go wrong with an image, in words that name the step and the way out."""

from __future__ import annotations

from pathlib import Path


class ImageError(Exception):
    """An image cannot be built, exported or loaded; the message says why and what to do."""


class StepError(ImageError):
    """A program that makes a part of the image ended with an error."""

    def __init__(self, step: str, log: Path, tail: str) -> None:
        super().__init__(f"{step} failed. The end of its log {log}:\n{tail}")


class DiskFullError(ImageError):
    """There is no room for what an image needs on the way."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"The disk is full; an image and its parts take about 1 GB in {folder}. "
            "Free some space, or set XDG_CACHE_HOME to a folder on another disk; then run the same command again."
        )
