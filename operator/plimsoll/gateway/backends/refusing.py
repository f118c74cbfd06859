"""What a backend says when it does not answer: whose mistake it is, and how much of its words a client may read."""

from __future__ import annotations

from typing import Any

import orjson

from plimsoll.gateway.errors import ApiError, Code
from plimsoll.gateway.policy.quoting import quotes
from plimsoll.routing.policy import Prompt

_LONGEST = 2000
# The request is wrong, and the backend knows best why. The others of the kind are about paths that we chose ourselves.
_THE_CLIENTS = (400, 413, 422)
_THE_OWNERS = (401, 402, 403)


def refused(
    status: int, raw: bytes, prompt: Prompt | None, retry_after: float | None = None, credential: str | None = None
) -> ApiError:
    """Of an answer whose status says that it is none, to a request that went out with this prompt and this key."""
    if status in _THE_CLIENTS:
        return _passed_on(status, _error_of(raw), prompt, credential)
    if status in _THE_OWNERS:
        # Not the key of the client: a 401 would have him look for a mistake that is not his. Nor are the words for him:
        # some providers repeat a part of the key.
        return ApiError(Code.UPSTREAM_CREDENTIAL, status=status)
    if status == 429:
        return ApiError(Code.UPSTREAM_RATE_LIMITED, retry_after=retry_after or 1)
    if status == 503:
        return ApiError(Code.UPSTREAM_OVERLOADED, retry_after=retry_after or 1)
    return ApiError(Code.UPSTREAM_FAILED, status=status)


def error_within(payload: bytes, prompt: Prompt | None, credential: str | None = None) -> ApiError | None:
    """Of an event or a body with status 200 that holds an error all the same; None where it holds none."""
    if b'"error"' not in payload:
        return None
    error = _error_of(payload)
    if error is None:
        return None
    code = error.get("code")
    if code in _THE_CLIENTS or error.get("type") == "invalid_request_error":
        return _passed_on(int(code) if code in _THE_CLIENTS else 400, error, prompt, credential)
    return ApiError(Code.UPSTREAM_BROKEN, why="it sent an error in place of an answer")


def _passed_on(status: int, error: dict[str, Any] | None, prompt: Prompt | None, credential: str | None) -> ApiError:
    message, param, code = (_text(error or {}, name) for name in ("message", "param", "code"))
    if quotes(f"{message}\n{param}\n{code}", prompt, credential):
        return ApiError.passed_on(status, "", param=None, code=None)
    return ApiError.passed_on(status, message or "", param=param, code=code)


def _error_of(raw: bytes) -> dict[str, Any] | None:
    """In the shape of OpenAI, or in the flat one that older servers have."""
    try:
        told = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(told, dict):
        return None
    error = told.get("error")
    if isinstance(error, str):
        return {"message": error}
    if isinstance(error, dict):
        return error
    return told if told.get("object") == "error" else None


def _text(error: dict[str, Any], name: str) -> str | None:
    value = error.get(name)
    return value[:_LONGEST] if isinstance(value, str) else None
