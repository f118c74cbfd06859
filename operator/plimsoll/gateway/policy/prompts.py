"""The active role around what a client says: system text, examples and frame, as messages or as one text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from plimsoll.gateway.errors import bad_field
from plimsoll.gateway.policy.frames import Frame, frame_of
from plimsoll.gateway.request import SYSTEM_ROLES, Request
from plimsoll.routing.policy import Prompt

Message = Mapping[str, Any]


def prompt_changes(request: Request, prompt: Prompt) -> dict[str, Any]:
    if request.operation == "chat":
        return {"messages": messages_form(prompt, request.fields["messages"])}
    if request.operation == "completion":
        return {"prompt": _prompts(prompt, request.fields["prompt"])}
    return {}


def messages_form(prompt: Prompt, messages: Sequence[Message]) -> list[Message]:
    """Who begins with a system message of his own keeps it in place of the role's; the rest of the role stays."""
    own = list(takewhile(lambda each: each["role"] in SYSTEM_ROLES, messages))
    rest = list(messages[len(own) :])
    if not own and prompt.system is not None:
        own = [{"role": "system", "content": prompt.system}]
    for example in prompt.examples:
        own += [{"role": "user", "content": example.user}, {"role": "assistant", "content": example.answer}]
    asked = next((at for at in range(len(rest) - 1, -1, -1) if rest[at]["role"] == "user"), None)
    if asked is not None:
        rest[asked] = _framed(frame_of(prompt), rest[asked])
    return own + rest


def text_form(prompt: Prompt, text: str) -> str:
    """Where an example ends its question with the answer's prefix, so does the question of the client."""
    frame = frame_of(prompt)
    shown = [
        f"{frame.question(each.user)}{frame.closing}{frame.answer_sep}{each.answer}\n\n" for each in prompt.examples
    ]
    return "".join([frame.head, *shown, frame.question(text), frame.closing if shown else ""])


def _prompts(prompt: Prompt, given: Any) -> str | list[str]:
    if isinstance(given, str):
        return text_form(prompt, given)
    texts = [each for each in given if isinstance(each, str)]
    if len(texts) < len(given):
        raise bad_field(
            "prompt", "must be text: a prompt of this model's owner goes around it, and none can go around ids"
        )
    return [text_form(prompt, each) for each in texts]


def _framed(frame: Frame, message: Message) -> Message:
    content = message.get("content")
    if content is None or isinstance(content, str):
        return {**message, "content": frame.question(content or "")}
    return {**message, "content": _framed_parts(frame, list(content))}


def _framed_parts(frame: Frame, parts: list[Message]) -> list[Message]:
    """Within the first and the last text, because some templates put line breaks between parts."""
    texts = [at for at, part in enumerate(parts) if "text" in part]
    if not texts:
        return [{"type": "text", "text": frame.question("")}, *parts]
    first, last = texts[0], texts[-1]
    parts[first] = {**parts[first], "text": frame.before + parts[first]["text"]}
    parts[last] = {**parts[last], "text": parts[last]["text"] + frame.after}
    return parts
