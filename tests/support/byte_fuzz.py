"""Bytes by the thousand to a gateway: whole requests over connections that stay, or heads that nobody can trust."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import httptools

from tests.support.damaged_bodies import BODIES, damaged
from tests.support.gateways import KEY

CLOSED = 0  # in place of a status: the connection ended without an answer
_PATIENCE = 60.0
_CONNECTIONS = 8
_PATHS = {b'"messages"': "/v1/chat/completions", b'"prompt"': "/v1/completions", b'"input"': "/v1/embeddings"}
_PIECES = (b"\r\n", b"\n", b"\r", b"\x00", b":", b" ", b"\t", b"\xff", b"\x80", b"%", b"%2f..", b"?", b"#", b",", b"-1")
_LINES = (
    b"content-length: 5\r\n",
    b"content-length: 99999999999999999999\r\n",
    b"content-length: -1\r\n",
    b"content-length: 0x10\r\n",
    b"transfer-encoding: chunked\r\n",
    b"transfer-encoding: chunked, identity\r\n",
    b"expect: 100-continue\r\n",
    b"connection: upgrade\r\nupgrade: websocket\r\n",
    b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AA\r\n",
    b"content-encoding: gzip\r\n",
    b"content-type: text/plain; charset=\xff\r\n",
    b"authorization: Bearer\r\n",
    b"authorization: Basic AAAA\r\n",
    b"x-request-id: " + b"a" * 9000 + b"\r\n",
    b"x: " + b"b" * 70_000 + b"\r\n",
    b"cookie: " + b"\x80" * 200 + b"\r\n",
    b" folded: line\r\n",
    b": nameless\r\n",
)


@dataclass
class _Answer:
    """What httptools calls for one answer."""

    status: int = CLOSED
    over: bool = False
    parser: httptools.HttpResponseParser = field(init=False)

    def __post_init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)

    def on_headers_complete(self) -> None:
        self.status = self.parser.get_status_code()

    def on_message_complete(self) -> None:
        # Of 100 Continue something else follows.
        self.over = self.status >= 200


def post(path: str, body: bytes, more: bytes = b"") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n"
    return head.encode() + more + b"content-length: %d\r\n\r\n" % len(body) + body


def requests_with_damaged_bodies(seed: int, count: int) -> Iterator[bytes]:
    for raw in damaged(seed, count):
        yield post(next((path for mark, path in _PATHS.items() if mark in raw), "/v1/completions"), raw)


def requests_with_damaged_heads(seed: int, count: int) -> Iterator[bytes]:
    rng = random.Random(seed)
    for _ in range(count):
        whole = post("/v1/chat/completions", rng.choice(BODIES), b"connection: close\r\n")
        head, _, body = whole.partition(b"\r\n\r\n")
        raw = bytearray(head + b"\r\n")
        for _ in range(rng.randint(1, 3)):
            _damage(raw, rng)
        yield bytes(raw) + b"\r\n" + body


def _damage(raw: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(raw))
    match rng.randrange(5):
        case 0:
            raw[at:at] = rng.choice(_PIECES)
        case 1:
            del raw[at : at + rng.randint(1, 30)]
        case 2:
            raw[at] = rng.randrange(256)
        case 3:
            raw[at:at] = raw[at : at + rng.randint(1, 60)]
        case _:
            # A line of its own.
            begin = raw.find(b"\n", at) + 1
            raw[begin:begin] = rng.choice(_LINES)
    if not raw:
        raw += b"G"


async def statuses(port: int, requests: Iterable[bytes], connections: int = _CONNECTIONS) -> Counter[int]:
    """Of the answers to all of them, over so many connections, each used as long as it lasts."""
    told: Counter[int] = Counter()
    waiting = iter(requests)

    async def send_all() -> None:
        async with asyncio.timeout(None) as patience:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for request in waiting:
                patience.reschedule(asyncio.get_running_loop().time() + _PATIENCE)
                answer = await _ask(reader, writer, request)
                told[answer.status] += 1
                if not answer.over or not answer.parser.should_keep_alive():
                    writer.close()
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(send_all())
    return told


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> _Answer:
    answer = _Answer()
    try:
        writer.write(request)
        await writer.drain()
        while not answer.over and (data := await reader.read(1 << 16)):
            answer.parser.feed_data(data)
    except ConnectionError:
        # It has been refused before all of it was sent.
        pass
    return answer
