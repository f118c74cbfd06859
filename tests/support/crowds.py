"""Many clients of one engine at the same time, each a stream of the stock library."""

from __future__ import annotations

import asyncio
import http.client
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from openai import AsyncOpenAI

_PATIENCE = 300.0
_PROMPT = "the ship is in the harbour"


@dataclass
class Heard:
    """What one client got."""

    chunks: int = 0
    finish: str = ""
    tokens: int = 0
    error: str = ""


@dataclass(frozen=True)
class Question:
    base: str
    model: str
    max_tokens: int

    def client(self) -> AsyncOpenAI:
        return AsyncOpenAI(base_url=f"{self.base}/v1", api_key="none", max_retries=0, timeout=_PATIENCE)


@dataclass
class Tally:
    answered: int = 0
    errors: list[str] = field(default_factory=list)


@contextmanager
def streaming(question: Question, count: int) -> Iterator[list[Heard]]:
    """So many streams, begun together; at the end of the block each of them has had its end."""
    heard = [Heard() for _ in range(count)]

    async def all_of_them() -> None:
        async with question.client() as client:
            await asyncio.gather(*(_listen(client, question, each) for each in heard))

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(asyncio.run, all_of_them())
        yield heard
        done.result()


async def _listen(client: AsyncOpenAI, question: Question, heard: Heard) -> None:
    try:
        stream = await client.completions.create(
            model=question.model,
            prompt=_PROMPT,
            max_tokens=question.max_tokens,
            temperature=0,  # a random model that takes the likeliest token never ends by itself
            stream=True,
            stream_options={"include_usage": True},
        )
        async for chunk in stream:
            heard.chunks += 1
            if chunk.usage is not None:
                heard.tokens = chunk.usage.completion_tokens
            for choice in chunk.choices:
                if choice.finish_reason:
                    heard.finish = choice.finish_reason
    except Exception as error:  # noqa: BLE001  the client does not wrap what breaks in the middle of a stream
        heard.error = repr(error)


def asking(question: Question, clients: int, seconds: float) -> Tally:
    """So many clients that ask again as soon as they are answered, until the time is over."""
    tally, end = Tally(), time.monotonic() + seconds

    async def one(client: AsyncOpenAI) -> None:
        while time.monotonic() < end:
            heard = Heard()
            await _listen(client, question, heard)
            if heard.error or heard.tokens != question.max_tokens:
                tally.errors.append(heard.error or f"{heard.tokens} tokens")
            else:
                tally.answered += 1

    async def all_of_them() -> None:
        async with question.client() as client:
            await asyncio.gather(*(one(client) for _ in range(clients)))

    asyncio.run(all_of_them())
    return tally


def status(base: str, path: str, seconds: float = 5) -> int:
    """0 where nobody answers in time, by default in that of a probe."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
