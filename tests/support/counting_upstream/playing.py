"""One request, answered as its script says; whatever is counted is counted before it is sent."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import NoReturn

from tests.support.counting_upstream.asked import Asked
from tests.support.counting_upstream.counters import Counted, Counts, Held, Journal
from tests.support.counting_upstream.script import HEAD, TAIL, Script, Trouble
from tests.support.counting_upstream.shapes.shape import DONE, EVENTS, Shape, dumps, event
from tests.support.counting_upstream.wire import LAST_CHUNK, Caller, chunk, head_of

_JSON = "application/json"
# Nobody ever says `let` to it.
NEVER = "never"


class Broken(Exception):
    """The script has ended the answer before its end; the connection is of no more use."""


@dataclass(frozen=True)
class Stage:
    """What all requests of an upstream share."""

    journal: Journal
    signals: defaultdict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))


class Playing:
    def __init__(self, stage: Stage, caller: Caller, asked: Asked, script: Script, shape: Shape) -> None:
        self._stage = stage
        self._caller = caller
        self._asked = asked
        self._script = script
        self._shape = shape
        most = asked.most_tokens
        short = most is not None and most < len(script.words) + script.reasoning
        self._words = script.words[: max(0, (most or 0) - script.reasoning)] if short else script.words
        self._finish = "length" if short else "tool_calls" if script.call else "stop"
        self._counts = Counts()

    async def run(self) -> None:
        await self._reach(HEAD)
        if self._script.status != 200 or self._script.body is not None:
            await self._say_as_told()
        elif self._asked.path.endswith("/models"):
            await self._say(self._shape.models())
        elif self._asked.method == "GET":
            await self._say(b'{"status":"ready"}')
        elif self._asked.path.endswith("/embeddings"):
            self._count(Counts(prompt=self._script.prompt_tokens))
            await self._say(self._finished(self._shape.embeddings(self._counts)))
        elif self._asked.streamed:
            await self._stream()
        else:
            await self._whole()

    # Answers in one piece.

    async def _say_as_told(self) -> None:
        script = self._script
        made = dumps(self._shape.error(script.status, script.message))
        await self._say(made if script.body is None else script.body, script.status)

    async def _whole(self) -> None:
        answer = self._one_answer()
        self._count(_times(answer, self._asked.answers))
        if self._script.trouble is Trouble.ERROR:
            await self._say(dumps(self._shape.error(500, self._script.message)))
        else:
            await self._say(self._finished(self._shape.body(self._words, self._finish, self._counts)))

    def _one_answer(self) -> Counts:
        script = self._script
        end = self._shape.end_tokens if self._finish == "stop" else 0
        return Counts(
            prompt=script.prompt_tokens,
            cached=script.cached_tokens,
            completion=script.reasoning + len(self._words) + end,
            reasoning=script.reasoning,
        )

    def _finished(self, body: bytes) -> bytes:
        if self._script.usage != "never":
            return body
        return dumps({name: value for name, value in json.loads(body).items() if name != "usage"})

    async def _say(self, body: bytes, status: int = 200) -> None:
        kind = self._script.content_type or _JSON
        headers = [*self._shape.headers(kind), ("content-length", str(len(body))), *self._script.headers]
        head = head_of(status, headers)
        trouble = self._script.trouble
        if trouble is None or trouble in (Trouble.ERROR, Trouble.NO_DONE):
            self._put(head + body)
        elif trouble in (Trouble.EARLY_END, Trouble.BROKEN_JSON):
            half = body[: len(body) // 2]
            self._put(head_of(status, [*self._shape.headers(kind), ("content-length", str(len(half)))]) + half)
        elif trouble is Trouble.NOT_TEXT:
            # As long as before, so that nothing else is wrong.
            middle = len(body) // 2
            self._put(head + body[:middle] + b"\xff" + body[middle + 1 :])
        else:
            self._put(head + body[: len(body) // 2])
            await self._break()
        await self._caller.flush()

    # Streams.

    async def _stream(self) -> None:
        script, answers = self._script, range(self._asked.answers)
        headers = [*self._shape.headers(script.content_type or EVENTS), ("transfer-encoding", "chunked")]
        self._put(head_of(200, [*headers, *script.headers]))
        for at, _ in enumerate(self._words):
            await self._reach(at)
            if at == 0:
                await self._open()
            for index in answers:
                self._count(Counts(completion=1))
                await self._send(self._shape.word(index, at, self._so_far(at + 1)))
            if script.pace:
                await asyncio.sleep(script.pace)
        await self._reach(len(self._words))
        if not self._words:
            await self._open()
        await self._close()

    async def _open(self) -> None:
        script, answers = self._script, self._asked.answers
        thought = script.reasoning * answers
        counts = Counts(cached=script.cached_tokens, completion=thought, reasoning=thought)
        self._count(counts + Counts(prompt=script.prompt_tokens))
        for index in range(answers):
            await self._send(self._shape.opening(index, self._so_far(0)))

    async def _close(self) -> None:
        script = self._script
        end = self._shape.end_tokens if self._finish == "stop" else 0
        for index in range(self._asked.answers):
            self._count(Counts(completion=end))
            await self._send(self._shape.closing(index, self._finish, self._so_far(len(self._words) + end)))
        if script.usage == "always" or (script.usage == "asked" and self._asked.wants_usage):
            await self._send(self._shape.usage_event(self._counts))
        if script.trouble is not Trouble.NO_DONE:
            await self._send(DONE)
        await self._reach(TAIL)
        self._put(LAST_CHUNK)
        await self._caller.flush()

    def _so_far(self, words: int) -> Counts:
        """Of one answer, when it has said so many tokens after its thoughts."""
        script = self._script
        return Counts(
            prompt=script.prompt_tokens,
            cached=script.cached_tokens,
            completion=script.reasoning + words,
            reasoning=script.reasoning,
        )

    async def _send(self, data: bytes) -> None:
        if not data:
            return
        if self._script.comments:
            data = b": still here\n\n" + data
        if self._script.crlf:
            data = data.replace(b"\n", b"\r\n")
        data = chunk(data)
        size = self._script.slices or len(data)
        for start in range(0, len(data), size):
            self._put(data[start : start + size])
            await self._caller.flush()

    # What a script can do at every point.

    async def _reach(self, at: int) -> None:
        signal = self._script.holds.get(at)
        if signal is not None:
            self._stage.journal.write(Held(self._asked.number, signal))
            await self._stage.signals[signal].wait()
        if self._script.trouble is not None and at == self._script.at:
            await self._meet(self._script.trouble)

    async def _meet(self, trouble: Trouble) -> None:
        if trouble is Trouble.NOT_HTTP:
            self._put(b"\x16\x03\x01\x00\xa5 this is no HTTP\r\n\r\n")
            raise Broken
        if trouble is Trouble.BROKEN_JSON:
            await self._send(b'data: {"id":"half of it","choices":[{"index":0,"del\n\n')
        elif trouble is Trouble.NOT_TEXT:
            await self._send(b'data: {"id":"x","choices":[{"index":0,"delta":{"content":"\xff\xfe"}}]}\n\n')
        elif trouble is Trouble.ERROR:
            await self._send(event(self._shape.error(500, self._script.message)))
            if self._shape.done_after_error:
                await self._send(DONE)
            await self._end_early()
        elif trouble is Trouble.EARLY_END:
            await self._end_early()
        elif trouble is not Trouble.NO_DONE:
            await self._break()

    async def _end_early(self) -> NoReturn:
        self._put(LAST_CHUNK)
        await self._caller.flush()
        raise Broken

    async def _break(self) -> NoReturn:
        await self._caller.flush()
        trouble = self._script.trouble
        if trouble is Trouble.RESET:
            self._caller.reset()
        elif trouble is Trouble.HALF_CLOSE:
            self._caller.half_close()
        if trouble in (Trouble.STALL, Trouble.HALF_CLOSE):
            await self._stage.signals[NEVER].wait()
        raise Broken

    def _put(self, data: bytes) -> None:
        self._caller.put(data)

    def _count(self, more: Counts) -> None:
        """Nothing is counted that nobody can be sent any more."""
        if self._caller.leaving:
            return
        self._counts += more
        self._stage.journal.write(Counted(self._asked.number, self._counts))


def _times(one: Counts, answers: int) -> Counts:
    """Several answers read the prompt once."""
    return Counts(
        prompt=one.prompt,
        cached=one.cached,
        completion=one.completion * answers,
        reasoning=one.reasoning * answers,
    )
