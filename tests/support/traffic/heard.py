"""What one caller got, byte by byte: with what HTTP said of it, and what the events said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httptools


@dataclass
class Heard:
    status: int = 0  # 0: no answer began
    headers: dict[str, str] = field(default_factory=dict)
    pieces: dict[int, list[str]] = field(default_factory=dict)  # of each answer
    finishes: dict[int, str] = field(default_factory=dict)
    usage: Mapping[str, Any] | None = None
    running_usage: bool = False  # usage beside the words of a stream, as only vLLM's own option has it
    error: Any = None
    streamed: bool = False
    done: bool | None = False  # [DONE] has come; None: the client does not tell
    whole: bool = False  # the answer ended as HTTP says that answers end
    words: int = 0
    left: bool = False  # the caller went away
    trouble: str = ""
    # On the clock of the caller.
    planned: float = 0.0
    asked: float = 0.0
    first_word: float | None = None
    ended: float = 0.0

    @property
    def texts(self) -> dict[int, str]:
        return {index: "".join(pieces) for index, pieces in self.pieces.items()}

    def take(self, said: Any, now: float) -> None:
        """The body of an answer, or one event of a stream."""
        if not isinstance(said, dict):
            self.trouble = self.trouble or f"JSON that is no object: {str(said)[:80]}"
            return
        if said.get("error") is not None:
            self.error = said["error"]
        for choice in said.get("choices") or ():
            self._take_choice(choice, now)
        if said.get("usage") is not None:
            self.running_usage |= self.streamed and bool(said.get("choices"))
            self.usage = said["usage"]

    def _take_choice(self, choice: Mapping[str, Any], now: float) -> None:
        index = choice["index"]
        part = choice.get("delta") or choice.get("message") or choice
        calls = part.get("tool_calls") or ()
        text = part.get("content") or part.get("text") or "".join(each["function"]["arguments"] for each in calls)
        if text:
            self.words += 1
            self.first_word = now if self.first_word is None else self.first_word
        self.pieces.setdefault(index, []).append(text)
        if choice.get("finish_reason"):
            self.finishes[index] = choice["finish_reason"]


class Hearing:
    """Takes the bytes of one answer as they come, in whatever pieces."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self._parser = httptools.HttpResponseParser(self)
        self._now = 0.0
        self._rest = b""

    def feed(self, data: bytes, now: float) -> None:
        self._now = now
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.heard.trouble = self.heard.trouble or f"no HTTP: {error}"

    @property
    def over(self) -> bool:
        return self.heard.whole or self.heard.trouble.startswith("no HTTP")

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        self.heard.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.heard.status = self._parser.get_status_code()
        self.heard.streamed = self.heard.headers.get("content-type", "").startswith("text/event-stream")

    def on_body(self, body: bytes) -> None:
        self._rest += body
        if self.heard.streamed:
            *events, self._rest = self._rest.replace(b"\r\n", b"\n").split(b"\n\n")
            for each in events:
                self._event(each)

    def on_message_complete(self) -> None:
        self.heard.whole = True
        if not self.heard.streamed:
            self._take(self._rest)
        elif self._rest.strip():
            self.heard.trouble = self.heard.trouble or "half an event at the end"

    def _event(self, lines: bytes) -> None:
        data = b"\n".join(line[5:].lstrip() for line in lines.split(b"\n") if line.startswith(b"data:"))
        if not data:
            return
        if self.heard.done:
            self.heard.trouble = self.heard.trouble or "an event after [DONE]"
        if data == b"[DONE]":
            self.heard.done = True
        else:
            self._take(data)

    def _take(self, data: bytes) -> None:
        try:
            said = json.loads(data.decode())
        except ValueError as error:
            self.heard.trouble = self.heard.trouble or f"no JSON: {error}"
            return
        self.heard.take(said, self._now)
