"""Messages in the shape that a template can take, as llama-server shapes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plimsoll.runtime.templates.errors import TemplateError

Message = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Declared:
    """What a template can say, found out by trying it."""

    tools: bool = False  # it writes the functions that may be called
    tool_calls: bool = False  # it writes the calls of earlier turns
    system_role: bool = True
    text_content: bool = True  # content as one text
    content_parts: bool = False  # content as a list of parts
    object_arguments: bool = False  # arguments of calls as objects; else as the text that the model wrote
    developer_role: bool = False


def shaped(messages: Sequence[Message], declared: Declared) -> list[dict[str, Any]]:
    made = [_message(message, declared) for message in messages]
    return made if declared.system_role else _without_system(made)


def _message(message: Message, declared: Declared) -> dict[str, Any]:
    made = dict(message)
    if made.get("role") == "developer" and not declared.developer_role:
        made["role"] = "system"
    if made.get("content") is None:
        made["content"] = ""
    made["content"] = _content(made["content"], declared)
    if made.get("tool_calls"):
        made["tool_calls"] = [_call(call, declared) for call in made["tool_calls"]]
    return made


def _content(content: Any, declared: Declared) -> Any:
    if isinstance(content, str):
        return content if declared.text_content else [{"type": "text", "text": content}]
    if declared.content_parts:
        return content
    return "\n".join(part["text"] for part in content)


def _call(call: Mapping[str, Any], declared: Declared) -> dict[str, Any]:
    function = dict(call["function"])
    arguments = function.get("arguments", "{}")
    if declared.object_arguments and isinstance(arguments, str):
        function["arguments"] = _parsed(arguments, function.get("name"))
    if not declared.object_arguments and not isinstance(arguments, str):
        function["arguments"] = json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))
    return {**call, "function": function}


def _parsed(arguments: str, name: object) -> Any:
    try:
        return json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        raise TemplateError(
            f"the arguments of an earlier call of {name} are not JSON", fix="Send them as the model wrote them."
        ) from None


def _without_system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Told at the beginning of the next message, because the template would drop it or fail."""
    if not messages or messages[0].get("role") != "system":
        return messages
    first, *others = messages
    if others:
        others[0] = {**others[0], "content": _joined(first["content"], others[0]["content"])}
    return others


def _joined(first: Any, second: Any) -> Any:
    if isinstance(first, str) and isinstance(second, str):
        return f"{first}\n{second}"
    return [*_parts(first), *_parts(second)]


def _parts(content: Any) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
