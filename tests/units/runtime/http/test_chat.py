"""/v1/chat/completions over an engine whose words are played."""

import json
from typing import Any

import pytest

from plimsoll.runtime.requests import Job
from tests.support.played_engine import CONTEXT, House, NamedConstraint, Reply, saying

PATH = "/v1/chat/completions"
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
CALL = '{"name": "weather", "arguments": {"city": "Busan"}}'


def ask(house: House, messages: Any = ({"role": "user", "content": "Hi"},), **fields: Any) -> Reply:
    return house.ask(PATH, {"messages": list(messages), **fields})


def job_of(house: House) -> Job:
    return house.engine.jobs[0]


def test_an_answer_is_a_message_of_the_assistant() -> None:
    choice = ask(House()).json["choices"][0]
    message = {"role": "assistant", "content": "Hello", "refusal": None}
    assert choice == {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}


def test_a_stream_begins_with_the_role_and_has_the_same_text() -> None:
    deltas = [event["choices"][0]["delta"] for event in ask(House(), stream=True).events]
    assert deltas == [{"role": "assistant", "content": ""}, {"content": "Hel"}, {"content": "lo"}, {}]


def test_messages_reach_the_template_as_they_were_sent() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    called = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    messages = [
        {"role": "developer", "content": "Be brief"},
        {"role": "user", "content": parts, "name": "kim"},
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "content": "sunny", "tool_call_id": "1"},
    ]
    house = House()
    assert ask(house, messages, chat_template_kwargs={"thinking": False}).status == 200
    assert house.renderer.rendered == [{"messages": messages, "tools": None, "extra": {"thinking": False}}]


def test_what_a_stock_client_sends_back_of_an_answer_is_understood() -> None:
    message = ask(House()).json["choices"][0]["message"]
    old = {**message, "function_call": None, "audio": None, "annotations": None, "tool_calls": None}
    assert ask(House(), [{"role": "user", "content": "Hi"}, old, {"role": "user", "content": "Go on"}]).status == 200


def test_without_a_length_an_answer_has_the_rest_of_the_context() -> None:
    house = House()
    ask(house)
    assert job_of(house).max_tokens == CONTEXT - len(job_of(house).prompt)


def test_what_the_template_refuses_is_told_in_its_words() -> None:
    reply = ask(House(), [{"role": "user", "content": "refuse me"}])
    assert (reply.status, reply.error["param"]) == (400, "messages")
    assert "the template refuses these messages" in reply.error["message"]


def test_logprobs_have_bytes() -> None:
    from plimsoll.runtime.requests import Delta, Finish, TokenChoice, Usage

    def play(job: Job) -> None:
        assert job.top_logprobs == 1
        job.sink(Delta("a", (100,), (TokenChoice(100, -0.5, ((198, -0.5),)),), Finish.STOP, Usage(3, 0, 1)))

    choice = ask(House(play), logprobs=True, top_logprobs=1).json["choices"][0]
    assert choice["logprobs"]["content"] == [
        {
            "token": "a",
            "logprob": -0.5,
            "bytes": [97],
            "top_logprobs": [{"token": "\ufffd", "logprob": -0.5, "bytes": [195]}],
        }
    ]
    event = ask(House(play), logprobs=True, top_logprobs=1, stream=True).events[1]
    assert event["choices"][0]["logprobs"] == choice["logprobs"]


# Tools.


