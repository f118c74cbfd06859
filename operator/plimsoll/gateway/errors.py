"""Every error that a caller can get from the gateway, in OpenAI's shape: one table, and the exception for a row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

INVALID, AUTHENTICATION, PERMISSION = "invalid_request_error", "authentication_error", "permission_error"
RATE, SERVER = "rate_limit_error", "server_error"


class Code(StrEnum):
    """The word for programs; it never changes its meaning."""

    INVALID_HTTP = "invalid_http"
    INVALID_JSON = "invalid_json"
    DUPLICATE_KEY = "duplicate_key"
    TOO_DEEP = "too_deep"
    TOO_MANY_VALUES = "too_many_values"
    NUMBER_TOO_LARGE = "number_too_large"
    INVALID_VALUE = "invalid_value"
    LOCKED_PARAMETER = "locked_parameter"
    LOCKED_PROMPT = "locked_prompt"
    CONTEXT_LENGTH_EXCEEDED = "context_length_exceeded"
    AMBIGUOUS_MODEL = "ambiguous_model"
    UNSUPPORTED_OPERATION = "unsupported_operation"
    PATH_NOT_FOUND = "path_not_found"
    MODEL_NOT_FOUND = "model_not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    BODY_TIMEOUT = "body_timeout"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    HEADERS_TOO_LARGE = "headers_too_large"
    MISSING_API_KEY = "missing_api_key"
    INVALID_API_KEY = "invalid_api_key"
    EXPIRED_API_KEY = "expired_api_key"
    SUSPENDED_API_KEY = "suspended_api_key"
    MODEL_FORBIDDEN = "model_forbidden"
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"
    QUEUE_FULL = "queue_full"
    OVER_LIMIT = "over_limit"
    BODIES_FULL = "bodies_full"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    MODEL_NOT_READY = "model_not_ready"
    NO_ROUTES = "no_routes"
    RECORDS_UNWRITABLE = "records_unwritable"
    DRAINING = "draining"
    UPSTREAM_REFUSED = "upstream_refused"
    UPSTREAM_RATE_LIMITED = "upstream_rate_limited"
    UPSTREAM_CREDENTIAL = "upstream_credential"
    UPSTREAM_ADDRESS_REFUSED = "upstream_address_refused"
    UPSTREAM_FAILED = "upstream_failed"
    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    UPSTREAM_BROKEN = "upstream_broken"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    UPSTREAM_OVERLOADED = "upstream_overloaded"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class Kind:
    """A row: what is answered, in words that say what to do. What stands in braces is given with each error."""

    status: int
    type: str
    words: str


KINDS: dict[Code, Kind] = {
    Code.INVALID_HTTP: Kind(400, INVALID, "this is no HTTP/1.1 that can be read; set the client to plain HTTP/1.1"),
    Code.INVALID_JSON: Kind(400, INVALID, "the body must be one JSON object in UTF-8: {why}"),
    Code.DUPLICATE_KEY: Kind(400, INVALID, "an object in the body has the same key twice; send every key once"),
    Code.TOO_DEEP: Kind(400, INVALID, "the body is nested more than {most} levels deep; send it flatter"),
    Code.TOO_MANY_VALUES: Kind(400, INVALID, "the body has more than {most} {what}; send less at once"),
    Code.NUMBER_TOO_LARGE: Kind(400, INVALID, "a number in the body has more than {digits} digits or is 1e100 or more"),
    Code.INVALID_VALUE: Kind(400, INVALID, "{field}: {why}"),
    Code.LOCKED_PARAMETER: Kind(
        400, INVALID, "{field}: the owner of this model has fixed it and takes no other value; leave it out"
    ),
    Code.LOCKED_PROMPT: Kind(400, INVALID, "{field}: {why}; the owner of this model has locked its system prompt"),
    Code.CONTEXT_LENGTH_EXCEEDED: Kind(
        400,
        INVALID,
        "{field}: has at least {tokens} tokens, and the context of this model is {context}; shorten it, or ask its "
        "owner to raise the context",
    ),
    Code.AMBIGUOUS_MODEL: Kind(400, INVALID, "model: {model} may be any of {candidates}; send one of these names"),
    Code.UNSUPPORTED_OPERATION: Kind(400, INVALID, "the backend of this model has nothing that answers {operation}"),
    Code.PATH_NOT_FOUND: Kind(404, INVALID, "there is nothing at {path}; the paths are those of OpenAI below /v1"),
    Code.MODEL_NOT_FOUND: Kind(
        404, INVALID, "model: there is no {model} that this key may call; GET /v1/models lists them"
    ),
    Code.METHOD_NOT_ALLOWED: Kind(405, INVALID, "{path} takes {methods} only"),
    Code.BODY_TIMEOUT: Kind(408, INVALID, "the body did not come within {seconds} s; send it faster"),
    Code.BODY_TOO_LARGE: Kind(413, INVALID, "the body has more than {most} bytes; send less at once"),
    Code.UNSUPPORTED_MEDIA_TYPE: Kind(415, INVALID, "the body must be plain application/json, not {given}"),
    Code.HEADERS_TOO_LARGE: Kind(431, INVALID, "the headers have more than {most} bytes; send less"),
    Code.MISSING_API_KEY: Kind(401, AUTHENTICATION, "a key is needed: send `Authorization: Bearer KEY`"),
    Code.INVALID_API_KEY: Kind(
        401, AUTHENTICATION, "this key is not known here; `plimsoll key list` shows those that are"
    ),
    Code.EXPIRED_API_KEY: Kind(401, AUTHENTICATION, "this key has expired; ask the team that owns it for a new one"),
    Code.SUSPENDED_API_KEY: Kind(403, PERMISSION, "this key is suspended; ask the team that owns it"),
    Code.MODEL_FORBIDDEN: Kind(403, PERMISSION, "model: this key may not call {model}; ask the team that owns the key"),
    Code.RATE_LIMIT_EXCEEDED: Kind(429, RATE, "the limit of {scope} is reached: {limit}; try again in {seconds} s"),
    Code.QUEUE_FULL: Kind(429, RATE, "as many requests wait for {scope} as may wait; try again in {seconds} s"),
    Code.OVER_LIMIT: Kind(
        429,
        RATE,
        "this request alone may take {amount}, and {scope} may have {limit}, {part} of it at each gateway; ask for "
        "less, with a smaller max_tokens for one, or ask for a higher limit",
    ),
    Code.BODIES_FULL: Kind(503, SERVER, "too many long bodies are in the memory of this gateway; try again"),
    Code.TOO_MANY_CONNECTIONS: Kind(503, SERVER, "this gateway has as many connections as it takes; try again"),
    Code.MODEL_NOT_READY: Kind(503, SERVER, "{model} takes no calls now: {message} ({reason})"),
    Code.NO_ROUTES: Kind(503, SERVER, "this gateway does not know the models yet; try again"),
    Code.RECORDS_UNWRITABLE: Kind(503, SERVER, "what is used cannot be recorded now, so nothing is served; try again"),
    Code.DRAINING: Kind(503, SERVER, "this gateway is about to end; ask again, and another one answers"),
    Code.UPSTREAM_REFUSED: Kind(400, INVALID, "the backend of this model refused the request with {status}"),
    Code.UPSTREAM_RATE_LIMITED: Kind(429, RATE, "the provider of this model takes no more requests now"),
    Code.UPSTREAM_CREDENTIAL: Kind(
        502, SERVER, "the provider of this model does not accept the owner's credential ({status}); ask the owner"
    ),
    Code.UPSTREAM_ADDRESS_REFUSED: Kind(
        502,
        SERVER,
        "the provider of this model lies in a network that this gateway opens to none; ask its owner for a public "
        "address, or whoever runs the gateway for --provider-networks",
    ),
    Code.UPSTREAM_FAILED: Kind(502, SERVER, "the backend of this model failed with {status}; try again"),
    Code.UPSTREAM_UNREACHABLE: Kind(502, SERVER, "the backend of this model cannot be reached; try again"),
    Code.UPSTREAM_BROKEN: Kind(502, SERVER, "the backend of this model broke off: {why}; ask again"),
    Code.UPSTREAM_TIMEOUT: Kind(504, SERVER, "the backend of this model was silent for {seconds} s; try again"),
    Code.UPSTREAM_OVERLOADED: Kind(503, SERVER, "the backend of this model is overloaded or starts; try again"),
    Code.INTERNAL_ERROR: Kind(500, SERVER, "the gateway failed to answer; its log has the request id"),
}


class ApiError(Exception):
    """One error answer. `param` is the field that is wrong; what else is given fills the words of the row."""

    def __init__(
        self, code: Code, *, param: str | None = None, retry_after: float | None = None, **values: object
    ) -> None:
        kind = KINDS[code]
        self.status = kind.status
        self.type = kind.type
        self.code: str = code
        self.message = kind.words.format_map(values)
        self.param = param
        self.retry_after = retry_after
        super().__init__(self.message)

    @classmethod
    def passed_on(cls, status: int, message: str, *, param: str | None, code: str | None) -> ApiError:
        """What a backend says about a request that it refused, in its own words."""
        error = cls(Code.UPSTREAM_REFUSED, param=param, status=status)
        error.status = status
        error.message = message or error.message
        error.code = code or error.code
        return error

    def told(self, request: str) -> dict[str, Any]:
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return {"error": {**error, "request_id": request}}

    def body(self, request: str) -> bytes:
        return orjson.dumps(self.told(request))

    def event(self, request: str) -> bytes:
        """For a stream that has begun: the stock clients raise it as an error."""
        return b"data: " + self.body(request) + b"\n\n"

    def headers(self) -> list[tuple[bytes, bytes]]:
        if self.retry_after is None:
            return []
        return [(b"retry-after", str(max(1, math.ceil(self.retry_after))).encode())]


def bad_field(field: str, why: str) -> ApiError:
    """A field that has a value it cannot have."""
    return ApiError(Code.INVALID_VALUE, param=field, field=field, why=why)
