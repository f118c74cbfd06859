"""Marks by which chat templates tell who speaks: in a user's words they would end his turn and begin another's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from plimsoll.gateway.request import texts_of

# Without one of these there is no mark; looking for them is many times faster than the expression.
_HINTS = (
    *("<|", "<\uff5c", "\uff1c", "|>", "_of_turn>", "[INST]", "[/INST]", "_PROMPT]", "[AVAILABLE_", "[TOOL_"),
    *("SYS>>", "[|", "<extra_id_", "<SPECIAL_"),
)
_MARK = re.compile(
    # ChatML, Llama 3, Phi, GPT-OSS, Granite, Command R, Kimi, DeepSeek, Gemma 4
    r"[<\uff1c][|\uff5c][^\s\x22\\<>\uff1c\uff1e|\uff5c]{1,64}[|\uff5c]?[>\uff1e]|<[a-z_]{1,64}\|>"
    # Gemma, Mistral, Llama 2, EXAONE, Nemotron
    r"|<(?:start|end)_of_turn>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS|TOOL_CONTENT)\]"
    r"|<</?SYS>>|\[\|[a-z_]{1,64}\|\]|<extra_id_\d+>|<SPECIAL_\d+>"
)


def mark_in(value: Any) -> str | None:
    """The first one in any text of this value, also when it is put together from parts of a message."""
    for text in _readings(value):
        if any(hint in text for hint in _HINTS) and (found := _MARK.search(text)):
            return found[0]
    return None


def _readings(value: Any) -> Iterator[str]:
    # Nothing in a mark is escaped in JSON, so what is written is what is said.
    yield orjson.dumps(value).decode()
    if isinstance(value, list):
        for each in value:
            if isinstance(each, dict) and isinstance(each.get("content"), list):
                yield "".join(texts_of(each["content"]))
