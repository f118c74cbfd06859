"""Conversations that every chat template is held to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Message = dict[str, Any]

TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": 'The weather in a city, with "quotes" and <tags>',
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "Name of the city"},
                    "days": {"type": "integer", "description": "How many days"},
                },
                "required": ["city"],
            },
        },
    }
]


@dataclass(frozen=True)
class Conversation:
    messages: list[Message]
    tools: list[dict[str, Any]] | None = None
    add_generation_prompt: bool = True


def _said(role: str, text: str) -> Message:
    return {"role": role, "content": text}


def _called(arguments: str) -> Message:
    function = {"name": "get_weather", "arguments": arguments}
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "call00001", "type": "function", "function": function}],
    }


_TURNS = [
    _said("system", "You are a helpful harbour master."),
    _said("user", "What is a load line?"),
    _said("assistant", "A mark on a hull."),
    _said("user", "Who made it law?"),
]
_CALL = [
    _said("user", "What is the weather in Busan?"),
    _called('{"city": "Busan", "days": 2}'),
    {"role": "tool", "tool_call_id": "call00001", "name": "get_weather", "content": '{"sky": "clear"}'},
    _said("user", "And in Oslo?"),
]

CONVERSATIONS = {
    "one question": Conversation([_said("user", "Hello")]),
    "turns after a system prompt": Conversation(_TURNS),
    "no generation prompt": Conversation(_TURNS, add_generation_prompt=False),
    "special characters": Conversation(
        [_said("user", "a < b && c > \"d\" 'e' \\ {{ f }} {% g %}\ttab  two spaces\n\nnew lines </s> <|im_end|> 🚢")]
    ),
    "Korean": Conversation(
        [_said("system", "한국어로 대답하세요."), _said("user", "플림솔이 무엇인가요? 자세히 설명해 주세요.")]
    ),
    "tools": Conversation([_said("system", "Be brief."), _said("user", "Weather in 부산?")], TOOLS),
    "a call in the history": Conversation(_CALL, TOOLS),
    "parts of text": Conversation(
        [{"role": "user", "content": [{"type": "text", "text": "first part"}, {"type": "text", "text": "second part"}]}]
    ),
    "a developer's word": Conversation([_said("developer", "Speak plainly."), _said("user", "Hello")]),
}
