"""What the gateway itself has to know of a call, and what it refuses because nobody could mean it."""

from typing import Any

import pytest

from plimsoll.cost.record import Operation
from plimsoll.gateway.errors import ApiError
from plimsoll.gateway.request import ROLES
from tests.support.asked import SAID, asked


def _param(operation: Operation, **fields: Any) -> str | None:
    with pytest.raises(ApiError) as caught:
        asked(operation, **fields)
    assert (caught.value.status, caught.value.code) == (400, "invalid_value")
    return caught.value.param


@pytest.mark.parametrize(
    ("operation", "fields", "param"),
    [
        ("chat", {"model": ...}, "model"),
        ("chat", {"model": None}, "model"),
        ("chat", {"model": ""}, "model"),
        ("chat", {"model": 1}, "model"),
        ("chat", {"model": "x" * 201}, "model"),
        ("chat", {"messages": ...}, "messages"),
        ("chat", {"messages": []}, "messages"),
        ("chat", {"messages": "Hello"}, "messages"),
        ("chat", {"messages": [SAID] * 4097}, "messages"),
        ("chat", {"messages": ["Hello"]}, "messages[0]"),
        ("chat", {"messages": [SAID, {"content": "x"}]}, "messages[1].role"),
        ("chat", {"messages": [{"role": "System", "content": "x"}]}, "messages[0].role"),
        ("chat", {"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role"),
        ("chat", {"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
        ("chat", {"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content"),
        ("chat", {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]}, "messages[0].content"),
        ("chat", {"stream": 1}, "stream"),
        ("chat", {"stream": "true"}, "stream"),
        ("chat", {"stream_options": {"include_usage": True}}, "stream_options"),
        ("chat", {"stream": True, "stream_options": True}, "stream_options"),
        ("chat", {"stream": True, "stream_options": {"include_usage": "yes"}}, "include_usage"),
        ("chat", {"n": 0}, "n"),
        ("chat", {"n": 129}, "n"),
        ("chat", {"n": 1.5}, "n"),
        ("chat", {"n": True}, "n"),
        ("chat", {"n": "2"}, "n"),
        ("chat", {"Model": "the-dear-one"}, "Model"),
        ("chat", {"\u017ftream": True}, "\u017ftream"),
        ("chat", {"me\u017f\u017fageS": [SAID]}, "me\u017f\u017fageS"),
        ("completion", {"prompt": ...}, "prompt"),
        ("completion", {"prompt": {"text": "x"}}, "prompt"),
        ("completion", {"prompt": []}, "prompt"),
        ("embedding", {"input": ...}, "input"),
        ("embedding", {"input": []}, "input"),
        ("embedding", {"input": 7}, "input"),
    ],
    ids=str,
)
def test_a_field_that_nobody_could_mean_is_refused_by_name(operation: Operation, fields: Any, param: str) -> None:
    assert _param(operation, **fields) == param


@pytest.mark.parametrize("role", ROLES)
def test_every_role_of_openai_is_taken(role: str) -> None:
    assert asked(messages=[{"role": role, "content": "x"}]).prompts == 1


def test_what_is_not_known_here_is_left_to_the_backend() -> None:
    assert asked(surprise={"a": [1]}).fields["surprise"] == {"a": [1]}


@pytest.mark.parametrize(("given", "answers"), [(..., 1), (None, 1), (1, 1), (3.0, 3), (128, 128)])
def test_the_number_of_answers_is_known(given: Any, answers: int) -> None:
    assert asked(n=given).answers == answers


@pytest.mark.parametrize(
    ("operation", "subject", "prompts"),
    [
        ("completion", "text", 1),
        ("completion", ["a", "b", "c"], 3),
        ("completion", [5, 6, 7], 1),
        ("completion", [[5], [6]], 2),
        ("embedding", ["a", "b"], 2),
        ("embedding", [1, 2], 1),
    ],
)
def test_the_number_of_prompts_is_known(operation: Operation, subject: Any, prompts: int) -> None:
    name = "prompt" if operation == "completion" else "input"
    assert asked(operation, **{name: subject}).prompts == prompts


@pytest.mark.parametrize(
    ("fields", "stream", "wanted"),
    [
        ({}, False, False),
        ({"stream": None, "stream_options": None}, False, False),
        ({"stream": True}, True, False),
        ({"stream": True, "stream_options": {}}, True, False),
        ({"stream": True, "stream_options": {"include_usage": False}}, True, False),
        ({"stream": True, "stream_options": {"include_usage": True}}, True, True),
    ],
)
def test_whether_the_client_wants_to_see_usage_is_known(fields: Any, stream: bool, wanted: bool) -> None:
    request = asked(**fields)
    assert (request.stream, request.usage_wanted) == (stream, wanted)


def test_embeddings_never_stream() -> None:
    assert not asked("embedding", stream=True).stream
