"""Watch streams on their way through a proxy: event by event, without delay, unless a test wants otherwise."""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import ClientResponse, web

from tests.support.api_calls import Call, Which, every_call

_LOOK_SECONDS = 0.5
_END = b""


@dataclass(frozen=True)
class Event:
    """What one line of a stream tells; bookmarks have no number, since they tell of no object."""

    number: int
    type: str
    resource: str
    namespace: str
    name: str
    version: str


WhichEvent = Callable[[Event], bool]
Trick = Literal["drop", "twice", "late"]


@dataclass
class _Rule:
    which: WhichEvent
    trick: Trick
    times: int | None


class _Stream:
    """From the server to one listener. Lines wait here while the stream is frozen."""

    def __init__(self, call: Call, frozen: bool) -> None:
        self.call = call
        self.frozen = frozen
        self.broken = False
        self.seen: list[bytes] = []
        self._lines: deque[bytes] = deque()
        self._late: list[bytes] = []
        self._wake = asyncio.Event()

    def put(self, line: bytes, trick: Trick | None = None) -> None:
        if trick == "late":
            self._late.append(line)
        elif trick != "drop":
            self._lines.extend([line, line] if trick == "twice" else [line])
            self._lines.extend(self._late)
            self._late.clear()
        self.wake()

    def finish(self, last_words: bytes = b"") -> None:
        self._lines.extend([*self._late, *filter(None, [last_words]), _END])
        self.wake()

    def wake(self) -> None:
        self._wake.set()

    async def deliver(self, request: web.Request, response: web.StreamResponse) -> None:
        while not self.broken:
            while self._lines and not self.frozen and not self.broken:
                line = self._lines.popleft()
                if line == _END:
                    return
                await response.write(line)
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), _LOOK_SECONDS)
            except TimeoutError:
                if request.transport is None:
                    return
        if request.transport is not None:
            request.transport.abort()


class Watches:
    """All streams of one proxy. Everything here runs in the proxy's own loop; tests use `WatchControl`."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._streams: set[_Stream] = set()
        self._rules: list[_Rule] = []
        self._frozen: Which | None = None

    async def carry(
        self, call: Call, request: web.Request, answer: ClientResponse, response: web.StreamResponse
    ) -> None:
        stream = _Stream(call, frozen=self._frozen is not None and self._frozen(call))
        self._streams.add(stream)
        reading = asyncio.create_task(self._read(stream, answer))
        try:
            await stream.deliver(request, response)
        finally:
            self._streams.discard(stream)
            reading.cancel()

    async def _read(self, stream: _Stream, answer: ClientResponse) -> None:
        rest = b""
        try:
            async for chunk in answer.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._arrived(stream, line + b"\n")
        finally:
            stream.finish()

    def _arrived(self, stream: _Stream, line: bytes) -> None:
        told = json.loads(line)
        if told["type"] in ("BOOKMARK", "ERROR"):
            stream.put(line)
            return
        metadata: dict[str, Any] = told["object"]["metadata"]
        names = (metadata.get("namespace", ""), metadata["name"], metadata["resourceVersion"])
        event = Event(len(self.events) + 1, told["type"], stream.call.resource, *names)
        self.events.append(event)
        stream.seen.append(line)
        stream.put(line, self._trick_for(event))

    def _trick_for(self, event: Event) -> Trick | None:
        for rule in self._rules:
            if rule.times != 0 and rule.which(event):
                rule.times = rule.times - 1 if rule.times is not None else None
                return rule.trick
        return None

    def add_rule(self, which: WhichEvent, trick: Trick, times: int | None) -> None:
        self._rules.append(_Rule(which, trick, times))

    def open(self, which: Which = every_call) -> list[_Stream]:
        return [stream for stream in self._streams if which(stream.call)]

    def freeze(self, which: Which) -> None:
        self._frozen = which
        for stream in self.open(which):
            stream.frozen = True

    def thaw(self) -> None:
        self._frozen = None
        for stream in self.open():
            stream.frozen = False
            stream.wake()

    def end(self, which: Which, last_words: bytes) -> None:
        for stream in self.open(which):
            stream.finish(last_words)

    def break_off(self, which: Which) -> None:
        for stream in self.open(which):
            stream.broken = True
            stream.wake()

    def replay(self, which: Which, seed: int) -> int:
        """How many events were told again."""
        count = 0
        for stream in self.open(which):
            again = list(stream.seen)
            random.Random(seed).shuffle(again)
            for line in again:
                stream.put(line)
            count += len(again)
        return count
