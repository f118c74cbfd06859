"""LangChain's client for OpenAI, through a real gateway, before every shape of backend."""

from __future__ import annotations

import asyncio
import functools
import json
import operator
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings
from pydantic import SecretStr

from tests.support.counting_upstream.asked import marked
from tests.support.counting_upstream.script import WORDS, Script, Trouble
from tests.support.counting_upstream.shapes.shape import VECTOR
from tests.support.gateways import KEY
from tests.support.scenes import Scene

TEXT = "".join(WORDS)
ARGUMENTS = ('{"city"', ': "Bu', 'san"}')


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"clear in {city}"


class Clients:
    """Their connections are ours, because the library would keep its own for ever."""

    def __init__(self, scene: Scene, http: Any, http_async: Any = None) -> None:
        self._usual: dict[str, Any] = {
            "base_url": scene.gateway.base,
            "max_retries": 0,
            "http_client": http,
            "http_async_client": http_async,
        }

    def chat(self, model: str = "chat", key: str = KEY) -> ChatOpenAI:
        return ChatOpenAI(model=model, api_key=SecretStr(key), stream_usage=True, **self._usual)

    def text(self) -> OpenAI:
        return OpenAI(model="chat", api_key=SecretStr(KEY), **self._usual)

    def vectors(self) -> OpenAIEmbeddings:
        # Else it cuts texts into the tokens of OpenAI's own models, for which it needs the network.
        return OpenAIEmbeddings(model="chat", api_key=SecretStr(KEY), check_embedding_ctx_length=False, **self._usual)


@pytest.fixture
def clients(scene: Scene) -> Iterator[Clients]:
    with openai.DefaultHttpxClient() as http:
        yield Clients(scene, http)


def put_together(chunks: Iterator[Any]) -> Any:
    return functools.reduce(operator.add, chunks)


def test_it_is_answered_and_reads_what_was_counted(scene: Scene, clients: Clients) -> None:
    answer = clients.chat().invoke(f"Ahoy {marked('lc')}")
    assert answer.text == TEXT
    told = scene.upstream.total("lc")
    assert answer.usage_metadata is not None
    assert (answer.usage_metadata["input_tokens"], answer.usage_metadata["output_tokens"]) == (
        told.prompt,
        told.completion,
    )


def test_a_stream_is_put_together_and_has_its_usage(scene: Scene, clients: Clients) -> None:
    first = put_together(clients.chat().stream(f"Ahoy {marked('lcs')}"))
    assert first.text == TEXT
    told = scene.upstream.total("lcs")
    assert first.usage_metadata is not None
    assert first.usage_metadata["total_tokens"] == told.prompt + told.completion


def test_it_asks_without_waiting(scene: Scene) -> None:
    async def ask() -> tuple[str, str, list[float]]:
        async with openai.DefaultAsyncHttpxClient() as http:
            return await ask_with(Clients(scene, None, http))

    async def ask_with(clients: Clients) -> tuple[str, str, list[float]]:
        asker = clients.chat()
        whole = await asker.ainvoke("Ahoy")
        words = [each.text async for each in asker.astream("Ahoy")]
        return whole.text, "".join(words), await clients.vectors().aembed_query("Ahoy")

    assert asyncio.run(ask()) == (TEXT, TEXT, list(VECTOR))


def test_a_tool_is_called_and_its_answer_told(scene: Scene, clients: Clients) -> None:
    scene.upstream.script(Script(words=ARGUMENTS, call="get_weather"), case="lctool")
    asker = clients.chat().bind_tools([get_weather])
    question = {"role": "user", "content": f"The weather? {marked('lctool')}"}
    answer = asker.invoke([question])
    (call,) = answer.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Busan"})
    whole = put_together(asker.stream([question]))
    assert [(each["name"], each["args"]) for each in whole.tool_calls] == [("get_weather", {"city": "Busan"})]
    scene.upstream.script(Script(), case="lcanswer")
    told = {"role": "tool", "content": f"clear {marked('lcanswer')}", "tool_call_id": call["id"]}
    last = asker.invoke([question, answer, told])
    assert last.text == TEXT
    (seen,) = scene.upstream.requests("lcanswer")
    assert [each["role"] for each in json.loads(seen.begun.body)["messages"]] == ["user", "assistant", "tool"]


def test_completions_and_vectors(scene: Scene, clients: Clients) -> None:
    text = clients.text()
    assert text.invoke("Ahoy") == TEXT
    assert "".join(text.stream("Ahoy")) == TEXT
    assert clients.vectors().embed_documents(["a", "b"]) == [list(VECTOR)] * 2


def test_errors_are_those_of_the_stock_client(scene: Scene, clients: Clients) -> None:
    scene.upstream.script(Script(status=400, message="no such thing"), case="lc400")
    scene.upstream.script(Script(trouble=Trouble.ERROR, at=3), case="lclate")
    with pytest.raises(openai.BadRequestError, match="no such thing"):
        clients.chat("status-400").invoke(f"Ahoy {marked('lc400')}")
    with pytest.raises(openai.NotFoundError):
        clients.chat("nobody").invoke("Ahoy")
    with pytest.raises(openai.AuthenticationError):
        clients.chat(key="plm_stranger").invoke("Ahoy")
    with pytest.raises(openai.APIError):
        list(clients.chat("late").stream(f"Ahoy {marked('lclate')}"))
