"""Whether words of a backend quote a locked prompt, or the key they were sent: some repeat what they do not like."""

from __future__ import annotations

import json
from collections.abc import Iterator

from plimsoll.routing.policy import Prompt

# Shorter pieces of a prompt are words that anybody uses.
_TELLING = 20


def quotes(words: str, prompt: Prompt | None, credential: str | None = None) -> bool:
    texts = [] if credential is None else [credential]
    if prompt is not None and prompt.lock_system:
        texts.append(prompt.system or "")
    if any(0 < len(text) < _TELLING and text in words for text in texts):
        return True
    if prompt is not None and prompt.lock_system:
        texts += [text for each in prompt.examples for text in (each.user, each.answer)]
    pieces = set(_windows(words))
    # Also as it stands where it was written for programs.
    forms = (form for text in texts for form in (text, json.dumps(text)[1:-1]))
    return any(piece in pieces for form in forms for piece in _windows(form))


def _windows(text: str) -> Iterator[str]:
    return (text[at : at + _TELLING] for at in range(len(text) - _TELLING + 1))
