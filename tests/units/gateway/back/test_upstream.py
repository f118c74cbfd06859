"""What had come is not lost with its connection, and answers that are read on for the count alone have a bound."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from aiohttp import ClientPayloadError, StreamReader
from aiohttp.base_protocol import BaseProtocol

from plimsoll.gateway.upstream import Drains, rest_of


def test_what_had_come_when_a_connection_broke_is_still_read() -> None:
    async def broken() -> bytes:
        loop = asyncio.get_running_loop()
        content = StreamReader(cast(Any, BaseProtocol(loop)), 1 << 16, loop=loop)
        content.feed_data(b"data: 1\n\n")
        content.feed_data(b"data: 2\n\n")
        content.set_exception(ClientPayloadError("it broke"))
        return rest_of(cast(Any, SimpleNamespace(content=content)))

    assert asyncio.run(broken()) == b"data: 1\n\ndata: 2\n\n"


def test_only_so_many_answers_are_read_on_for_nobody() -> None:
    drains = Drains(2)
    assert [drains.begin() for _ in range(3)] == [True, True, False]
    drains.end()
    assert drains.begin()
