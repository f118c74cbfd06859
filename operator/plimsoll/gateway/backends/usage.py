"""From the usage object of a backend to tokens of which each stands in one class, whatever the totals include."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec import Struct

from plimsoll.cost.record import Tokens

# More than any context and any answer has; a larger count is a mistake of somebody.
_MOST = 10**9


class Counted(Struct, frozen=True):
    tokens: Tokens
    # In words, where the usage is no usage, or does not fit itself or what was seen.
    mismatch: str | None = None


def tokens_of(usage: Any, events: int = 0) -> Counted:
    """`events` are those of the answer that had text: an answer has at least as many tokens, whoever says less."""
    reading = _Reading(usage if isinstance(usage, dict) else {})
    if not reading.usage:
        reading.doubts.append("no usage")
    totals = _totals(reading)
    inputs = _inputs(reading, totals.prompt)
    text, reasoning = _outputs(reading, totals)
    if (seen := text + reasoning) < events:
        reading.doubts.append(f"{seen} tokens in {events} events")
        text += events - seen
    tokens = Tokens(**inputs, output_text=text, output_reasoning=reasoning)
    return Counted(tokens, "; ".join(reading.doubts) or None)


class _Reading(Struct):
    usage: Mapping[str, Any]
    doubts: list[str] = []

    def count(self, name: str, part: str | None = None) -> int | None:
        """Zero is an answer; None is none. What cannot be a count is none as well, and doubted."""
        holder = self.usage if part is None else self.usage.get(part)
        value = holder.get(name) if isinstance(holder, dict) else None
        if value is None:
            return None
        # Some servers write every number with a point.
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int or not 0 <= value <= _MOST:
            self.doubts.append(f"{name} is not a count")
            return None
        return value

    def at_most(self, most: int, name: str, value: int) -> int:
        if value <= most:
            return value
        self.doubts.append(f"{name} is {value} of {most}")
        return most


class _Totals(NamedTuple):
    prompt: int
    completion: int
    total: int | None


def _totals(reading: _Reading) -> _Totals:
    """One that is missing is what the others leave for it: embeddings, for one, have no completion."""
    prompt, completion = reading.count("prompt_tokens"), reading.count("completion_tokens")
    total = reading.count("total_tokens")
    if prompt is None:
        if reading.usage:
            reading.doubts.append("prompt_tokens is missing")
        prompt = max(0, (total or 0) - (completion or 0))
    if completion is None:
        completion = max(0, (total or 0) - prompt)
    return _Totals(prompt, completion, total)


def _inputs(reading: _Reading, prompt: int) -> dict[str, int]:
    details = "prompt_tokens_details"
    cached = reading.count("cached_tokens", details)
    if cached is None:
        cached = reading.count("prompt_cache_hit_tokens")  # DeepSeek
    written = reading.count("cache_write_tokens", details)
    if written is None:
        written = reading.count("created_cache_tokens", details)  # vLLM
    cached = reading.at_most(prompt, "cached_tokens", cached or 0)
    written = reading.at_most(prompt - cached, "cache_write_tokens", written or 0)
    return {"input_text": prompt - cached - written, "input_cached": cached, "cache_write": written}


def _outputs(reading: _Reading, totals: _Totals) -> tuple[int, int]:
    """Text and reasoning. OpenAI counts what was thought within the completion, xAI beside it: the total says which."""
    prompt, completion, total = totals
    reasoning = reading.count("reasoning_tokens", "completion_tokens_details") or 0
    if reasoning and total == prompt + completion + reasoning:
        return completion, reasoning
    if total is not None and total != prompt + completion:
        reading.doubts.append(f"total_tokens is {total}, and the parts are {prompt + completion}")
    reasoning = reading.at_most(completion, "reasoning_tokens", reasoning)
    return completion - reasoning, reasoning
