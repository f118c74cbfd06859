"""The stock client of OpenAI against a real engine: what applications do, and what they are told."""

import asyncio
import json
from typing import Any, NamedTuple

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from openai.types.chat.chat_completion import Choice

from tests.support.engine_process import EngineProcess

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "balu keti hello " * 12}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"enum": ["Busan", "Oslo"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


def test_a_chat_is_answered(running_engine: EngineProcess) -> None:
    answer = running_engine.client().chat.completions.create(model="boat", messages=HELLO, max_tokens=12, temperature=0)
    assert answer.choices[0].finish_reason == "length"
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 12


def test_a_stream_has_the_text_and_the_usage_of_the_whole_answer(running_engine: EngineProcess) -> None:
    client = running_engine.client()
    whole = client.chat.completions.create(model="boat", messages=HELLO, max_tokens=40, temperature=0)
    stream = list(
        client.chat.completions.create(
            model="boat", messages=HELLO, max_tokens=40, temperature=0, stream=True,
            stream_options={"include_usage": True},
        )
    )  # fmt: skip
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert text == whole.choices[0].message.content
    assert stream[-2].choices[0].finish_reason == "length"
    told, wanted = stream[-1].usage, whole.usage
    assert told is not None
    assert wanted is not None
    assert (told.prompt_tokens, told.completion_tokens) == (wanted.prompt_tokens, wanted.completion_tokens)
    details = told.prompt_tokens_details
    # The whole answer read the prompt; the stream found it read, but for the last token.
    assert details is not None
    assert details.cached_tokens == told.prompt_tokens - 1


def test_completions_take_text_tokens_and_several_of_them(running_engine: EngineProcess) -> None:
    client = running_engine.client()
    answer = client.completions.create(model="boat", prompt=["balu", "keti"], max_tokens=5, temperature=0, n=2)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    _, _, told = running_engine.post("/tokenize", {"prompt": "balu"})
    again = client.completions.create(model="boat", prompt=told["tokens"], max_tokens=5, temperature=0)
    assert again.choices[0].text == answer.choices[0].text == answer.choices[1].text


def test_an_async_client_has_many_answers_at_once(running_engine: EngineProcess) -> None:
    async def ask() -> list[int]:
        async with running_engine.async_client() as client:
            calls = [
                client.completions.create(model="boat", prompt=f"balu {number}", max_tokens=20 + number)
                for number in range(12)
            ]
            answers = await asyncio.gather(*calls)
        return [answer.usage.completion_tokens for answer in answers if answer.usage]

    assert asyncio.run(ask()) == [20 + number for number in range(12)]


def test_an_async_stream_can_be_left(running_engine: EngineProcess) -> None:
    async def ask() -> None:
        async with running_engine.async_client() as client:
            stream = await client.chat.completions.create(model="boat", messages=HELLO, max_tokens=400, stream=True)
            async for _ in stream:
                break
            await stream.close()

    asyncio.run(ask())


def test_an_answer_as_json_is_json(running_engine: EngineProcess) -> None:
    schema = {"type": "object", "properties": {"city": {"enum": ["Busan"]}}, "required": ["city"],
              "additionalProperties": False}  # fmt: skip
    answer = running_engine.client().chat.completions.create(
        model="boat", messages=HELLO, max_tokens=60,
        response_format={"type": "json_schema", "json_schema": {"name": "place", "schema": schema, "strict": True}},
    )  # fmt: skip
    assert answer.choices[0].message.content is not None
    assert '"Busan"' in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("named", [False, True])
def test_a_tool_is_called_whole_and_streamed(running_engine: EngineProcess, named: bool) -> None:
    client = running_engine.client()
    choice: Any = {"type": "function", "function": {"name": "weather"}} if named else "required"
    answer = client.chat.completions.create(
        model="boat", messages=HELLO, max_tokens=80, seed=1, tools=[WEATHER], tool_choice=choice,
    )  # fmt: skip
    call = only_call(answer.choices[0])
    assert (call.name, answer.choices[0].finish_reason) == ("weather", "tool_calls")
    assert json.loads(call.arguments)["city"] in ("Busan", "Oslo")
    with client.chat.completions.stream(
        model="boat", messages=HELLO, max_tokens=80, seed=1, tools=[WEATHER], tool_choice=choice,
    ) as stream:  # fmt: skip
        final = stream.get_final_completion()
    assert only_call(final.choices[0]) == call


class Called(NamedTuple):
    name: str
    arguments: str


def only_call(choice: Choice) -> Called:
    assert choice.message.tool_calls is not None
    (call,) = choice.message.tool_calls
    assert call.type == "function"
    return Called(call.function.name, call.function.arguments)


def test_logprobs_are_told_with_their_tokens(running_engine: EngineProcess) -> None:
    answer = running_engine.client().chat.completions.create(
        model="boat", messages=HELLO, max_tokens=3, logprobs=True, top_logprobs=2, temperature=0
    )
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    content = logprobs.content or []
    assert [len(each.top_logprobs) for each in content] == [2, 2, 2]
    assert all(each.logprob == each.top_logprobs[0].logprob <= 0 for each in content)


def test_errors_are_those_that_the_client_knows(running_engine: EngineProcess) -> None:
    client = running_engine.client()
    with pytest.raises(openai.NotFoundError, match='serves "boat"'):
        client.chat.completions.create(model="ship", messages=HELLO)
    with pytest.raises(openai.BadRequestError, match="temperature"):
        client.chat.completions.create(model="boat", messages=HELLO, temperature=3)
    with pytest.raises(openai.BadRequestError) as raised:
        client.completions.create(model="boat", prompt="balu " * 600)
    assert raised.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError, match="--mode=embed"):
        client.embeddings.create(model="boat", input="balu")


def test_the_models_are_one(running_engine: EngineProcess) -> None:
    client = running_engine.client()
    assert [model.id for model in client.models.list()] == ["boat"]
    assert client.models.retrieve("boat").owned_by == "plimsoll"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("ship")
