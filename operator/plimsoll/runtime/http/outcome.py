"""How jobs end, in the words of HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from plimsoll.runtime.http.answers import Answer
from plimsoll.runtime.http.errors import ApiError, failed, no_slot_in_time, not_ready
from plimsoll.runtime.requests import Delta, Finish, Usage

# As nginx has it for clients who went away.
CUT = 499


def finish_word(finish: Finish, *, called: bool = False) -> str:
    if finish is Finish.LENGTH:
        return "length"
    return "tool_calls" if called else "stop"


def trouble(delta: Delta) -> ApiError | None:
    """The error that this end is for a client who still reads."""
    finish = delta.finish
    if finish is None or finish in (Finish.STOP, Finish.LENGTH, Finish.CANCELLED):
        return None
    if finish is Finish.EXPIRED:
        return no_slot_in_time(delta.retry_after or 1)
    if finish is Finish.DRAINED:
        return not_ready("this engine ends before the answer is complete; ask again", "draining", 1)
    return ApiError(500, delta.error, code="generation_failed") if delta.error else failed()


def cut_answer(usage: Mapping[str, Any]) -> bytes:
    """What is told with status CUT: no answer, so that nobody takes it for one, but what was computed."""
    error = ApiError(CUT, "the answer was cut, as its client said nothing more", code="cancelled")
    return orjson.dumps({**error.told(), "usage": usage})


def usage_of(answers: Sequence[Answer], per_prompt: int) -> dict[str, Any]:
    """Of all answers of a request, in OpenAI's words. Several answers to a prompt count it once, as OpenAI does."""
    usages = [answer.usage or Usage(0, 0, 0) for answer in answers]
    prompts = usages[::per_prompt]
    prompt = sum(each.prompt_tokens for each in prompts)
    completion = sum(each.completion_tokens for each in usages)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": sum(each.cached_tokens for each in prompts)},
    }
