"""The engine's HTTP side without a model: what the engine says is played by the test, and ASGI is called directly."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.runtime.constraints.errors import BadGrammar
from plimsoll.runtime.http.answers import Answer
from plimsoll.runtime.http.application import Application
from plimsoll.runtime.http.calls import Family, TaggedReader
from plimsoll.runtime.http.desk import Desk
from plimsoll.runtime.http.exchange import ABORT, HALF_CLOSED, Message
from plimsoll.runtime.http.intake import Intake
from plimsoll.runtime.http.journal import Journal
from plimsoll.runtime.http.ports import Loaded
from plimsoll.runtime.http.state import State
from plimsoll.runtime.requests import Constraint, Delta, Finish, Job, Usage
from plimsoll.runtime.settings import Mode, Settings
from plimsoll.runtime.statistics import Heartbeat
from plimsoll.runtime.templates.errors import TemplateError
from plimsoll.runtime.templates.messages import Declared
from plimsoll.runtime.waiting import Busy, Draining, WaitingRoom

CONTEXT = 128
_BOS = 1

# What the engine does with a job; it may send deltas at once, or keep the job for later.
Play = Callable[[Job], None]


class ByteModel:
    """One token for each byte, and one that begins every text."""

    n_vocab = 300
    context_per_slot = CONTEXT
    embedding_width = 4
    adds_bos = True
    bos_text = "<s>"

    def tokenize(self, text: str, *, special: bool, begin: bool) -> NDArray[np.int32]:
        return np.array([_BOS] * (begin and self.adds_bos) + [each + 3 for each in text.encode()], dtype=np.int32)

    def least_tokens(self, text: str) -> int:
        return len(text.encode()) - text.count(" ")

    def piece(self, token: int) -> bytes:
        return bytes([token - 3]) if 3 <= token < 259 else b""


class PlainRenderer:
    """Writes messages one below the other; whoever says "refuse me" is refused."""

    def __init__(self, *, tools: bool = False) -> None:
        self.declared = Declared(tools=tools)
        self.rendered: list[Mapping[str, Any]] = []

    async def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        extra: Mapping[str, Any] | None = None,
    ) -> str:
        self.rendered.append({"messages": messages, "tools": tools, "extra": extra})
        if any(message["content"] == "refuse me" for message in messages):
            raise TemplateError("the template refuses these messages", fix="Change them.")
        return "".join(f"{message['role'][0]}:{message['content']}" for message in messages)


class NamedConstraint:
    """Allows everything, and knows what it was made of."""

    finished = False

    def __init__(self, kind: str, of: Any) -> None:
        self.kind, self.of = kind, of

    def compute_mask(self) -> None:
        return None

    def accept(self, token: int) -> bool:
        return True


class NamedConstraints:
    async def json_object(self) -> Constraint:
        return NamedConstraint("json_object", None)

    async def json_schema(self, schema: Mapping[str, Any]) -> Constraint:
        return NamedConstraint("json_schema", schema)

    async def grammar(self, text: str) -> Constraint:
        if "::=" not in text:
            raise BadGrammar("the grammar has no rules", fix="Write one.")
        return NamedConstraint("grammar", text)

    async def tool_call(self, tools: Sequence[Mapping[str, Any]], name: str | None) -> Constraint:
        return NamedConstraint("tool_call", name)


class PlayedEngine:
    """Keeps every job, and does with it what the test says."""

    def __init__(self, play: Play, slots: int, seats: int) -> None:
        self.room = WaitingRoom(slots, seats, longest_wait=60.0)
        self.jobs: list[Job] = []
        self.play = play
        self.refusal: Busy | Draining | None = None

    def submit(self, job: Job) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.jobs.append(job)
        self.play(job)


def saying(*pieces: str, finish: Finish = Finish.STOP) -> Play:
    """Each piece is one step and one token."""

    def play(job: Job) -> None:
        for number, piece in enumerate(pieces):
            read = None if number else Usage(len(job.prompt), 2, 1)
            job.sink(Delta(piece, tokens=(number,), usage=read))
        job.sink(Delta(finish=finish, usage=Usage(len(job.prompt), 2, len(pieces))))

    return play


def hello(job: Job) -> None:
    saying("Hel", "lo")(job)


def silent(_job: Job) -> None:
    """Until the test sends something itself."""


@dataclass
class House:
    """One engine's HTTP side, and everything around it."""

    play: Play = hello
    settings: Settings = field(default_factory=lambda: Settings(Path("m.gguf"), "boat", parallel=2))
    seats: int = 2
    intake: Intake = field(default_factory=Intake)
    tools: bool = False
    now: float = 100.0
    answered: list[Answer] = field(default_factory=list)
    aborted: int = 0

    def __post_init__(self) -> None:
        names = map(str, itertools.count())
        self.engine = PlayedEngine(self.play, self.settings.parallel, self.seats)
        self.renderer = PlainRenderer(tools=self.tools)
        self.state = State(self.settings, started=1)
        self.loaded = Loaded(
            self.engine,
            ByteModel(),
            self.renderer,
            NamedConstraints() if self.settings.mode is Mode.GENERATE else None,
            Family(TaggedReader, ("</tool_call>",)) if self.tools else None,
        )
        self.beat = Heartbeat(self.now, working=False)
        self.state.ready(self.loaded, lambda: self.beat)
        desk = Desk(
            self.state,
            self.answered.append,
            lambda: (b"text/plain", b"metrics 1\n"),
            clock=lambda: self.now,
            wall=lambda: 7.0,
            new_id=lambda: next(names),
            intake=self.intake,
        )
        self.application = Application(desk, Journal(lambda: self.now))

    def ask(self, path: str, body: Any = None, **more: Any) -> Reply:
        """One call from beginning to end, by a client who stays until the answer is complete."""
        return asyncio.run(self.asking(path, body, **more))

    async def asking(self, path: str, body: Any = None, **more: Any) -> Reply:
        call = Call(self, path, body, **more)
        await call.task
        return call.reply


