"""OpenAI's own API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.counting_upstream.asked import Header
from tests.support.counting_upstream.counters import Counts
from tests.support.counting_upstream.shapes.shape import Object, Shape, dumps, event

_TYPES = {429: "requests", 401: "invalid_request_error", 400: "invalid_request_error", 404: "invalid_request_error"}
_CODES = {429: "rate_limit_exceeded", 401: "invalid_api_key", 404: "model_not_found"}


class OpenAIShape(Shape):
    source = "openai/openai-openapi, openapi.yaml at f85dbe22 of 2026-08-21, and openai 3.54.0 for Python"
    done_after_error = False

    def headers(self, kind: str) -> list[Header]:
        number = f"req_{self.asked.number:08d}"
        said = [("content-type", kind), ("x-request-id", number), ("openai-version", "2020-10-01")]
        return [*said, ("openai-processing-ms", "42"), ("server", "cloudflare")]

    def opening(self, index: int, counts: Counts) -> bytes:
        if not self.asked.chat:
            return b""
        delta: Object = {"role": "assistant", "content": None if self.script.call else "", "refusal": None}
        return self._chat_event(index, delta, None)

    def word(self, index: int, at: int, counts: Counts) -> bytes:
        word = self.script.words[at]
        if not self.asked.chat:
            return self._event([_text(index, word, None)])
        return self._chat_event(index, self.call_delta(at) if self.script.call else {"content": word}, None)

    def closing(self, index: int, finish: str, counts: Counts) -> bytes:
        return self._chat_event(index, {}, finish) if self.asked.chat else self._event([_text(index, "", finish)])

    def usage_event(self, counts: Counts) -> bytes:
        return self._event([], self.told_usage(counts))

    def body(self, words: Sequence[str], finish: str, counts: Counts) -> bytes:
        choices = [self._choice(index, words, finish) for index in range(self.asked.answers)]
        kind = "chat.completion" if self.asked.chat else "text_completion"
        return dumps(self._head(kind) | {"choices": choices, "usage": self.told_usage(counts)})

    def usage(self, counts: Counts) -> Object:
        return {
            "prompt_tokens": counts.prompt,
            "completion_tokens": counts.completion,
            "total_tokens": counts.prompt + counts.completion,
            "prompt_tokens_details": {"cached_tokens": counts.cached, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": counts.reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    def error(self, status: int, message: str) -> Object:
        told = {"message": message, "type": _TYPES.get(status, "server_error"), "param": None}
        return {"error": told | {"code": _CODES.get(status)}}

    def model(self) -> Object:
        return {"id": "gpt-5.4", "object": "model", "created": self.created, "owned_by": "openai"}

    def _head(self, kind: str) -> Object:
        told = {"id": self.id, "object": kind, "created": self.created, "model": self.asked.model}
        return told | ({"service_tier": "default"} if self.asked.chat else {}) | {"system_fingerprint": "fp_44709d6fcb"}

    def _choice(self, index: int, words: Sequence[str], finish: str) -> Object:
        if not self.asked.chat:
            return _text(index, "".join(words), finish)
        text = None if self.script.call else "".join(words)
        message: Object = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
        if self.script.call:
            message["tool_calls"] = [self.whole_call(words)]
        return {"index": index, "message": message, "logprobs": None, "finish_reason": finish}

    def _chat_event(self, index: int, delta: Mapping[str, Any], finish: str | None) -> bytes:
        return self._event([{"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}])

    def _event(self, choices: Sequence[Object], usage: Object | None = None) -> bytes:
        told = self._head("chat.completion.chunk" if self.asked.chat else "text_completion") | {"choices": choices}
        if self.asked.wants_usage or usage is not None:
            told["usage"] = usage
        if self.asked.chat and self.asked.wants_noise:
            told["obfuscation"] = "r4N7vQ2m"
        return event(told)


def _text(index: int, text: str, finish: str | None) -> Object:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}
