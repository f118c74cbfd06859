"""Messages in the shape that a template can take."""

from __future__ import annotations

from typing import Any

import pytest

from plimsoll.runtime.templates.errors import TemplateError
from plimsoll.runtime.templates.messages import Declared, shaped

_PARTS = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]


def _call(arguments: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": arguments}}]}


def _arguments(message: dict[str, Any]) -> Any:
    return message["tool_calls"][0]["function"]["arguments"]


def test_parts_become_one_text() -> None:
    assert shaped([{"role": "user", "content": _PARTS}], Declared()) == [{"role": "user", "content": "one\ntwo"}]


def test_parts_stay_parts_for_a_template_that_takes_them() -> None:
    assert shaped([{"role": "user", "content": _PARTS}], Declared(content_parts=True))[0]["content"] == _PARTS


def test_text_becomes_a_part_for_a_template_that_takes_nothing_else() -> None:
    (message,) = shaped([{"role": "user", "content": "one"}], Declared(text_content=False, content_parts=True))
    assert message["content"] == [{"type": "text", "text": "one"}]


def test_a_call_without_text_has_an_empty_text() -> None:
    assert shaped([_call("{}")], Declared())[0]["content"] == ""


def test_arguments_are_objects_where_the_template_walks_through_them() -> None:
    assert _arguments(shaped([_call('{"a": 1}')], Declared(object_arguments=True))[0]) == {"a": 1}


def test_arguments_are_text_where_the_template_only_writes_them() -> None:
    declared = Declared(object_arguments=False)
    assert _arguments(shaped([_call('{"a":  1}')], declared)[0]) == '{"a":  1}'
    assert _arguments(shaped([_call({"a": "é"})], declared)[0]) == '{"a":"é"}'


@pytest.mark.parametrize("broken", ["{", "[" * 100_000])
def test_arguments_that_are_no_json_are_refused_by_the_name_of_the_function(broken: str) -> None:
    with pytest.raises(TemplateError, match="earlier call of f"):
        shaped([_call(broken)], Declared(object_arguments=True))


def test_a_system_prompt_goes_into_the_next_message_where_the_template_knows_none() -> None:
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]
    assert shaped(messages, Declared(system_role=False)) == [{"role": "user", "content": "be brief\nhi"}]
    assert shaped(messages, Declared()) == messages


def test_a_developer_speaks_as_the_system() -> None:
    messages = [{"role": "developer", "content": "x"}]
    assert shaped(messages, Declared())[0]["role"] == "system"
    assert shaped(messages, Declared(developer_role=True))[0]["role"] == "developer"


def test_the_messages_of_the_request_are_not_changed() -> None:
    message = _call('{"a": 1}')
    shaped([message], Declared(object_arguments=True))
    assert message == _call('{"a": 1}')
