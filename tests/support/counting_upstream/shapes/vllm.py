"""vLLM's API server, as its source has it: which fields are there, which are null, and what counts when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from tests.support.counting_upstream.counters import Counts
from tests.support.counting_upstream.shapes.shape import Object, Shape, dumps, event

_TYPES = {400: "BadRequestError", 404: "NotFoundError", 500: "InternalServerError", 503: "ServiceUnavailableError"}


class Vllm(Shape):
    source = "vllm 0.33.0 of 2026-11-02, the source distribution that tests/support/vllm_source.py pins"
    # It counts the token that means the end of a text.
    end_tokens = 1

    def opening(self, index: int, counts: Counts) -> bytes:
        if not self.asked.chat:
            return b""
        choice = _choice(index, {"role": "assistant", "content": ""}, None)
        return self._event([choice], {"prompt_token_ids": None, "prompt_text": None}, counts)

    def word(self, index: int, at: int, counts: Counts) -> bytes:
        word = self.script.words[at]
        if not self.asked.chat:
            return self._text_event(index, word, None, counts)
        delta = self.call_delta(at) if self.script.call else {"content": word}
        return self._event([_choice(index, delta, None) | {"token_ids": None}], _NO_TRANSFER, counts)

    def closing(self, index: int, finish: str, counts: Counts) -> bytes:
        if not self.asked.chat:
            return self._text_event(index, "", finish, counts)
        ending = {"stop_reason": None, "token_ids": None, "weight_versions": None}
        return self._event([_choice(index, {"content": ""}, finish) | ending], _NO_TRANSFER, counts)

    def usage_event(self, counts: Counts) -> bytes:
        # Of its last event, what is null is left out.
        usage = {name: value for name, value in self.told_usage(counts).items() if value is not None}
        return event(self._head(streamed=True) | {"choices": [], "usage": usage})

    def body(self, words: Sequence[str], finish: str, counts: Counts) -> bytes:
        """Whole answers have every field, null or not."""
        choices = [self._whole(index, words, finish) for index in range(self.asked.answers)]
        nothing = {"service_tier": None, "system_fingerprint": None}
        usage = {"usage": self.told_usage(counts)}
        prompt = {"prompt_logprobs": None, "prompt_token_ids": None, "prompt_text": None} if self.asked.chat else {}
        rest = {"kv_transfer_params": None, "ec_transfer_params": None, "metrics": None}
        return dumps(self._head(streamed=False) | {"choices": choices} | nothing | usage | prompt | rest)

    def usage(self, counts: Counts) -> Object:
        details = {"cached_tokens": counts.cached, "created_cache_tokens": None, "multimodal_tokens": None}
        return self._running(counts) | {"prompt_tokens_details": details if counts.cached else None}

    def embeddings(self, counts: Counts) -> bytes:
        vector = self._vector()
        data = [{"index": at, "object": "embedding", "embedding": vector} for at in range(self.asked.inputs)]
        head = {"id": f"embd-{self.asked.number:08d}", "object": "list", "created": self.created}
        return dumps(head | {"model": self.asked.model, "data": data, "usage": self.told_usage(counts)})

    def error(self, status: int, message: str) -> Object:
        kind = _TYPES.get(status, HTTPStatus(status).phrase)
        return {"error": {"message": message, "type": kind, "param": None, "code": status}}

    def model(self) -> Object:
        head = {"id": "boat", "object": "model", "created": self.created, "owned_by": "vllm"}
        return head | {"root": "/models", "parent": None, "max_model_len": 4096, "permission": []}

    def _running(self, counts: Counts) -> Object:
        thought = {"reasoning_tokens": counts.reasoning} if self.script.reasoning else None
        return {
            "prompt_tokens": counts.prompt,
            "total_tokens": counts.prompt + counts.completion,
            "completion_tokens": counts.completion,
            "completion_tokens_details": thought,
        }

    def _head(self, *, streamed: bool) -> Object:
        chat = "chat.completion.chunk" if streamed else "chat.completion"
        kind = chat if self.asked.chat else "text_completion"
        return {"id": self.id, "object": kind, "created": self.created, "model": self.asked.model}

    def _event(self, choices: Sequence[Object], more: Object, counts: Counts) -> bytes:
        running = {"usage": self._running(counts) | self.script.lie} if self.asked.wants_running_usage else {}
        return event(self._head(streamed=True) | {"choices": choices} | running | more)

    def _text_event(self, index: int, text: str, finish: str | None, counts: Counts) -> bytes:
        ids = {"prompt_token_ids": None, "token_ids": None, "weight_versions": None}
        choice = {"index": index, "text": text, "logprobs": None, "finish_reason": finish, "stop_reason": None}
        return self._event([choice | ids], _NO_TRANSFER, counts)

    def _whole(self, index: int, words: Sequence[str], finish: str) -> Object:
        nothing = {"stop_reason": None, "token_ids": None, "routed_experts": None, "weight_versions": None}
        if not self.asked.chat:
            text = {"index": index, "text": "".join(words), "logprobs": None, "finish_reason": finish}
            return text | nothing | {"prompt_logprobs": None, "prompt_token_ids": None}
        message: Object = {"role": "assistant", "content": None if self.script.call else "".join(words)}
        message |= dict.fromkeys(("refusal", "annotations", "audio", "function_call"))
        if self.script.call:
            message["tool_calls"] = [self.whole_call(words)]
        message["reasoning"] = None
        return {"index": index, "message": message, "logprobs": None, "finish_reason": finish} | nothing


_NO_TRANSFER: Object = {"kv_transfer_params": None}


def _choice(index: int, delta: Mapping[str, Any], finish: str | None) -> Object:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
