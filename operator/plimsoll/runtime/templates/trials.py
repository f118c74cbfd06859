"""What a template can say, found out once by rendering a few conversations and looking for marked words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from plimsoll.runtime.templates.messages import Declared

# Renders these values, or gives nothing because the template failed.
Try = Callable[[dict[str, Any]], Awaitable[str | None]]

_WORD = "marker0text"
# Not in the schema of the tool, which may be written by Python.
_ARGUMENT = "marker0argument"
_USER = {"role": "user", "content": "Hello"}
# Some templates want to be told first who they are.
PLAINEST = ([_USER], [{"role": "system", "content": "You are friendly"}, _USER])
_TOOL = {
    "type": "function",
    "function": {
        "name": "marker0tool",
        "description": "A tool",
        "parameters": {
            "type": "object",
            "properties": {"key": {"type": "string", "description": "A value"}},
            "required": ["key"],
        },
    },
}


async def declared(attempt: Try, source: str) -> Declared:
    text = await attempt({"messages": [{"role": "user", "content": _WORD}]})
    parts = await attempt({"messages": [{"role": "user", "content": [{"type": "text", "text": _WORD}]}]})
    system = await attempt({"messages": [{"role": "system", "content": _WORD}, _USER]})
    tools = await attempt({"messages": [_USER], "tools": [_TOOL]})
    as_object = await attempt(_called({_ARGUMENT: _WORD}))
    as_text = await attempt(_called(f'{{"{_ARGUMENT}": "{_WORD}"}}'))
    # Written whole, by Python or as JSON, a part shows its names.
    takes_parts = _says(parts, _WORD) and not (_says(parts, "'type'") or _says(parts, '"type"'))
    return Declared(
        tools=_says(tools, "marker0tool"),
        tool_calls=_says(as_object, _WORD) or _says(as_text, _WORD),
        system_role=_says(system, _WORD),
        text_content=_says(text, _WORD) or not takes_parts,
        content_parts=takes_parts,
        # Written by Python and not by the template, it would have quotes that are not JSON's.
        object_arguments=_says(as_object, _WORD) and not _says(as_object, f"'{_ARGUMENT}':"),
        # GPT-OSS, whose templates alone know the role.
        developer_role="<|channel|>" in source,
    )


def _called(arguments: object) -> dict[str, Any]:
    function = {"name": "marker0tool", "arguments": arguments}
    call = {"id": "call00001", "type": "function", "function": function}
    messages = [
        _USER,
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "Done", "tool_call_id": "call00001"},
        {"role": "assistant", "content": "It is done"},
        _USER,
    ]
    return {"messages": messages, "tools": [_TOOL]}


def _says(text: str | None, word: str) -> bool:
    return text is not None and word in text
