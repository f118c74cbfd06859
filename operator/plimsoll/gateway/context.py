"""What cannot fit into the context of a model whatever its vocabulary: told here, before anything is sent.

Whoever counts tokens exactly is the backend, and its own refusal is passed on.
"""

from __future__ import annotations

from typing import Any

from plimsoll.gateway.errors import ApiError, Code
from plimsoll.gateway.request import SUBJECTS, Request, texts_of

# Bytes. An assumption: we know of no vocabulary with a token as long, and have not read them all.
LONGEST_TOKEN = 1024


def check_context(request: Request, context: int | None) -> None:
    """Raises ApiError for what has too many tokens by its bytes, or by its ids, alone."""
    if context is None:
        return
    subject = SUBJECTS[request.operation]
    given = request.fields[subject]
    # No text has more bytes than the body that it came in, and ids are a list.
    if isinstance(given, str) or request.operation == "chat":
        if len(request.body.raw) <= context * LONGEST_TOKEN:
            return
        least = _of_messages(given) if request.operation == "chat" else _of_text(given)
    else:
        least = max(_of_prompts(given))
    if least > context:
        raise ApiError(Code.CONTEXT_LENGTH_EXCEEDED, field=subject, tokens=least, context=context, param=subject)


def _of_messages(messages: list[dict[str, Any]]) -> int:
    # Divided once: a template may join what stands apart, and then one token may reach over both.
    return _of_text("".join(text for message in messages for text in texts_of(message.get("content"))))


def _of_prompts(given: list[Any]) -> list[int]:
    """Each of several is a request of its own; a list of numbers is one, cut into tokens already."""
    if not isinstance(given[0], str | list):
        return [len(given)]
    return [_of_text(each) if isinstance(each, str) else len(each) for each in given if isinstance(each, str | list)]


def _of_text(text: str) -> int:
    return -(-len(text.encode()) // LONGEST_TOKEN)
