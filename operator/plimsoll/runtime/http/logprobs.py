"""Logarithms of probabilities in OpenAI's two shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from plimsoll.runtime.requests import TokenChoice

Piece = Callable[[int], bytes]
# JSON has no minus infinity.
_LEAST = -9999.0


def for_chat(choices: Sequence[TokenChoice], piece: Piece) -> dict[str, Any]:
    content = [
        _told(choice.token, choice.logprob, piece)
        | {"top_logprobs": [_told(token, logprob, piece) for token, logprob in choice.top]}
        for choice in choices
    ]
    return {"content": content, "refusal": None}


def for_completions(choices: Sequence[TokenChoice], piece: Piece, offset: int) -> dict[str, Any]:
    """`offset` is where the first of them stands in the text."""
    tokens = [_text(choice.token, piece) for choice in choices]
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token)
    return {
        "tokens": tokens,
        "token_logprobs": [max(choice.logprob, _LEAST) for choice in choices],
        "top_logprobs": [
            {_text(token, piece): max(logprob, _LEAST) for token, logprob in choice.top} for choice in choices
        ],
        "text_offset": offsets,
    }


def _told(token: int, logprob: float, piece: Piece) -> dict[str, Any]:
    raw = piece(token)
    return {"token": raw.decode("utf-8", "replace"), "logprob": max(logprob, _LEAST), "bytes": list(raw)}


def _text(token: int, piece: Piece) -> str:
    return piece(token).decode("utf-8", "replace")
