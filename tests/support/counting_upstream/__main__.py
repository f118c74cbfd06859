"""The process: listens on loopback, is told by lines on its standard input what to do, and ends when that does.

It says one line with its port, then one `ok` for every line that it was told.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import msgspec

from tests.support.counting_upstream.asked import Asked
from tests.support.counting_upstream.counters import Begun, Ended, Ending, Journal
from tests.support.counting_upstream.orders import Let, Order, Tell
from tests.support.counting_upstream.playing import Broken, Playing, Stage
from tests.support.counting_upstream.script import Script
from tests.support.counting_upstream.shapes import SHAPES
from tests.support.counting_upstream.wire import Caller, Gone, listen, read_request


class Upstream:
    def __init__(self, shape: str, journal: Path) -> None:
        self._shape = SHAPES[shape]
        self._stage = Stage(Journal(journal))
        self._scripts: dict[str, list[Script]] = {"": [Script()]}
        self._number = 0
        self._server: asyncio.Server | None = None
        self.port = 0

    async def open(self) -> None:
        self._server = await listen(self._serve, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def obey(self, order: Order) -> None:
        if isinstance(order, Tell):
            self._scripts[order.case] = list(order.scripts)
        elif isinstance(order, Let):
            self._stage.signals[order.signal].set()
        elif order.open and self._server is None:
            await self.open()
        elif not order.open and self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, caller: Caller) -> None:
        while (request := await read_request(caller.ears)) is not None:
            self._number += 1
            asked = Asked(self._number, *request)
            how = await self._answer(caller, asked)
            self._stage.journal.write(Ended(asked.number, time.monotonic(), how))
            if how != "whole" or not asked.keeps_connection:
                return

    async def _answer(self, caller: Caller, asked: Asked) -> Ending:
        begun = Begun(
            asked.number, time.monotonic(), asked.case, asked.method, asked.path, tuple(asked.headers), asked.body
        )
        self._stage.journal.write(begun)
        script = self._script_for(asked.case)
        shape = self._shape(asked, script, int(time.time()))
        playing = asyncio.create_task(Playing(self._stage, caller, asked, script, shape).run())
        gone = asyncio.create_task(caller.ears.gone.wait())
        await asyncio.wait({playing, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        playing.cancel()
        try:
            await playing
        except Broken:
            return "broken"
        except (asyncio.CancelledError, Gone, ConnectionError):
            return "gone"
        return "whole"

    def _script_for(self, case: str) -> Script:
        scripts = self._scripts.get(case) or self._scripts[""]
        return scripts.pop(0) if len(scripts) > 1 else scripts[0]


async def run(shape: str, journal: Path) -> None:
    upstream = Upstream(shape, journal)
    await upstream.open()
    orders = asyncio.StreamReader(limit=1 << 26)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    print(upstream.port, flush=True)
    while line := await orders.readline():
        await upstream.obey(msgspec.json.decode(line, type=Order))
        print("ok", flush=True)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], Path(sys.argv[2])))
