"""A request on its way to a backend, head and body in one write: aiohttp would start a task for each body."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, NamedTuple

from aiohttp import ClientRequest, ClientResponse, hdrs
from aiohttp.connector import Connection
from aiohttp.http_writer import StreamWriter
from yarl import URL

# A longer body goes out as fast as its reader takes it, who may have an answer before he has all of it.
_AT_ONCE = 64 << 10
# aiohttp writes what is larger in pieces.
_LARGE = 1 << 20


class Outgoing(NamedTuple):
    """In place of the data of a request, with all of its headers: what aiohttp would add is among them."""

    headers: Mapping[str, str]
    body: bytes


class Request(ClientRequest):
    _short: bytes | None = None

    def __init__(self, method: str, url: URL, *, headers: Any = None, data: Any = None, **given: Any) -> None:
        if isinstance(data, Outgoing):
            headers, data = data
            data = data if len(data) <= _LARGE else io.BytesIO(data)
        super().__init__(method, url, headers=headers, data=data, **given)

    def update_body_from_data(self, body: Any, _stacklevel: int = 3) -> None:
        if type(body) is bytes and len(body) <= _AT_ONCE:
            self._short = body
            self.headers[hdrs.CONTENT_LENGTH] = str(len(body))
        else:
            super().update_body_from_data(body, _stacklevel)

    async def send(self, conn: Connection) -> ClientResponse:
        protocol, body = conn.protocol, self._short
        assert protocol is not None
        if body is None:
            return await super().send(conn)
        writer = StreamWriter(protocol, self.loop)
        await writer.write_headers(f"{self.method} {self.url.raw_path_qs} HTTP/1.1", self.headers)
        await writer.write(body, drain=False)
        writer.set_eof()
        protocol.start_timeout()
        return self.response_class(
            self.method,
            self.original_url,
            writer=None,
            continue100=None,
            timer=self._timer,
            request_info=self.request_info,
            traces=[],
            loop=self.loop,
            session=self._session,
            stream_writer=writer,
        )
