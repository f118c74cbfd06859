"""Whether words of a backend quote a locked prompt: some repeat the value that they do not like."""

from __future__ import annotations

import json
from collections.abc import Iterator

from plimsoll.routing.policy import Prompt

# Shorter pieces of a prompt are words that anybody uses.
_TELLING = 20


def quotes(words: str, prompt: Prompt | None) -> bool:
    if prompt is None or not prompt.lock_system:
        return False
    system = prompt.system or ""
    if 0 < len(system) < _TELLING and system in words:
        return True
    pieces = set(_windows(words))
    texts = [system, *(text for each in prompt.examples for text in (each.user, each.answer))]
    # Also as it stands where it was written for programs.
    forms = (form for text in texts for form in (text, json.dumps(text)[1:-1]))
    return any(piece in pieces for form in forms for piece in _windows(form))


def _windows(text: str) -> Iterator[str]:
    return (text[at : at + _TELLING] for at in range(len(text) - _TELLING + 1))
