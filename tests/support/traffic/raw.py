"""A caller of plain sockets: sees every byte, reads when it likes, and goes away at any word, politely or not."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from dataclasses import dataclass, field

from tests.support.traffic.heard import Heard, Hearing
from tests.support.traffic.question import Question

_CHUNK = 1 << 16
_PATIENCE = 60.0
_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Call:
    """One request that was sent, and its answer as far as anybody listens; who does not listen reads slowly."""

    def __init__(self, connection: _Connection, planned: float | None, patience: float) -> None:
        self.connection = connection
        self.heard = Heard()
        self._hearing = Hearing(self.heard)
        self._patience = patience
        self.heard.asked = self._now()
        self.heard.planned = self.heard.asked if planned is None else planned

    async def hear(self, words: int | None = None) -> Heard:
        """Until so many words have come in all, or else until the answer is over."""
        reader, heard = self.connection[0], self.heard
        try:
            async with asyncio.timeout(self._patience):
                while not self._hearing.over and (words is None or heard.words < words):
                    data = await reader.read(_CHUNK)
                    if not data:
                        break
                    self._hearing.feed(data, self._now())
        except TimeoutError:
            heard.trouble = heard.trouble or f"hung for {self._patience:g} s"
        except OSError as error:
            heard.trouble = heard.trouble or f"the connection broke: {type(error).__name__}"
        heard.ended = self._now()
        return heard

    def leave(self, *, rudely: bool = False) -> None:
        """With a goodbye, or as a process that has died on a machine that has lost its power."""
        writer = self.connection[1]
        self.heard.left = True
        if rudely:
            found: socket.socket = writer.get_extra_info("socket")
            # Without lingering, closing is a reset.
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        else:
            writer.close()

    @property
    def usable(self) -> bool:
        """Whether the connection can carry another call."""
        return self.heard.whole and not self.heard.left and self.heard.headers.get("connection", "") != "close"

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


@dataclass
class Callers:
    """Connections to one address, used again while both sides like to."""

    host: str
    port: int
    patience: float = _PATIENCE
    idle: deque[_Connection] = field(default_factory=deque)

    async def ask(self, question: Question, planned: float | None = None) -> Heard:
        """The whole answer, or as much of it as the question wants."""
        try:
            call = await self.begin(question, planned)
        except OSError as error:
            return self._unheard(planned, error)
        heard = await call.hear(question.leave_after)
        if question.leave_after is not None:
            call.leave(rudely=question.rudely)
        self.end(call)
        return heard

    async def begin(self, question: Question, planned: float | None = None) -> Call:
        call = Call(await self._connection(), planned, self.patience)
        writer = call.connection[1]
        writer.write(question.bytes_for(f"{self.host}:{self.port}"))
        await writer.drain()
        return call

    def end(self, call: Call) -> None:
        if call.usable:
            self.idle.append(call.connection)
        else:
            call.connection[1].close()

    def close(self) -> None:
        while self.idle:
            self.idle.pop()[1].close()

    async def _connection(self) -> _Connection:
        while self.idle:
            reader, writer = self.idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self.host, self.port)

    @staticmethod
    def _unheard(planned: float | None, error: OSError) -> Heard:
        now = asyncio.get_running_loop().time()
        heard = Heard(planned=now if planned is None else planned, asked=now, ended=now)
        heard.trouble = f"the connection broke: {type(error).__name__}"
        return heard
