"""One call on its way through the gateway: what is known of it once it is let in, and how it is answered.

The front makes it, the back carries it. What goes wrong before the answer has begun the back raises as ApiError, and
the front tells it; from the first byte on the back tells it itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from plimsoll.cost.record import Operation, Outcome, Record
from plimsoll.gateway.backends.dialect import Dialect
from plimsoll.gateway.reading import Body
from plimsoll.gateway.request import Request
from plimsoll.routing.document import Key, Model, Served

Header = tuple[bytes, bytes]
# Of calls without a key, where none is asked for.
NO_TEAM = "anonymous"


class Responder(Protocol):
    """The answer as the client gets it. What is written after the client went away is dropped without a word."""

    @property
    def started(self) -> bool: ...

    async def start(self, status: int, headers: Sequence[Header]) -> None:
        """Request id, model, revision, limits and what policy did go along by themselves. It is sent in chunks."""

    async def reply(self, status: int, body: bytes, headers: Sequence[Header]) -> None:
        """All of it at once; how long it is is told by itself."""

    async def send(self, data: bytes) -> None:
        """Waits while the client does not read."""

    def pass_on(self, data: bytes) -> bool:
        """The same at once; False where it has to wait, and then nothing is sent."""

    async def finish(self, data: bytes = b"") -> None:
        """The last bytes: whatever must be safe before the client has them is safe by now."""


class Hold(Protocol):
    """What the call holds of limits."""

    def settle(self, tokens: int) -> None:
        """What it took in truth, before its last byte. A second time changes nothing."""


class Call(Struct, kw_only=True, eq=False):
    id: str
    arrived: float  # when its head was read, in seconds of time.monotonic
    request: Request
    key: Key | None  # None where no keys are asked for
    model: Model
    served: Served
    dialect: Dialect
    # As the policy of the served revision has left it: what the backend gets.
    body: bytes
    hold: Hold
    responder: Responder
    # Done when the answer has to end before its time: CANCELLED, the client went away, or DRAINED, this gateway ends.
    stopped: asyncio.Future[Outcome]
    # Gives the room of the body back; only `forget_body` and the front call it.
    release: Callable[[], None]
    # Of its attempts, in order, each as soon as it is safe; the log and the metrics of the whole call read them.
    records: list[Record] = []
    # The error that the answer ended with after it had begun.
    error: str | None = None

    @property
    def operation(self) -> Operation:
        return self.request.operation

    @property
    def team(self) -> str:
        return team_of(self.key)

    @property
    def key_name(self) -> str:
        return "" if self.key is None else self.key.full_name

    def forget_body(self) -> None:
        """As soon as nobody will send it again: a stream may last for longer than the memory of its prompt should."""
        self.body = b""
        self.request = replace(self.request, body=Body(b"", {}))
        self.release()


def team_of(key: Key | None) -> str:
    return NO_TEAM if key is None else key.team


Carry = Callable[[Call], Awaitable[None]]
