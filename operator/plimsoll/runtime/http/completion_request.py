"""What /v1/completions is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plimsoll.runtime.http.errors import bad_field
from plimsoll.runtime.http.fields import Fields, kind_of
from plimsoll.runtime.http.wishes import MOST_ANSWERS, Wishes, top_logprobs, wishes_of

# OpenAI's own.
_USUAL_MAX_TOKENS = 16

Prompt = str | NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    prompts: tuple[Prompt, ...]
    wishes: Wishes
    max_tokens: int
    top_logprobs: int | None


def completion_request(fields: Fields, vocabulary: int) -> CompletionRequest:
    wishes = wishes_of(fields, vocabulary)
    fields.needs("prompt")
    prompts = prompts_of(fields.take("prompt"), "prompt", vocabulary)
    if len(prompts) * wishes.answers > MOST_ANSWERS:
        raise bad_field("n", f"prompts times n must be at most {MOST_ANSWERS}, not {len(prompts) * wishes.answers}")
    for name, value in (("echo", False), ("suffix", ""), ("best_of", wishes.answers)):
        fields.only(name, value, "nothing else is offered here")
    return CompletionRequest(prompts, wishes, wishes.max_tokens or _USUAL_MAX_TOKENS, top_logprobs(fields, "logprobs"))


def prompts_of(given: Any, name: str, vocabulary: int, most: int = MOST_ANSWERS) -> tuple[Prompt, ...]:
    """Text, several texts, the ids of tokens, or several lists of ids."""
    if isinstance(given, str):
        return (given,)
    if not isinstance(given, list) or not given:
        raise bad_field(name, f"must be text, a list of texts, token ids or lists of token ids, not {_told(given)}")
    if isinstance(given[0], int):
        return (_ids(given, name, vocabulary),)
    if len(given) > most:
        raise bad_field(name, f"must have at most {most} entries, not {len(given)}")
    if all(isinstance(each, str) for each in given):
        return tuple(given)
    if all(isinstance(each, list) and each for each in given):
        return tuple(_ids(each, name, vocabulary) for each in given)
    raise bad_field(name, "must have entries of one kind: texts, token ids, or lists of token ids")


def _ids(given: Sequence[Any], name: str, vocabulary: int) -> NDArray[np.int32]:
    if not all(type(each) is int and 0 <= each < vocabulary for each in given):
        raise bad_field(name, f"every token id must be a whole number from 0 to {vocabulary - 1}")
    return np.array(given, dtype=np.int32)


def _told(given: Any) -> str:
    return "an empty list" if isinstance(given, list) else "nothing" if given is None else kind_of(given)
