"""What /v1/chat/completions is asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from plimsoll.runtime.http.errors import bad_field
from plimsoll.runtime.http.fields import Fields, kind_of
from plimsoll.runtime.http.wishes import Wishes, top_logprobs, wishes_of

_MOST_MESSAGES, _MOST_PARTS = 4096, 1024
# Looking at more of them would keep everybody else's stream waiting.
_MOST_IN_ALL = 8192
_MOST_TOOLS, _MOST_CALLS = 128, 128
_LONGEST_TEXT = 1 << 22  # the body has its own bound
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_RENDERED = {"messages", "tools", "add_generation_prompt"}
_ROLES = ("system", "developer", "user", "assistant", "tool")


class Use(StrEnum):
    """Whether the answer is a call of a tool."""

    NONE = "none"
    AUTO = "auto"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class ToolChoice:
    use: Use
    name: str | None = None  # the one that must be called


@dataclass(frozen=True, slots=True)
class ChatRequest:
    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]]
    choice: ToolChoice
    wishes: Wishes
    top_logprobs: int | None
    template_values: Mapping[str, Any]

    @property
    def tools_told(self) -> Sequence[Mapping[str, Any]] | None:
        """Those that the model hears of."""
        return None if self.choice.use is Use.NONE else self.tools


def chat_request(fields: Fields, vocabulary: int) -> ChatRequest:
    wishes = wishes_of(fields, vocabulary)
    tools = tools_of(fields)
    choice = _choice(fields, tools)
    # Several calls are allowed by it and never demanded, and an answer has one at most.
    fields.flag("parallel_tool_calls")
    if choice.use is Use.REQUIRED and wishes.shape is not None:
        raise bad_field("tool_choice", "the answer cannot be a call and have a response_format or grammar too")
    logprobs = _top_logprobs(fields)
    if logprobs is not None and choice.use is not Use.NONE:
        raise bad_field("logprobs", "are not there for answers that may be calls of tools")
    return ChatRequest(messages_of(fields), tools, choice, wishes, logprobs, template_values(fields))


def messages_of(fields: Fields) -> Sequence[Mapping[str, Any]]:
    """As they were sent, for whoever shapes them to the template; but nothing in them is of an unknown kind."""
    fields.needs("messages")
    given = fields.list("messages", _MOST_MESSAGES)
    if not given:
        raise bad_field("messages", "at least one message is needed")
    _check_size(given)
    return [_message(fields.within(each, f"messages[{at}]")) for at, each in enumerate(given)]


def _check_size(messages: Sequence[Any]) -> None:
    lists = [
        message.get(name) for message in messages if isinstance(message, dict) for name in ("content", "tool_calls")
    ]
    total = sum(len(each) for each in lists if isinstance(each, list))
    if total > _MOST_IN_ALL:
        raise bad_field("messages", f"must have at most {_MOST_IN_ALL} parts and calls of tools in all, not {total}")


def template_values(fields: Fields) -> Mapping[str, Any]:
    """Further names for the chat template, as vLLM and llama-server take them."""
    given = fields.take("chat_template_kwargs") or {}
    if not isinstance(given, dict):
        raise bad_field("chat_template_kwargs", f"must be an object, not {kind_of(given)}")
    if taken := _RENDERED & given.keys():
        raise bad_field("chat_template_kwargs", f"{min(taken)} is a field of its own")
    return given


def _message(fields: Fields) -> Mapping[str, Any]:
    role = fields.word("role", _ROLES)
    if role is None:
        raise bad_field(fields.at("role"), "is needed")
    calls = _calls(fields, role)
    message: dict[str, Any] = {"role": role}
    content = _content(fields)
    if content is None and not calls:
        raise bad_field(fields.at("content"), "is needed")
    message["content"] = content
    for name in ("name", "tool_call_id", "reasoning_content"):
        if (text := fields.text(name, _LONGEST_TEXT)) is not None:
            message[name] = text
    return message | ({"tool_calls": calls} if calls else {})


def _content(fields: Fields) -> str | Sequence[Mapping[str, Any]] | None:
    given = fields.take("content")
    if given is None or isinstance(given, str):
        return given
    if not isinstance(given, list) or len(given) > _MOST_PARTS:
        raise bad_field(
            fields.at("content"), f"must be text or a list of at most {_MOST_PARTS} parts, not {kind_of(given)}"
        )
    return [_part(fields.within(each, f"content[{at}]")) for at, each in enumerate(given)]


def _part(fields: Fields) -> Mapping[str, Any]:
    fields.word("type", ("text",))
    text = fields.text("text", _LONGEST_TEXT)
    if text is None:
        raise bad_field(fields.at("text"), "is needed")
    return {"type": "text", "text": text}


def _calls(fields: Fields, role: str) -> Sequence[Mapping[str, Any]]:
    given = fields.list("tool_calls", _MOST_CALLS)
    if given and role != "assistant":
        raise bad_field(fields.at("tool_calls"), "only an assistant calls tools")
    return [_call(fields.within(each, f"tool_calls[{at}]")) for at, each in enumerate(given or ())]


def _call(fields: Fields) -> Mapping[str, Any]:
    fields.word("type", ("function",))
    named = fields.text("id", 256)
    function = fields.object("function")
    if function is None:
        raise bad_field(fields.at("function"), "is needed")
    called = {"name": _name(function), "arguments": function.text("arguments", _LONGEST_TEXT) or "{}"}
    return {"id": named or "", "type": "function", "function": called}


def tools_of(fields: Fields) -> Sequence[Mapping[str, Any]]:
    given = fields.list("tools", _MOST_TOOLS)
    tools = [_tool(fields.within(each, f"tools[{at}]")) for at, each in enumerate(given or ())]
    names = [tool["function"]["name"] for tool in tools]
    if len(set(names)) < len(names):
        raise bad_field("tools", "two tools have the same name")
    return tools


def _tool(fields: Fields) -> Mapping[str, Any]:
    fields.word("type", ("function",))
    function = fields.object("function")
    if function is None:
        raise bad_field(fields.at("function"), "is needed")
    made: dict[str, Any] = {"name": _name(function)}
    if (description := function.text("description", _LONGEST_TEXT)) is not None:
        made["description"] = description
    function.flag("strict")
    parameters = function.take("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise bad_field(function.at("parameters"), "must be a JSON schema, which is an object")
    made["parameters"] = parameters or {"type": "object", "properties": {}}
    return {"type": "function", "function": made}


def _name(function: Fields) -> str:
    name = function.text("name", 64)
    if name is None or not _TOOL_NAME.fullmatch(name):
        raise bad_field(function.at("name"), "must be 1 to 64 letters, digits, _ or -")
    return name


def _choice(fields: Fields, tools: Sequence[Mapping[str, Any]]) -> ToolChoice:
    given = fields.take("tool_choice")
    if isinstance(given, dict):
        return ToolChoice(Use.REQUIRED, _chosen(fields.within(given, "tool_choice"), tools))
    if given is None:
        return ToolChoice(Use.AUTO if tools else Use.NONE)
    if given not in tuple(Use):
        raise bad_field("tool_choice", 'must be "none", "auto", "required" or an object that names a function')
    if not tools and given == Use.REQUIRED:
        raise bad_field("tool_choice", "is required, and there are no tools")
    return ToolChoice(Use(given) if tools else Use.NONE)


def _chosen(choice: Fields, tools: Sequence[Mapping[str, Any]]) -> str:
    choice.word("type", ("function",))
    function = choice.object("function")
    name = None if function is None else function.text("name", 64)
    if name not in [tool["function"]["name"] for tool in tools]:
        raise bad_field("tool_choice.function.name", "must be the name of one of the tools")
    assert name is not None
    return name


def _top_logprobs(fields: Fields) -> int | None:
    wanted, top = fields.flag("logprobs"), top_logprobs(fields, "top_logprobs")
    if top is not None and not wanted:
        raise bad_field("top_logprobs", "needs logprobs: true")
    return (top or 0) if wanted else None
