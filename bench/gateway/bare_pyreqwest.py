"""The bare pass-through with another client, for answers in one piece."""

from __future__ import annotations

from typing import Any

import orjson
from pyreqwest.client import ClientBuilder

from bench.gateway.bare import Message, Receive, Send, body_of, reply, serve


class PassThrough:
    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._client: Any = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["method"] == "GET":
            await reply(send, 200, b"{}")
            return
        body = await body_of(receive)
        orjson.loads(body).get("stream", False)
        if self._client is None:
            self._client = ClientBuilder().http1_only().no_proxy().build()
        asked = self._client.post(self._upstream + scope["path"]).header("content-type", "application/json")
        answer = await asked.body_bytes(body).build().send()
        whole = bytes(await answer.bytes())
        orjson.loads(whole).get("usage")
        await reply(send, answer.status, whole)


if __name__ == "__main__":
    serve(PassThrough)
