"""What `examples/ask.py` printed, as numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_TOKENS = re.compile(r"^tokens: (\d+) prompt, (\d+) completion, (\d+) total$", re.MULTILINE)
_REVISION = re.compile(r"^model: \S+, revision (\d+)$", re.MULTILINE)
_REFUSED = re.compile(r"^refused: (\d+) (\S+): (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Used:
    """So many answers, with so many tokens."""

    requests: int = 0
    prompt: int = 0
    completion: int = 0

    def __add__(self, other: Used) -> Used:
        return Used(self.requests + other.requests, self.prompt + other.prompt, self.completion + other.completion)

    def __sub__(self, other: Used) -> Used:
        return Used(self.requests - other.requests, self.prompt - other.prompt, self.completion - other.completion)

    def words(self) -> str:
        return f"{self.requests} answers, {self.prompt} tokens of prompts, {self.completion} of completions"


@dataclass(frozen=True)
class Refusal:
    status: int
    code: str
    words: str


def used(printed: str) -> Used:
    found = [tuple(map(int, each)) for each in _TOKENS.findall(printed)]
    return Used(len(found), sum(each[0] for each in found), sum(each[1] for each in found))


def revisions(printed: str) -> Sequence[int]:
    """Which revision gave each answer."""
    return [int(each) for each in _REVISION.findall(printed)]


def refusal(printed: str) -> Refusal | None:
    found = _REFUSED.search(printed)
    return Refusal(int(found[1]), found[2], found[3]) if found else None
