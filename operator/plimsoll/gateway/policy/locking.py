"""What a request to a model with a locked system prompt may hold: what is listed here, and nothing else.

A list of what is allowed, because engines read fields that nobody has heard of: vLLM 0.33 alone has a dozen that show
the prompt, cut it or replace its template, and further ones come with every release.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from plimsoll.gateway.errors import ApiError, Code
from plimsoll.gateway.policy.marks import mark_in
from plimsoll.gateway.policy.parameters import NAMES
from plimsoll.gateway.request import SUBJECTS, Request

_EITHER: Final = frozenset(
    (
        *("model", "stream", "stream_options", "n", "min_p", "min_tokens", "logit_bias", "logprobs", "response_format"),
        *("grammar", "strict", "user", "metadata", "service_tier", "safety_identifier", "prompt_cache_key"),
    )
).union(*NAMES.values())
_CHAT: Final = _EITHER | {
    "messages",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "top_logprobs",
    "reasoning_effort",
    "verbosity",
    "chat_template_kwargs",
}
_COMPLETION: Final = _EITHER | {"prompt"}
_FIELDS: Final = {"chat": _CHAT, "completion": _COMPLETION}
# Clients send these along with the value that means nothing.
_ONLY_FALSE: Final = frozenset(("echo", "store"))
# Some templates write these into the system text.
_RENDERED_WORDS: Final = ("reasoning_effort", "verbosity")
_WORD: Final = re.compile("[a-z]{1,16}")
_TEMPLATE_SWITCHES: Final = frozenset(("enable_thinking", "thinking"))

_MESSAGE: Final = {
    "user": frozenset(("role", "content", "name")),
    "assistant": frozenset(("role", "content", "name", "tool_calls", "refusal", "reasoning_content", "reasoning")),
    "tool": frozenset(("role", "content", "name", "tool_call_id")),
}
_PARTS: Final = {
    "text": frozenset(("type", "text")),
    "refusal": frozenset(("type", "refusal")),
    "image_url": frozenset(("type", "image_url")),
    "input_audio": frozenset(("type", "input_audio")),
}
_CALL: Final = frozenset(("id", "type", "function", "index"))
_FUNCTION: Final = frozenset(("name", "description", "parameters", "arguments", "strict"))
_FORMATS: Final = ("text", "json_object", "json_schema")
_STREAM: Final = frozenset(("include_usage", "include_obfuscation", "continuous_usage_stats"))


def check_locked(request: Request) -> None:
    """Refuses what could take the place of the system text, stand before it or bring it to light."""
    if request.operation == "embedding":
        return
    fields = {name: value for name, value in request.fields.items() if value is not None}
    false = {name for name in _ONLY_FALSE if fields.get(name) is False}
    _only("", fields.keys() - false, _FIELDS[request.operation])
    _options(fields)
    if request.operation == "chat":
        _messages(fields["messages"])
        _tools(fields.get("tools", []))
    else:
        _prompt(fields["prompt"])
    subject = SUBJECTS[request.operation]
    for name in (subject, "tools", "tool_choice", "response_format"):
        if name in fields and (mark := mark_in(fields[name])):
            raise _refused(name, f"has {mark}, by which templates tell who speaks; write it another way")


def _only(at: str, found: Any, allowed: frozenset[str]) -> None:
    if unknown := sorted(found - allowed):
        raise _refused(f"{at}{unknown[0]}"[:100], "cannot be sent to this model; leave it out")


def _options(fields: Mapping[str, Any]) -> None:
    _only("stream_options.", fields.get("stream_options", {}).keys(), _STREAM)
    values = fields.get("chat_template_kwargs", {})
    if not isinstance(values, dict) or not all(isinstance(each, bool) for each in values.values()):
        raise _refused("chat_template_kwargs", "may only switch thinking on or off")
    _only("chat_template_kwargs.", values.keys(), _TEMPLATE_SWITCHES)
    form = fields.get("response_format", {"type": "text"})
    if not isinstance(form, dict) or form.get("type") not in _FORMATS:
        raise _refused("response_format.type", f"must be one of {', '.join(_FORMATS)}")
    for name in _RENDERED_WORDS:
        if not _WORD.fullmatch(str(fields.get(name, "none"))):
            raise _refused(name, "must be one word")


def _messages(messages: Sequence[Mapping[str, Any]]) -> None:
    for at, message in enumerate(messages):
        path = f"messages[{at}]."
        role = message["role"]
        if role not in _MESSAGE:
            raise _refused(f"{path}role", f"a message of the role {role} is not taken; leave it out")
        _only(path, _given(message), _MESSAGE[role])
        if isinstance(content := message.get("content"), list):
            for part in content:
                _part(f"{path}content.", part)
        for name in ("name", "tool_call_id", "refusal", "reasoning_content", "reasoning"):
            if not isinstance(message.get(name) or "", str):
                raise _refused(f"{path}{name}", "must be text")
        _calls(f"{path}tool_calls", message.get("tool_calls") or [])
    if messages[-1]["role"] == "assistant":
        # Some engines go on with it as if the model had begun to say so itself.
        raise _refused("messages", "the last message must not be the model's own")


def _part(path: str, part: Mapping[str, Any]) -> None:
    kind = part.get("type")
    if not isinstance(kind, str) or kind not in _PARTS:
        raise _refused(f"{path}type", f"must be one of {', '.join(_PARTS)}")
    _only(path, _given(part), _PARTS[kind])


def _tools(tools: Any) -> None:
    _calls("tools", tools)
    for at, tool in enumerate(tools):
        if tool.get("type") != "function":
            raise _refused(f"tools[{at}].type", "must be function")


def _calls(path: str, calls: Any) -> None:
    if not isinstance(calls, list):
        raise _refused(path, "must be a list")
    for at, call in enumerate(calls):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            raise _refused(f"{path}[{at}]", "must be a function")
        _only(f"{path}[{at}].", _given(call), _CALL)
        _only(f"{path}[{at}].function.", _given(function), _FUNCTION)


def _prompt(given: Any) -> None:
    if not isinstance(given, str) and not all(isinstance(each, str) for each in given):
        raise _refused("prompt", "must be text, not the ids of tokens")


def _given(values: Mapping[str, Any]) -> set[str]:
    """Null is the same as nothing."""
    return {name for name, value in values.items() if value is not None}


def _refused(field: str, why: str) -> ApiError:
    return ApiError(Code.LOCKED_PROMPT, param=field, field=field, why=why)
