"""A caller with the stock client, as applications have it; judged like the others, by what the client lets through."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import openai
from openai import AsyncOpenAI

from tests.support.traffic.heard import Heard
from tests.support.traffic.question import CHAT, Question

_PATIENCE = 60.0


async def ask(base: str, questions: Sequence[Question]) -> list[Heard]:
    """All at the same time, each with its own key."""
    return list(await asyncio.gather(*(_ask(base, each) for each in questions)))


async def _ask(base: str, question: Question) -> Heard:
    heard = Heard(streamed=question.body.get("stream") is True, done=None)
    clock = asyncio.get_running_loop().time
    heard.asked = heard.planned = clock()
    async with AsyncOpenAI(base_url=base, api_key=question.key, max_retries=0, timeout=_PATIENCE) as client:
        try:
            await _call(client, question, heard)
            heard.whole = not heard.left
        except openai.APIStatusError as error:
            heard.status, heard.streamed, heard.whole = error.status_code, False, True
            heard.headers = dict(error.response.headers)
            heard.error = _error_in(error.response)
        except openai.APIConnectionError as error:
            heard.trouble = f"the connection broke: {error.__cause__!r}"
        except openai.APIError as error:
            heard.error = error.body
        except Exception as error:  # noqa: BLE001 - the client does not wrap what it cannot read
            heard.trouble = f"no answer that the client can read: {error!r}"
    heard.ended = clock()
    return heard


async def _call(client: AsyncOpenAI, question: Question, heard: Heard) -> None:
    clock = asyncio.get_running_loop().time
    paths: Any = client.chat.completions if question.path == CHAT else client.completions
    raw = await paths.with_raw_response.create(**question.body, extra_headers=dict(question.headers))
    heard.status, heard.headers = raw.status_code, dict(raw.headers)
    answer = raw.parse()
    if not heard.streamed:
        heard.take(answer.model_dump(), clock())
        return
    async for event in answer:
        heard.take(event.model_dump(), clock())
        if question.leave_after is not None and heard.words >= question.leave_after:
            heard.left = True
            await answer.close()
            return


def _error_in(response: Any) -> Any:
    try:
        return response.json().get("error")
    except (ValueError, AttributeError):
        return None
