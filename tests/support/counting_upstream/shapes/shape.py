"""What every shape has to say, and the few things that all of them say alike."""

from __future__ import annotations

import base64
import json
import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tests.support.counting_upstream.asked import Asked, Header
from tests.support.counting_upstream.counters import Counts
from tests.support.counting_upstream.script import Script

Object = dict[str, Any]
EVENTS = "text/event-stream; charset=utf-8"
DONE = b"data: [DONE]\n\n"
# Of our own making; each is a float that base64 carries exactly.
VECTOR = (0.5, -0.25, 0.125, 0.0)


def dumps(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def event(value: object) -> bytes:
    return b"data: " + dumps(value) + b"\n\n"


class Shape(ABC):
    """Writes the answer to one request. Counts that it is given are those of the answer `index` alone, so far."""

    # Where the shape is read from, and of which day that is.
    source: ClassVar[str]
    # Tokens that an answer takes which ends by itself, for the token that means the end.
    end_tokens: ClassVar[int] = 0
    # Whether [DONE] follows an error in a stream.
    done_after_error: ClassVar[bool] = True

    def __init__(self, asked: Asked, script: Script, created: int) -> None:
        self.asked = asked
        self.script = script
        self.created = created
        self.id = f"{'chatcmpl' if asked.chat else 'cmpl'}-{asked.number:08d}"

    def headers(self, kind: str) -> list[Header]:
        return [("server", "uvicorn"), ("content-type", kind)]

    @abstractmethod
    def opening(self, index: int, counts: Counts) -> bytes:
        """Before the first word; empty where nothing is said there."""

    @abstractmethod
    def word(self, index: int, at: int, counts: Counts) -> bytes: ...

    @abstractmethod
    def closing(self, index: int, finish: str, counts: Counts) -> bytes: ...

    @abstractmethod
    def usage_event(self, counts: Counts) -> bytes: ...

    @abstractmethod
    def body(self, words: Sequence[str], finish: str, counts: Counts) -> bytes: ...

    @abstractmethod
    def usage(self, counts: Counts) -> Object: ...

    @abstractmethod
    def error(self, status: int, message: str) -> Object: ...

    @abstractmethod
    def model(self) -> Object: ...

    def told_usage(self, counts: Counts) -> Object:
        """With what the script lies about."""
        return self.usage(counts) | self.script.lie

    def models(self) -> bytes:
        return dumps({"object": "list", "data": [self.model()]})

    def embeddings(self, counts: Counts) -> bytes:
        data = [{"object": "embedding", "index": at, "embedding": self._vector()} for at in range(self.asked.inputs)]
        usage = {"prompt_tokens": counts.prompt, "total_tokens": counts.prompt} | self.script.lie
        return dumps({"object": "list", "data": data, "model": self.asked.model, "usage": usage})

    def _vector(self) -> str | Sequence[float]:
        if not self.asked.wants_base64:
            return VECTOR
        return base64.b64encode(struct.pack(f"<{len(VECTOR)}f", *VECTOR)).decode()

    @property
    def call_id(self) -> str:
        return f"call_{self.asked.number:08d}"

    def call_delta(self, at: int) -> Mapping[str, Any]:
        """The piece of a tool's arguments with this number; the first one says which tool it is."""
        piece = self.script.words[at]
        if at:
            return {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
        function = {"name": self.script.call, "arguments": piece}
        return {"tool_calls": [{"index": 0, "id": self.call_id, "type": "function", "function": function}]}

    def whole_call(self, words: Sequence[str]) -> Mapping[str, Any]:
        function = {"name": self.script.call, "arguments": "".join(words)}
        return {"id": self.call_id, "type": "function", "function": function}
