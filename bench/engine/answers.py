"""A streamed answer as it arrives, and what it says at its end."""

import re
from dataclasses import dataclass

from bench.frame.errors import BenchError

_EVENT = b"data: {"
_END = b"data: [DONE]"
_COMPLETION_TOKENS = re.compile(rb'"completion_tokens":\s*(\d+)')
_PROMPT_TOKENS = re.compile(rb'"prompt_tokens":\s*(\d+)')
_FINISH = re.compile(rb'"finish_reason":\s*"(\w+)"')
_SHOWN = 400


class Answer:
    """Takes bytes with the time at which they came; looks into them only as far as the first token needs."""

    def __init__(self, asked_at: float) -> None:
        self.asked_at = asked_at
        self.first_at: float | None = None
        self._received: list[bytes] = []

    def take(self, data: bytes, now: float) -> None:
        if self.first_at is None and _EVENT in data:
            self.first_at = now
        self._received.append(data)

    def read(self, new_tokens: int) -> "Counted":
        """Whole answers only: each has exactly as many tokens as were asked for, or the figures compare nothing."""
        received = b"".join(self._received)
        finish = _FINISH.findall(received)
        if self.first_at is None or _END not in received or not finish:
            raise BenchError(f"no whole answer came: {received[:_SHOWN].decode(errors='replace')}")
        if finish[-1] != b"length":
            raise BenchError(f"an answer ended with {finish[-1].decode()!r} before its {new_tokens} tokens")
        tokens = _last_number(_COMPLETION_TOKENS, received)
        # llama_cpp.server counts nothing in a stream; what it ended for its length has this many.
        counted = new_tokens if tokens is None else tokens
        if counted != new_tokens:
            raise BenchError(f"{new_tokens} tokens were asked for and {counted} counted")
        return Counted(self.first_at - self.asked_at, counted, _last_number(_PROMPT_TOKENS, received) or 0)


@dataclass(frozen=True)
class Counted:
    first_token_seconds: float
    tokens: int
    prompt_tokens: int  # 0 where the server does not say


def _last_number(pattern: re.Pattern[bytes], text: bytes) -> int | None:
    found = pattern.findall(text)
    return int(found[-1]) if found else None
