"""How answers are written: events of a stream, of which all but the text is made once, and whole bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from plimsoll.runtime.http import logprobs
from plimsoll.runtime.http.calls import Argued, Called
from plimsoll.runtime.http.logprobs import Piece
from plimsoll.runtime.requests import TokenChoice, Usage

DONE = b"data: [DONE]\n\n"
_NO_USAGE = b"null}\n\n"
_USAGE = (
    b'{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"prompt_tokens_details":{"cached_tokens":%d}}}\n\n'
)


@dataclass(frozen=True, slots=True)
class Head:
    """What every part of an answer repeats."""

    id: str
    created: int
    model: str
    usage_in_stream: bool = False


@dataclass(slots=True)
class Whole:
    """One answer when it is complete."""

    text: str
    choices: Sequence[TokenChoice] | None  # None: nobody asked for logarithms
    finish: str
    call: Mapping[str, Any] | None = None


class Format(Protocol):
    """One of OpenAI's two kinds of answers."""

    def opening(self, index: int) -> bytes: ...

    def text(self, index: int, text: str, choices: Sequence[TokenChoice] | None) -> bytes: ...

    def closing(self, index: int, finish: str) -> bytes: ...

    def body(self, answers: Sequence[Whole], usage: Mapping[str, Any]) -> bytes: ...

    def usage(self, usage: Mapping[str, Any]) -> bytes: ...


class _Events:
    """Bytes around what changes; `usage` is null in every event but the last where it was asked for."""

    def __init__(self, head: Head, kind: str) -> None:
        self._head = {"id": head.id, "object": kind, "created": head.created, "model": head.model}
        self.start = b"data: " + orjson.dumps(self._head)[:-1] + b',"choices":['
        self.end = b'],"usage":' + _NO_USAGE if head.usage_in_stream else b"]}\n\n"

    def usage(self, usage: Mapping[str, Any]) -> bytes:
        return b"data: " + orjson.dumps({**self._head, "choices": [], "usage": usage}) + b"\n\n"

    def whole(self, kind: str, choices: Sequence[Mapping[str, Any]], usage: Mapping[str, Any]) -> bytes:
        return orjson.dumps({**self._head, "object": kind, "choices": choices, "usage": usage})


def running_usage(event: bytes, used: Usage) -> bytes:
    """The event with what its answer has used so far, in place of the null that stands there."""
    return event.removesuffix(_NO_USAGE) + _USAGE % (
        used.prompt_tokens,
        used.completion_tokens,
        used.prompt_tokens + used.completion_tokens,
        used.cached_tokens,
    )


class CompletionFormat:
    def __init__(self, head: Head, piece: Piece) -> None:
        self._events = _Events(head, "text_completion")
        self._piece = piece
        self._offsets: dict[int, int] = {}
        self._go_on = b',"finish_reason":null}' + self._events.end
        # For the first answer to a plain request, which nearly all are, nothing but the text is put in.
        self._plain = self._begin(0, b"null")

    def opening(self, index: int) -> bytes:  # noqa: ARG002 - a chat begins with its role, this with nothing
        return b""

    def text(self, index: int, text: str, choices: Sequence[TokenChoice] | None) -> bytes:
        if index == 0 and choices is None:
            return self._plain + orjson.dumps(text) + self._go_on
        told = b"null" if choices is None else orjson.dumps(self._logprobs(index, text, choices))
        return self._begin(index, told) + orjson.dumps(text) + self._go_on

    def closing(self, index: int, finish: str) -> bytes:
        return self._begin(index, b"null") + b'"","finish_reason":"%b"}' % finish.encode() + self._events.end

    def body(self, answers: Sequence[Whole], usage: Mapping[str, Any]) -> bytes:
        choices = [
            {
                "index": index,
                "text": each.text,
                "logprobs": None if each.choices is None else logprobs.for_completions(each.choices, self._piece, 0),
                "finish_reason": each.finish,
            }
            for index, each in enumerate(answers)
        ]
        return self._events.whole("text_completion", choices, usage)

    def usage(self, usage: Mapping[str, Any]) -> bytes:
        return self._events.usage(usage)

    def _begin(self, index: int, told: bytes) -> bytes:
        return self._events.start + b'{"index":%d,"logprobs":%b,"text":' % (index, told)

    def _logprobs(self, index: int, text: str, choices: Sequence[TokenChoice]) -> Mapping[str, Any]:
        offset = self._offsets.get(index, 0)
        self._offsets[index] = offset + len(text)
        return logprobs.for_completions(choices, self._piece, offset)


class ChatFormat:
    def __init__(self, head: Head, piece: Piece) -> None:
        self._events = _Events(head, "chat.completion.chunk")
        self._piece = piece
        self._go_on = b',"logprobs":null,"finish_reason":null}' + self._events.end
        self._plain = self._begin(0) + b'{"content":'

    def opening(self, index: int) -> bytes:
        return self._delta(index, {"role": "assistant", "content": ""})

    def text(self, index: int, text: str, choices: Sequence[TokenChoice] | None) -> bytes:
        if index == 0 and choices is None:
            return self._plain + orjson.dumps(text) + b"}" + self._go_on
        told = b"null" if choices is None else orjson.dumps(logprobs.for_chat(choices, self._piece))
        begin = self._begin(index) + b'{"content":' + orjson.dumps(text)
        return begin + b'},"logprobs":' + told + b',"finish_reason":null}' + self._events.end

    def call(self, index: int, part: Called | Argued, id_: str) -> bytes:
        if isinstance(part, Called):
            function = {"name": part.name, "arguments": ""}
            told: dict[str, Any] = {"index": 0, "id": id_, "type": "function", "function": function}
        else:
            told = {"index": 0, "function": {"arguments": part.text}}
        return self._delta(index, {"tool_calls": [told]})

    def _delta(self, index: int, delta: Mapping[str, Any]) -> bytes:
        return self._begin(index) + orjson.dumps(delta) + self._go_on

    def closing(self, index: int, finish: str) -> bytes:
        end = b'{},"logprobs":null,"finish_reason":"%b"}' % finish.encode()
        return self._begin(index) + end + self._events.end

    def body(self, answers: Sequence[Whole], usage: Mapping[str, Any]) -> bytes:
        choices = [self._choice(index, each) for index, each in enumerate(answers)]
        return self._events.whole("chat.completion", choices, usage)

    def _begin(self, index: int) -> bytes:
        return self._events.start + b'{"index":%d,"delta":' % index

    def _choice(self, index: int, answer: Whole) -> Mapping[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None}
        if answer.call is not None:
            message |= {"content": answer.text or None, "tool_calls": [answer.call]}
        told = None if answer.choices is None else logprobs.for_chat(answer.choices, self._piece)
        return {"index": index, "message": message, "logprobs": told, "finish_reason": answer.finish}

    def usage(self, usage: Mapping[str, Any]) -> bytes:
        return self._events.usage(usage)
