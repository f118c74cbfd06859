"""What the upstream has counted: written by it before it sends, read by tests; no other process has a part in it.

A line goes to the file with one write(2), so whatever was written outlives a SIGKILL of the upstream.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

Ending = Literal["whole", "gone", "broken"]


class Counts(Struct, frozen=True, kw_only=True):
    """In OpenAI's words: cached tokens are part of the prompt, reasoning is part of the completion."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0
    reasoning: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            prompt=self.prompt + other.prompt,
            cached=self.cached + other.cached,
            completion=self.completion + other.completion,
            reasoning=self.reasoning + other.reasoning,
        )


class Begun(Struct, frozen=True, tag="begun"):
    number: int
    at: float
    case: str
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Counted(Struct, frozen=True, tag="counted"):
    """All that was counted for this request up to now."""

    number: int
    counts: Counts


class Held(Struct, frozen=True, tag="held"):
    number: int
    signal: str


class Ended(Struct, frozen=True, tag="ended"):
    """`whole`: said to its end. `gone`: the caller left before. `broken`: the script has ended it."""

    number: int
    at: float
    how: Ending


Line = Begun | Counted | Held | Ended


class Journal:
    """The upstream's side."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, line: Line) -> None:
        os.write(self._file, msgspec.json.encode(line) + b"\n")


@dataclass
class Seen:
    """One request, as the upstream saw it. Times are of the machine's monotonic clock, which all processes share."""

    begun: Begun
    counts: Counts = field(default_factory=Counts)
    held: list[str] = field(default_factory=list)
    ended: Ended | None = None

    @property
    def running(self) -> bool:
        return self.ended is None

    @property
    def how(self) -> Ending | None:
        return None if self.ended is None else self.ended.how

    def header(self, name: str) -> str | None:
        return next((value for each, value in self.begun.headers if each == name), None)


class Counters:
    """The test's side: reads on from where it stopped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._seen: dict[int, Seen] = {}

    def requests(self) -> list[Seen]:
        """All of them, in the order in which they came."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._read)
                # A line that is being written is left for the next time.
                whole, newline, _ = file.read().rpartition(b"\n")
            self._read += len(whole) + len(newline)
            for line in whole.splitlines():
                self._take(msgspec.json.decode(line, type=Line))
        return list(self._seen.values())

    def _take(self, line: Line) -> None:
        if isinstance(line, Begun):
            self._seen[line.number] = Seen(line)
        elif isinstance(line, Counted):
            self._seen[line.number].counts = line.counts
        elif isinstance(line, Held):
            self._seen[line.number].held.append(line.signal)
        else:
            self._seen[line.number].ended = line
