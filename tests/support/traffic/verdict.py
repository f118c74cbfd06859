"""What an answer was worth: right, an error that says so, or a silent lie."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from tests.support.traffic.heard import Heard
from tests.support.traffic.question import Wanted


class Kind(StrEnum):
    RIGHT = "right"
    CLEAN_ERROR = "clean error"  # in OpenAI's shape, as a status or as an event
    LIE = "silent lie"  # neither; a stream that is cut without an event that says so is one
    NO_ANSWER = "no answer"  # not even a status came
    LEFT = "left"  # the caller went away before


class Verdict(NamedTuple):
    kind: Kind
    why: str = ""


def judge(heard: Heard, wanted: Wanted) -> Verdict:
    if heard.left:
        return Verdict(Kind.LEFT)
    if heard.status == 0:
        return Verdict(Kind.NO_ANSWER, heard.trouble or "the connection ended")
    wrong = _error(heard) if heard.error is not None or heard.status >= 400 else _answer(heard, wanted)
    if wrong:
        return Verdict(Kind.LIE, wrong)
    if heard.error is not None:
        return Verdict(Kind.CLEAN_ERROR, f"{heard.status}: {heard.error['message']}")
    return Verdict(Kind.RIGHT)


def _error(heard: Heard) -> str:
    """What is wrong with an error."""
    found = heard.error
    told = isinstance(found, Mapping) and isinstance(found.get("message"), str) and isinstance(found.get("type"), str)
    if not told or not found["message"] or not {"param", "code"} <= found.keys():
        return f"status {heard.status} with an error in no shape that clients know: {str(found)[:120]}"
    if not heard.streamed and heard.status < 400:
        return f"an error with status {heard.status}"
    if heard.streamed and heard.finishes:
        return "an error after the answer had finished"
    return ""


def _answer(heard: Heard, wanted: Wanted) -> str:
    """What is wrong with an answer that does not say that anything is."""
    if heard.trouble:
        return heard.trouble
    if not heard.whole or (heard.done is False and heard.streamed):
        return "cut without an error event"
    if heard.finishes != dict.fromkeys(range(wanted.answers), wanted.finish):
        return f"finished as {heard.finishes} in place of {wanted.finish}"
    if heard.texts != dict.fromkeys(range(wanted.answers), wanted.text):
        return f"another text: {str(heard.texts)[:120]}"
    return _usage(heard, wanted)


def _usage(heard: Heard, wanted: Wanted) -> str:
    if wanted.usage is None:
        return "a stream with usage that nobody asked for" if heard.streamed and heard.usage is not None else ""
    if heard.usage is None:
        return "no usage"
    if heard.running_usage:
        return "usage beside the words, which nobody asked for"
    told = _two(heard.usage)
    return "" if told == wanted.usage else f"usage {told} in place of {wanted.usage}"


def _two(usage: Mapping[str, Any]) -> tuple[Any, Any]:
    return usage.get("prompt_tokens"), usage.get("completion_tokens")
