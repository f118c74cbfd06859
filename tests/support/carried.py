"""The back of the gateway without its front: calls made by hand, and answers kept as they were sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from plimsoll.cost.record import Operation, Outcome, Record
from plimsoll.gateway.backends import BACKENDS
from plimsoll.gateway.call import Call, Header
from plimsoll.gateway.calling import Carrier
from plimsoll.gateway.errors import ApiError
from plimsoll.gateway.metrics import Metrics
from plimsoll.gateway.policy.shaping import shaped
from plimsoll.gateway.reading import read
from plimsoll.gateway.request import request_of
from plimsoll.gateway.settings import OnRecordsFailure
from plimsoll.ledger.trouble import JournalFull
from plimsoll.routing.document import Served
from plimsoll.weights.addresses import networks
from tests.support import routing_documents
from tests.support.counting_upstream.asked import marked


@dataclass
class Answer:
    """A Responder whose client reads at once, unless `reads` is cleared."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)
    finished: bool = False
    reads: asyncio.Event = field(default_factory=asyncio.Event)
    # How many records there were when the last byte came.
    recorded: int | None = None
    # Of what was to go on at once: what did, and how often it had to wait.
    passed: list[bytes] = field(default_factory=list)
    waits: int = 0
    written: list[Record] = field(default_factory=list)

    @property
    def started(self) -> bool:
        return self.status != 0

    async def start(self, status: int, headers: Sequence[Header]) -> None:
        assert not self.started
        self.status = status
        self.headers = dict(headers)

    async def reply(self, status: int, body: bytes, headers: Sequence[Header]) -> None:
        await self.start(status, headers)
        await self.finish(body)

    async def send(self, data: bytes) -> None:
        assert self.started
        assert not self.finished
        await self.reads.wait()
        self.parts.append(data)

    def pass_on(self, data: bytes) -> bool:
        assert self.started
        assert not self.finished
        if not self.reads.is_set():
            self.waits += 1
            return False
        self.parts.append(data)
        self.passed.append(data)
        return True

    async def finish(self, data: bytes = b"") -> None:
        self.recorded = len(self.written)
        self.parts.append(data)
        self.finished = True

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)

    @property
    def events(self) -> list[Any]:
        data = [each.removeprefix(b"data: ") for each in self.body.split(b"\n\n") if each.startswith(b"data: ")]
        return [each.decode() if each == b"[DONE]" else orjson.loads(each) for each in data]

    @property
    def words(self) -> list[str]:
        choices = [each["choices"][0] for each in self.events if isinstance(each, dict) and each.get("choices")]
        return [text for each in choices if (text := each["delta"].get("content"))]

    @property
    def text(self) -> str:
        return "".join(self.words)


@dataclass
class Hold:
    settled: list[int] = field(default_factory=list)

    def settle(self, tokens: int) -> None:
        self.settled.append(tokens)


@dataclass
class Paper:
    """A Writer that keeps its records, or fails as the test says."""

    records: list[Record] = field(default_factory=list)
    full: bool = False
    torn: bool = False

    def require_room(self) -> None:
        if self.full:
            raise JournalFull("no room", fix="make some")

    def write(self, record: Record) -> None:
        if self.torn:
            raise JournalFull("no room", fix="make some")
        self.records.append(record)


@dataclass
class Carried:
    call: Call
    answer: Answer
    hold: Hold
    error: ApiError | None = None

    @property
    def records(self) -> list[Record]:
        return self.call.records

    @property
    def record(self) -> Record:
        (found,) = self.call.records
        return found


class Back:
    def __init__(self, paper: Paper, on_failure: OnRecordsFailure, provider_networks: tuple[str, ...]) -> None:
        self.paper = paper
        self.metrics = Metrics(lambda: None)
        self.carrier = Carrier(paper, self.metrics, on_failure, provider_networks=networks(provider_networks))
        self._number = 0

    def made(self, served: Served, case: str, operation: Operation = "chat", **fields: Any) -> Carried:
        self._number += 1
        subjects: dict[str, dict[str, Any]] = {
            "chat": {"messages": [{"role": "user", "content": marked(case)}]},
            "completion": {"prompt": marked(case)},
            "embedding": {"input": marked(case)},
        }
        request = request_of(operation, read(orjson.dumps({"model": "chat", **subjects[operation], **fields})))
        dialect = BACKENDS[served.backend]
        answer, hold = Answer(written=self.paper.records), Hold()
        answer.reads.set()
        call = Call(
            id=f"req_{self._number}",
            arrived=0.0,
            request=request,
            key=routing_documents.key(),
            model=routing_documents.model(state=served),
            served=served,
            dialect=dialect,
            body=shaped(request, served, dialect).body,
            hold=hold,
            responder=answer,
            stopped=asyncio.get_running_loop().create_future(),
            release=lambda: None,
        )
        return Carried(call, answer, hold)

    async def carry(self, carried: Carried) -> Carried:
        try:
            await self.carrier.carry(carried.call)
        except ApiError as error:
            carried.error = error
        return carried

    async def ask(self, served: Served, case: str = "", operation: Operation = "chat", **fields: Any) -> Carried:
        return await self.carry(self.made(served, case, operation, **fields))

    async def leave(self, carried: Carried, words: int, then: Callable[[], None]) -> Carried:
        """The client goes away when so many words have come; `then` something happens at its backend."""
        task = asyncio.create_task(self.carry(carried))
        while len(carried.answer.words) < words:
            assert not task.done(), carried
            await asyncio.sleep(0.001)
        carried.call.stopped.set_result(Outcome.CANCELLED)
        await asyncio.sleep(0)
        then()
        return await task


@asynccontextmanager
async def back(
    paper: Paper | None = None,
    on_failure: OnRecordsFailure = OnRecordsFailure.REFUSE,
    # Providers of tests are the next process.
    provider_networks: tuple[str, ...] = ("127.0.0.0/8",),
) -> AsyncIterator[Back]:
    made = Back(paper or Paper(), on_failure, provider_networks)
    try:
        yield made
    finally:
        await made.carrier.close()
