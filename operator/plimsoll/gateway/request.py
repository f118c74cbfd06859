"""What one call asks for, as far as the gateway itself has to know it; the rest is the backend's business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from plimsoll.cost.record import Operation
from plimsoll.gateway.errors import bad_field
from plimsoll.gateway.fields import check_spelling, flag, kind_of, shown
from plimsoll.gateway.reading import Body

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
# These tell the model who it is.
SYSTEM_ROLES = frozenset(("system", "developer"))
# The field that each operation is about.
SUBJECTS: Mapping[Operation, str] = {"chat": "messages", "completion": "prompt", "embedding": "input"}
_DECIDED_HERE = frozenset(("model", "stream", "stream_options", "n", *SUBJECTS.values()))
_LONGEST_MODEL = 200
_MOST_ANSWERS = 128
_MOST_MESSAGES = 4096


class Request(Struct, frozen=True):
    operation: Operation
    body: Body
    model: str
    stream: bool
    # Whether the client itself wants the usage of a stream; it is recorded in any case.
    usage_wanted: bool
    # To each prompt.
    answers: int
    prompts: int

    @property
    def fields(self) -> Mapping[str, Any]:
        return self.body.fields


def request_of(operation: Operation, body: Body) -> Request:
    fields = body.fields
    check_spelling(fields, _DECIDED_HERE)
    stream = operation != "embedding" and flag(fields, "stream")
    return Request(
        operation=operation,
        body=body,
        model=_model(fields),
        stream=stream,
        usage_wanted=_usage_wanted(fields, stream=stream),
        answers=1 if operation == "embedding" else _answers(fields),
        prompts=_subjects(operation, fields),
    )


def _model(fields: Mapping[str, Any]) -> str:
    model = fields.get("model")
    if not isinstance(model, str) or not 1 <= len(model) <= _LONGEST_MODEL:
        raise bad_field("model", f"must be the name of a model, at most {_LONGEST_MODEL} characters")
    return model


def _usage_wanted(fields: Mapping[str, Any], *, stream: bool) -> bool:
    options = fields.get("stream_options")
    if options is None:
        return False
    if not isinstance(options, dict):
        raise bad_field("stream_options", f"must be an object, not {kind_of(options)}")
    if not stream:
        raise bad_field("stream_options", "is for requests with stream: true")
    return flag(options, "include_usage")


def _answers(fields: Mapping[str, Any]) -> int:
    count = fields.get("n")
    if count is None:
        return 1
    if isinstance(count, bool) or not isinstance(count, int | float) or count != int(count):
        raise bad_field("n", f"must be a whole number, not {kind_of(count)}")
    if not 1 <= count <= _MOST_ANSWERS:
        raise bad_field("n", f"must be from 1 to {_MOST_ANSWERS}")
    return int(count)


def _subjects(operation: Operation, fields: Mapping[str, Any]) -> int:
    """How many answers are asked for by the shape of the request alone."""
    name = SUBJECTS[operation]
    given = fields.get(name)
    if given is None:
        raise bad_field(name, "is needed")
    if operation == "chat":
        _check_messages(given)
        return 1
    if not isinstance(given, str | list) or not given:
        raise bad_field(name, f"must be text or a list, and not empty; not {kind_of(given)}")
    # A list of numbers is one text, already cut into tokens.
    return len(given) if isinstance(given, list) and isinstance(given[0], str | list) else 1


def _check_messages(given: Any) -> None:
    if not isinstance(given, list) or not given:
        raise bad_field("messages", f"must be a list of at least one message, not {kind_of(given)}")
    if len(given) > _MOST_MESSAGES:
        raise bad_field("messages", f"must be at most {_MOST_MESSAGES}, not {len(given)}")
    for at, message in enumerate(given):
        if not isinstance(message, dict):
            raise bad_field(f"messages[{at}]", f"must be an object, not {kind_of(message)}")
        if (role := message.get("role")) not in ROLES:
            raise bad_field(f"messages[{at}].role", f"must be one of {', '.join(ROLES)}, not {shown(role)}")
        _check_content(message.get("content"), f"messages[{at}].content")


def _check_content(content: Any, at: str) -> None:
    if content is None or isinstance(content, str):
        return
    if not isinstance(content, list):
        raise bad_field(at, f"must be text or a list of parts, not {kind_of(content)}")
    for part in content:
        if not isinstance(part, dict) or not isinstance(part.get("text", ""), str):
            raise bad_field(at, "must have objects as parts, in which text is text")


def texts_of(content: str | Sequence[Mapping[str, Any]] | None) -> list[str]:
    """Of a message that was checked: what is said in it, part by part."""
    if content is None:
        return []
    if isinstance(content, str):
        return [content]
    return [part["text"] for part in content if "text" in part]