@dataclass
class Reply:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = False

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.json["error"]

    @property
    def events(self) -> list[Any]:
        """Of a stream; its last line has to say that it is the last."""
        *events, done, rest = self.body.decode().split("\n\n")
        assert (done, rest) == ("data: [DONE]", "")
        return [json.loads(event.removeprefix("data: ")) for event in events]


class Call:
    """A call that is still going on. Made within an event loop."""

    def __init__(
        self,
        house: House,
        path: str,
        body: Any = None,
        *,
        method: str | None = None,
        headers: Mapping[str, str] | None = None,
        send: Callable[[Message], Awaitable[None]] | None = None,
    ) -> None:
        self.reply = Reply()
        self._gone = asyncio.Event()
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        self._incoming = [{"type": "http.request", "body": raw, "more_body": False}]
        self._house = house
        self._extra_send = send
        self._half_closed: Callable[[], None] | None = None
        scope = {
            "type": "http",
            "method": method or ("GET" if body is None else "POST"),
            "path": path,
            "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
            "extensions": {ABORT: self._abort, HALF_CLOSED: self._when_half_closed},
        }
        self.task = asyncio.create_task(house.application(scope, self._receive, self._send))

    async def started(self) -> None:
        """Returns when the engine has its jobs and the client the first words, if there are any."""
        for _ in range(20):
            await asyncio.sleep(0)

    def leave(self) -> None:
        """The client is gone."""
        self._gone.set()

    @property
    def left(self) -> bool:
        return self._gone.is_set()

    def half_close(self) -> None:
        """The client says nothing more, and may still listen."""
        if self._half_closed is None:
            self.leave()
        else:
            self._half_closed()

    def _when_half_closed(self, then: Callable[[], None]) -> None:
        self._half_closed = then

    def _abort(self) -> None:
        self._house.aborted += 1
        self.leave()

    async def _receive(self) -> Message:
        if self._incoming:
            return self._incoming.pop(0)
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self._extra_send is not None:
            await self._extra_send(message)
        if message["type"] == "http.response.start":
            assert not self.reply.status, "answered twice"
            self.reply.status = message["status"]
            self.reply.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            assert not self.reply.complete, "said something after the end"
            self.reply.body += message["body"]
            self.reply.complete = not message.get("more_body", False)


def embedding_house(width: int = 4) -> House:
    """One that makes vectors, all of them the same."""

    def play(job: Job) -> None:
        vector = np.full(width, width**-0.5, dtype=np.float32)
        job.sink(Delta(finish=Finish.STOP, usage=Usage(len(job.prompt), 0, 0), embedding=vector))

    return House(play, Settings(Path("m.gguf"), "boat", mode=Mode.EMBED, parallel=2))
