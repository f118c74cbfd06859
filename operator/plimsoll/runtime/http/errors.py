"""Answers that are errors, in the shape that OpenAI's clients read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

_INVALID = "invalid_request_error"
CLOSE = (b"connection", b"close")


class ApiError(Exception):
    """One error answer. `param` is the field that is wrong, `code` a word for programs."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.headers = tuple(headers)

    @property
    def type(self) -> str:
        if self.status == 429:
            return "rate_limit_error"
        return _INVALID if self.status < 500 else "server_error"

    def told(self) -> Mapping[str, Any]:
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}

    def body(self) -> bytes:
        return orjson.dumps(self.told())


def bad_field(name: str, message: str) -> ApiError:
    """A field that has a value it cannot have."""
    return ApiError(400, f"{name}: {message}", param=name, code="invalid_value")


def unknown_fields(names: Mapping[str, str | None]) -> ApiError:
    """Each with the known name that it is like, where there is one."""
    told = ", ".join(f"{name} (did you mean {meant}?)" if meant else name for name, meant in names.items())
    return ApiError(
        400,
        f"unknown fields: {told}. Leave them out, or send `strict: false` to have unknown fields ignored.",
        param=next(iter(names)),
        code="unknown_field",
    )


def too_long(tokens: int | str, context: int, name: str, *, answer: int = 1) -> ApiError:
    """`answer` is how many tokens the answer needs at least."""
    left = f"{context - answer} tokens, as the answer needs one" if answer else f"{context} tokens"
    return ApiError(
        400,
        f"{name}: has {tokens} tokens, and with a context of {context} there is room for {left}. "
        "Shorten it, or raise the context of the model.",
        param=name,
        code="context_length_exceeded",
    )


def waiting_room_full(retry_after: float) -> ApiError:
    return _later("as many requests wait as may wait", "waiting_room_full", retry_after)


def no_slot_in_time(retry_after: float) -> ApiError:
    return _later("no slot was free for as long as a request may wait", "queue_timeout", retry_after)


def too_much_coming(retry_after: float) -> ApiError:
    return _later("too many long bodies are being sent at once", "too_much_coming", retry_after, CLOSE)


def _later(message: str, code: str, retry_after: float, *headers: tuple[bytes, bytes]) -> ApiError:
    seconds = max(1, round(retry_after))
    again = (b"retry-after", str(seconds).encode())
    return ApiError(429, f"{message}; try again in about {seconds} s", code=code, headers=[again, *headers])


def not_ready(message: str, code: str, retry_after: int) -> ApiError:
    """Only while the model is loaded or the engine ends: whoever asks is sent elsewhere."""
    headers = [(b"retry-after", str(retry_after).encode()), CLOSE]
    return ApiError(503, message, code=code, headers=headers)


def ending() -> ApiError:
    return not_ready("this engine is about to end and takes no new requests", "draining", 1)


def failed() -> ApiError:
    """What went wrong is in the log: it may speak of files and lines that are nobody's business."""
    return ApiError(500, "the engine failed to answer; its log says why", code="internal_error")
