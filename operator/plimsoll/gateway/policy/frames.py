"""A role's frame: the text before and after what the user says, read once from the owner's template."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from plimsoll.routing.policy import Prompt

_BRACED = re.compile(r"\{\{|\}\}|\{system\}|\{user\}")
_OPENS_WITH_SYSTEM = re.compile(r"\{system\}(\s*)")
_BLANK_LINE = "\n\n"


@dataclass(frozen=True, slots=True)
class Frame:
    # The system text and what parts it from the first question; empty where the frame itself has it in its midst.
    head: str
    before: str
    after: str
    # Between a question and the answer of an example.
    closing: str
    answer_sep: str

    def question(self, text: str) -> str:
        return f"{self.before}{text}{self.after}"


def frame_of(prompt: Prompt) -> Frame:
    return _frame(prompt.frame or "{user}", prompt.system or "", prompt.answer_prefix)


@lru_cache(maxsize=4096)
def _frame(text: str, system: str, prefix: str) -> Frame:
    head = system and system + _BLANK_LINE
    if opening := _OPENS_WITH_SYSTEM.match(text):
        head, text = f"{system}{opening[1]}", text[opening.end() :]
    elif "{system}" in _BRACED.findall(text):
        head = ""
    before, after = _halves(text, system)
    closing = "" if after.endswith(prefix) else f"\n{prefix}"
    return Frame(head, before, after, closing, "" if prefix[-1:].isspace() else " ")


def _halves(text: str, system: str) -> tuple[str, str]:
    """In one pass, so that a brace that comes with the system text stays a brace."""
    halves, end = [""], 0
    for found in _BRACED.finditer(text):
        halves[-1] += text[end : found.start()]
        end = found.end()
        if found[0] == "{user}":
            halves.append("")
        else:
            halves[-1] += system if found[0] == "{system}" else found[0][0]
    halves[-1] += text[end:]
    before, after = halves
    return before, after
