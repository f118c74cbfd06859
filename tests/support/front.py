"""The front of a gateway without a port: requests go in as ASGI, and the test plays connection, client and back."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from plimsoll.gateway.admission import Admission
from plimsoll.gateway.application import Application
from plimsoll.gateway.call import Call
from plimsoll.gateway.desk import Desk
from plimsoll.gateway.exchange import Message, Receive, Send
from plimsoll.gateway.intake import Intake
from plimsoll.gateway.metrics import Metrics
from plimsoll.gateway.protocol import CONNECTION
from plimsoll.gateway.settings import Auth
from plimsoll.gateway.state import State, routes_of
from plimsoll.gateway.waiting import WaitingRoom
from plimsoll.ledger.memory_holds import MemoryHolds
from plimsoll.routing.document import Document
from tests.support.operator_process import sum_of

Back = Callable[[Call], Awaitable[None]]
KEY = "plm_abcdef" + "k" * 43
CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
ASKED: Mapping[str, Any] = {"model": "chat", "messages": [{"role": "user", "content": "Ahoy"}]}


class Wire:
    """A connection that does nothing by itself."""

    def __init__(self) -> None:
        self.late = False
        self.left: Callable[[], None] | None = None
        self.aborted = False

    def listen(self) -> None:
        """Nothing is read here."""

    def abort(self) -> None:
        self.aborted = True


@dataclass
class Answered:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: bool = False
    aborted: bool = False

    @property
    def said(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.said["error"]["code"])


async def plain(call: Call) -> None:
    """A back that answers at once."""
    await call.responder.start(200, [(b"content-length", b"2")])
    await call.responder.finish(b"{}")


class Front:
    """In a running loop. `wall` is seconds since 1970."""

    def __init__(
        self,
        document: Document | None,
        back: Back = plain,
        auth: Auth = Auth.REQUIRED,
        body_bytes: int = 64 << 20,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self.wall = 1_800_000_000.0
        self.auth = auth
        self.state = State()
        self.metrics = Metrics(lambda: None)
        self.holds = MemoryHolds()
        self.lines: list[dict[str, Any]] = []

        def clock() -> int:
            return round(loop.time() * 1_000_000_000)

        room = WaitingRoom(self.holds, clock, 90)
        self.intake = Intake(body_bytes)
        desk = Desk(
            auth=auth,
            body_seconds=30,
            state=self.state,
            intake=self.intake,
            admission=Admission(room, clock, self.metrics),
            carry=back,
            metrics=self.metrics,
            log=lambda line, _now: self.lines.append(msgspec.to_builtins(line)),
            new_id=lambda: f"req_{next(self._numbers)}",
            clock=loop.time,
            wall=lambda: self.wall,
        )
        self._application = Application(desk)
        if document is not None:
            self.route(document)

    def route(self, document: Document) -> None:
        self.state.serve_by(routes_of(document, self.auth))

    async def ask(
        self,
        path: str = CHAT,
        body: Any = ASKED,
        headers: Mapping[str, str] = JSON,
        method: str = "POST",
        wire: Wire | None = None,
    ) -> Answered:
        """`body` as JSON, as bytes, or as a list of bytes that come one after the other; None never comes."""
        answered, wire = Answered(), wire or Wire()
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "extensions": {CONNECTION: wire},
        }
        await self._application(scope, _receiver(body, wire), _sender(answered))
        answered.aborted = wire.aborted
        return answered

    async def get(self, path: str, headers: Mapping[str, str] = JSON) -> Answered:
        return await self.ask(path, b"", headers, "GET")

    def metric(self, name: str, **labels: str) -> float:
        return sum_of(self.metrics.exposition()[1].decode(), name, labels)


def _receiver(body: Any, wire: Wire) -> Receive:
    if not isinstance(body, list):
        body = [body if isinstance(body, bytes) else json.dumps(body).encode()]
    parts = iter(body)
    left = len(body)

    async def receive() -> Message:
        nonlocal left
        part = next(parts)
        left -= 1
        if part is None:
            wire.late = True
            return {"type": "http.request", "body": b"", "more_body": True}
        if part is ConnectionResetError:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": part, "more_body": left > 0}

    return receive


def _sender(answered: Answered) -> Send:
    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            assert not answered.status, "an answer begins once"
            answered.status = message["status"]
            answered.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            assert not answered.ended, "nothing comes after the end"
            answered.body += message["body"]
            answered.ended = not message.get("more_body", False)

    return send
