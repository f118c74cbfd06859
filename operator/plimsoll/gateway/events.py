"""A stream of events as it comes: which are whole, what they say about the answer, and what of them the client gets.

An event goes on byte for byte, unless it holds usage that the client has not asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import msgspec
import orjson
from msgspec import Struct

from plimsoll.gateway.backends.refusing import error_within
from plimsoll.gateway.errors import ApiError, Code
from plimsoll.routing.policy import Prompt

DONE = b"data: [DONE]\n\n"
_DATA = b"data: "
_END = b"\n\n"
# In no text stands a quote that nothing escapes; what only one brace follows belongs to the whole event.
_USAGE = b',"usage":{'
_REST = re.compile(rb"[^{}\\]*(?:\{[^{}\\]*\}[^{}\\]*)*\}\}\Z")
_BORDER = re.compile(rb"\r?\n\r?\n")
# More than logarithms of twenty choices for many tokens at once take.
_LONGEST = 1 << 20


class _Delta(Struct):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: Any = None


class _Choice(Struct):
    index: int = 0
    delta: _Delta | None = None
    text: Any = None
    finish_reason: Any = None


class _Event(Struct):
    choices: list[_Choice] | None = None
    usage: Any = None


_events = msgspec.json.Decoder(_Event)


@dataclass(frozen=True, slots=True)
class View:
    """What the client asked to see."""

    usage: bool
    # Also beside every word, which is an option of vLLM.
    running: bool
    # Whether the backend does that unasked.
    told_running: bool
    # What no error may quote.
    prompt: Prompt | None
    credential: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class Seen:
    """What a stream has said so far."""

    # With text: an answer has at least as many tokens.
    texts: int = 0
    finishes: int = 0
    done: bool = False
    any: bool = False
    # The last word on the whole, and the last one beside the words of each answer.
    usage: Any = None
    running: dict[int, Any] = field(default_factory=dict)
    # What is wrong with it; nothing is taken any more then.
    trouble: ApiError | None = None

    @property
    def ended(self) -> bool:
        return self.done or self.trouble is not None


class Events:
    def __init__(self, view: View) -> None:
        self.seen = Seen()
        self._view = view
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """The events that are whole now, as the client gets them; [DONE] is kept for whoever ends the answer."""
        if self._rest:
            data = self._rest + data
        end = len(data) if data.endswith(_END) else _last_border(data)
        self._rest = data[end:]
        if len(self._rest) > _LONGEST:
            self._broken(f"an event has more than {_LONGEST} bytes")
        if data.find(_END) == end - 2 and b"\r" not in data:
            return self._take(data[:end])
        return b"".join([self._take(block) for block in _blocks(data[:end])])

    def _take(self, block: bytes) -> bytes:
        seen = self.seen
        if seen.done or seen.trouble:
            return b""
        data = _data_of(block)
        seen.done = data == b"[DONE]"
        # Comments say only that somebody is there, and the client gets our own.
        if seen.done or not data:
            return b""
        if b'"error"' in data and (error := error_within(data, self._view.prompt, self._view.credential)):
            seen.trouble = error
            return b""
        return self._decoded(block, data)

    def _decoded(self, block: bytes, data: bytes) -> bytes:
        seen = self.seen
        try:
            event = _events.decode(data)
        except msgspec.ValidationError:
            # JSON of another shape than anybody has described: the client may know it.
            seen.any = True
            return block
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._broken("an event was not JSON")
            return b""
        self._see(event)
        return block if event.usage is None else self._without(block, data, event)

    def _see(self, event: _Event) -> None:
        seen = self.seen
        seen.any = True
        for choice in event.choices or ():
            if _has_text(choice):
                seen.texts += 1
            if choice.finish_reason is not None:
                seen.finishes += 1
            if event.usage is not None and self._view.told_running:
                seen.running[choice.index] = event.usage
        if event.usage is not None and not (event.choices and self._view.told_running):
            seen.usage = event.usage

    def _without(self, block: bytes, data: bytes, event: _Event) -> bytes:
        """What is left of an event with usage."""
        view = self._view
        if not event.choices:
            return block if view.usage else b""
        if view.usage and (view.running or not view.told_running):
            return block
        at = data.rfind(_USAGE)
        # Where it stands at the end, as it mostly does, nothing else is touched.
        if at >= 0 and _REST.match(data, at + len(_USAGE)) and block[len(_DATA) : -len(_END)] == data:
            return _DATA + data[:at] + (b',"usage":null}' if view.usage else b"}") + _END
        told = orjson.loads(data)
        if view.usage:
            told["usage"] = None
        else:
            del told["usage"]
        return _DATA + orjson.dumps(told) + _END

    def _broken(self, why: str) -> None:
        self.seen.trouble = self.seen.trouble or ApiError(Code.UPSTREAM_BROKEN, why=why)


def _has_text(choice: _Choice) -> bool:
    delta = choice.delta
    if delta is None:
        return bool(choice.text)
    said = delta.content or delta.reasoning_content or delta.reasoning or delta.refusal
    return bool(said) or (bool(delta.tool_calls) and _has_arguments(delta.tool_calls))


def _has_arguments(calls: Any) -> bool:
    """A call that only says its name comes with the token that begins its arguments."""
    if not isinstance(calls, Sequence):
        return False
    functions = (each.get("function") for each in calls if isinstance(each, Mapping))
    return any(isinstance(each, Mapping) and each.get("arguments") for each in functions)


def _data_of(block: bytes) -> bytes:
    if block.startswith(_DATA) and block.find(b"\n") == len(block) - 2:
        return block[6:-2]
    lines = (line for line in block.splitlines() if line.startswith(b"data:"))
    return b"\n".join(line[5:].removeprefix(b" ") for line in lines)


def _last_border(data: bytes) -> int:
    plain, other = data.rfind(b"\n\n"), data.rfind(b"\n\r\n")
    return max(plain + 2 if plain >= 0 else 0, other + 3 if other >= 0 else 0)


def _blocks(data: bytes) -> list[bytes]:
    if b"\r" not in data:
        # When the gateway is behind, several come at once: then it must not take longer for each than otherwise.
        return [block + _END for block in data.split(_END)[:-1]]
    ends = [0, *(found.end() for found in _BORDER.finditer(data))]
    return [data[start:end] for start, end in pairwise(ends)]