def test_a_call_that_is_required_is_held_to_the_tools() -> None:
    house = House(saying('{"name": "wea', 'ther", "arguments": {"city": ', '"Busan"}', "}"))
    choice = ask(house, tools=[WEATHER], tool_choice="required").json["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    (call,) = choice["message"]["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": '{"city": "Busan"}'}
    constraint = job_of(house).constraint
    assert isinstance(constraint, NamedConstraint)
    assert (constraint.kind, constraint.of) == ("tool_call", None)


def test_a_named_function_makes_the_whole_text_its_arguments() -> None:
    house = House(saying('{"city": ', '"Busan"}'))
    named = {"type": "function", "function": {"name": "weather"}}
    choice = ask(house, tools=[WEATHER], tool_choice=named).json["choices"][0]
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city": "Busan"}'}
    assert house.renderer.rendered[0]["tools"] is not None


def test_a_streamed_call_has_its_name_first_and_its_arguments_in_pieces() -> None:
    house = House(saying('{"name": "wea', 'ther", "arguments": {"city": ', '"Busan"}', "}"))
    events = ask(house, tools=[WEATHER], tool_choice="required", stream=True).events
    deltas = [event["choices"][0]["delta"]["tool_calls"][0] for event in events[1:-1]]
    assert (deltas[0]["function"]["name"], deltas[0]["id"][:5]) == ("weather", "call_")
    assert "".join(delta["function"]["arguments"] for delta in deltas) == '{"city": "Busan"}'
    assert len(deltas) == 3
    assert events[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_call_that_is_cut_ends_with_length() -> None:
    from plimsoll.runtime.requests import Finish

    house = House(saying('{"name": "weather", "arguments": {"ci', finish=Finish.LENGTH))
    assert ask(house, tools=[WEATHER], tool_choice="required").json["choices"][0]["finish_reason"] == "length"


def test_auto_finds_what_the_model_wrote_beside_its_text() -> None:
    house = House(saying("Let me see.\n<tool", "_call>\n" + CALL, "\n"), tools=True)
    choice = ask(house, tools=[WEATHER]).json["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Let me see.", "tool_calls")
    assert json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"]) == {"city": "Busan"}
    assert job_of(house).stops == ("</tool_call>",)
    assert job_of(house).constraint is None


def test_auto_leaves_text_alone() -> None:
    choice = ask(House(saying("1 < ", "2 <too"), tools=True), tools=[WEATHER]).json["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("1 < 2 <too", "stop")
    assert "tool_calls" not in choice["message"]


def test_auto_is_refused_where_the_template_declares_no_tools() -> None:
    reply = ask(House(), tools=[WEATHER])
    assert (reply.status, reply.error["param"]) == (400, "tool_choice")
    assert '"required"' in reply.error["message"]


def test_none_keeps_the_tools_from_the_model() -> None:
    house = House(saying(CALL), tools=True)
    choice = ask(house, tools=[WEATHER], tool_choice="none").json["choices"][0]
    assert choice["message"]["content"] == CALL
    assert house.renderer.rendered[0]["tools"] is None


@pytest.mark.parametrize("allowed", [True, False])
def test_several_calls_may_be_allowed_or_not(allowed: bool) -> None:
    asked = {"messages": [{"role": "user", "content": "Hi"}], "tools": [WEATHER], "parallel_tool_calls": allowed}
    assert House(tools=True).ask(PATH, asked).status == 200


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": [{"content": "Hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "captain", "content": ""}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": "", "tool_calls": [{}]}]}, "messages[0].tool_calls"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"function": {"name": "a b"}}]}, "tools[0].function.name"),
        ({"tools": [WEATHER, WEATHER]}, "tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": "maybe"}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": {"function": {"name": "x"}}}, "tool_choice.function.name"),
        ({"tools": [WEATHER], "tool_choice": "required", "grammar": 'root ::= "a"'}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": "required", "logprobs": True}, "logprobs"),
        ({"parallel_tool_calls": "yes"}, "parallel_tool_calls"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"logprobs": 1}, "logprobs"),
        ({"chat_template_kwargs": {"messages": []}}, "chat_template_kwargs"),
    ],
)
def test_what_cannot_be_is_refused_with_the_name_of_the_field(fields: dict[str, Any], param: str) -> None:
    reply = House(tools=True).ask(PATH, {"messages": [{"role": "user", "content": "Hi"}], **fields})
    assert (reply.status, reply.error["param"]) == (400, param)
