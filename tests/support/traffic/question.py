"""What a caller asks, and what a right answer to it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"


@dataclass(frozen=True)
class Wanted:
    text: str
    finish: str = "stop"
    answers: int = 1
    # Prompt and completion; None: nobody asked, and in a stream nobody may be told.
    usage: tuple[int, int] | None = None


@dataclass(frozen=True)
class Question:
    body: Mapping[str, Any]
    wanted: Wanted
    path: str = CHAT
    key: str = "none"
    headers: Mapping[str, str] = field(default_factory=dict)
    # Goes away when so many words have come; 0: before any has.
    leave_after: int | None = None
    # Goes without a goodbye.
    rudely: bool = False

    def bytes_for(self, host: str) -> bytes:
        body = json.dumps(self.body, ensure_ascii=False).encode()
        lines = [
            f"POST {self.path} HTTP/1.1",
            f"host: {host}",
            "content-type: application/json",
            f"authorization: Bearer {self.key}",
            f"content-length: {len(body)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chat(model: str, text: str, **more: Any) -> dict[str, Any]:
    """A body with one message of a user."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def streamed(model: str, text: str, *, usage: bool = False, **more: Any) -> dict[str, Any]:
    options = {"stream_options": {"include_usage": True}} if usage else {}
    return chat(model, text, stream=True, **options, **more)
