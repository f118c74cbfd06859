"""The stock client of applications, through a real gateway, before every shape of backend."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.support.counting_upstream.asked import marked
from tests.support.counting_upstream.script import WORDS, Script, Trouble
from tests.support.counting_upstream.shapes.shape import VECTOR
from tests.support.gateways import KEY
from tests.support.scenes import Scene

TEXT = "".join(WORDS)
ARGUMENTS = ('{"city"', ': "Bu', 'san"}')
USAGE: Any = {"stream_options": {"include_usage": True}}
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


def said(case: str) -> list[Any]:
    return [{"role": "user", "content": f"Ahoy {marked(case)}"}]


def test_a_chat_is_answered_and_its_usage_is_what_was_counted(scene: Scene) -> None:
    with scene.gateway.client() as client:
        answer = client.chat.completions.create(model="chat", messages=said("chat"))
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (TEXT, "stop")
    assert answer.usage is not None
    told = scene.upstream.total("chat")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (told.prompt, told.completion)


def test_a_streamed_chat_comes_word_by_word_with_its_usage_at_the_end(scene: Scene) -> None:
    with scene.gateway.client() as client:
        *chunks, last = client.chat.completions.create(model="chat", messages=said("chunks"), stream=True, **USAGE)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert last.usage is not None
    told = scene.upstream.total("chunks")
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (told.prompt, told.completion)


def test_completions_come_whole_and_as_a_stream(scene: Scene) -> None:
    with scene.gateway.client() as client:
        whole = client.completions.create(model="chat", prompt=marked("text"))
        streamed = client.completions.create(model="chat", prompt=marked("texts"), stream=True)
        words = [choice.text for event in streamed for choice in event.choices]
    assert whole.choices[0].text == "".join(words) == TEXT


def test_the_call_of_a_tool_comes_whole_and_in_pieces(scene: Scene) -> None:
    scene.upstream.script(Script(words=ARGUMENTS, call="get_weather"), case="tool")
    asked: dict[str, Any] = {"model": "chat", "messages": said("tool"), "tools": TOOLS}
    with scene.gateway.client() as client:
        answer = client.chat.completions.create(**asked)
        events = list(client.chat.completions.create(**asked, stream=True))
    (call,) = answer.choices[0].message.tool_calls or []
    assert isinstance(call, openai.types.chat.ChatCompletionMessageFunctionToolCall)
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "Busan"})
    assert answer.choices[0].finish_reason == events[-1].choices[0].finish_reason == "tool_calls"
    pieces = [each for event in events for each in event.choices[0].delta.tool_calls or ()]
    assert [each.function.name for each in pieces if each.function and each.function.name] == ["get_weather"]
    assert "".join(each.function.arguments or "" for each in pieces if each.function) == "".join(ARGUMENTS)


def test_the_helper_for_streams_puts_an_answer_together(scene: Scene) -> None:
    with (
        scene.gateway.client() as client,
        client.chat.completions.stream(model="chat", messages=said("helper")) as stream,
    ):
        assert stream.get_final_completion().choices[0].message.content == TEXT


@pytest.mark.parametrize("given", ["Ahoy", ["Ahoy", "there"]])
@pytest.mark.parametrize("encoding", [openai.omit, "float", "base64"])
def test_embeddings_come_in_the_form_that_was_asked_for(scene: Scene, given: Any, encoding: Any) -> None:
    with scene.gateway.client() as client:
        answer = client.embeddings.create(model="chat", input=given, encoding_format=encoding)
    assert len(answer.data) == (1 if isinstance(given, str) else 2)
    if encoding != "base64":
        assert answer.data[0].embedding == list(VECTOR)
    assert answer.usage.prompt_tokens > 0


def test_many_ask_at_the_same_time(scene: Scene) -> None:
    async def ask() -> Sequence[str | None]:
        async with AsyncOpenAI(base_url=scene.gateway.base, api_key=KEY, max_retries=0) as client:

            async def whole() -> str | None:
                answer = await client.chat.completions.create(model="chat", messages=said("many"))
                return answer.choices[0].message.content

            async def streamed() -> str | None:
                stream = await client.chat.completions.create(model="chat", messages=said("many"), stream=True)
                return "".join([event.choices[0].delta.content or "" async for event in stream])

            return await asyncio.gather(*(each() for _ in range(5) for each in (whole, streamed)))

    assert asyncio.run(ask()) == [TEXT] * 10


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (422, openai.UnprocessableEntityError),
        (429, openai.RateLimitError),
        # The owner's trouble and not the client's: a credential, a name of a model.
        (401, openai.InternalServerError),
        (404, openai.InternalServerError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
def test_errors_of_a_backend_are_those_that_the_client_knows(scene: Scene, status: int, error: type[Exception]) -> None:
    scene.upstream.script(Script(status=status, message="no such thing"), case=f"status-{status}")
    with scene.gateway.client() as client, pytest.raises(error) as caught:
        client.chat.completions.create(model=f"status-{status}", messages=said(f"status-{status}"))
    assert isinstance(caught.value, openai.APIStatusError)
    body = caught.value.body
    assert isinstance(body, dict)
    assert {"message", "type", "param", "code"} <= body.keys()


def test_errors_of_the_gateway_are_those_that_the_client_knows(scene: Scene) -> None:
    wrong: Any = [{"role": "nobody", "content": "?"}]
    with scene.gateway.client() as client:
        with pytest.raises(openai.NotFoundError, match='there is no "nobody"'):
            client.chat.completions.create(model="nobody", messages=said("x"))
        with pytest.raises(openai.BadRequestError, match=r"messages\[0\].role"):
            client.chat.completions.create(model="chat", messages=wrong)
    with scene.gateway.client("plm_stranger") as stranger, pytest.raises(openai.AuthenticationError):
        stranger.models.list()


def test_an_error_in_a_stream_is_raised(scene: Scene) -> None:
    scene.upstream.script(Script(trouble=Trouble.ERROR, at=3), case="late")
    with scene.gateway.client() as client, pytest.raises(openai.APIError):
        list(client.chat.completions.create(model="late", messages=said("late"), stream=True))


def test_models_are_listed_and_told(scene: Scene) -> None:
    with scene.gateway.client() as client:
        assert client.models.retrieve("chat").id == "team-a/chat"
        assert "team-a/chat" in [each.id for each in client.models.list()]


@pytest.mark.parametrize("options", [{}, USAGE, {"n": 2}, {"tools": TOOLS}], ids=["plain", "usage", "two", "tools"])
def test_every_body_and_event_is_strictly_of_the_vendors_types(scene: Scene, options: dict[str, Any]) -> None:
    """The client itself builds its objects without a look at them."""
    case = "tools" if "tools" in options else "plain"
    scene.upstream.script(Script(words=ARGUMENTS, call="get_weather"), case="tools")
    whole = {name: value for name, value in options.items() if name != "stream_options"}
    chat = {"model": "chat", "messages": said(case)}
    ChatCompletion.model_validate_json(scene.said("/v1/chat/completions", {**chat, **whole}), strict=True)
    for each in scene.events("/v1/chat/completions", {**chat, **options, "stream": True}):
        ChatCompletionChunk.model_validate_json(each, strict=True)
    if "tools" not in options:
        text = {"model": "chat", "prompt": marked(case)}
        Completion.model_validate_json(scene.said("/v1/completions", {**text, **whole}), strict=True)
        for each in scene.events("/v1/completions", {**text, **options, "stream": True}):
            # Of choices that go on, the vendor's server says null, and its type has no word.
            Completion.model_validate_json(
                each.replace(b'"finish_reason":null', b'"finish_reason":"stop"'), strict=True
            )


def test_vectors_are_strictly_of_the_vendors_types(scene: Scene) -> None:
    said_so = scene.said("/v1/embeddings", {"model": "chat", "input": ["a", "b"]})
    CreateEmbeddingResponse.model_validate_json(said_so, strict=True)
