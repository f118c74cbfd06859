"""Our own engine, written by the very code that writes its answers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from plimsoll.runtime.http.calls import Argued, Called
from plimsoll.runtime.http.errors import ApiError
from plimsoll.runtime.http.formats import ChatFormat, CompletionFormat, Head, Whole, running_usage
from plimsoll.runtime.requests import Usage
from tests.support.counting_upstream.asked import Header
from tests.support.counting_upstream.counters import Counts
from tests.support.counting_upstream.shapes.shape import Object, Shape

_CODES = {404: "model_not_found", 429: "waiting_room_full", 500: "generation_failed", 503: "draining"}


class LlamaCpp(Shape):
    source = "operator/plimsoll/runtime/http of this checkout"

    def headers(self, kind: str) -> list[Header]:
        said = [("content-type", kind), ("x-request-id", self.asked.header("x-request-id") or self.id)]
        streaming = [("cache-control", "no-cache"), ("x-accel-buffering", "no")]
        return said + (streaming if kind.startswith("text/event-stream") else [])

    @cached_property
    def _form(self) -> ChatFormat | CompletionFormat:
        head = Head(self.id, self.created, self.asked.model, self.asked.wants_usage)
        return ChatFormat(head, _no_piece) if self.asked.chat else CompletionFormat(head, _no_piece)

    def opening(self, index: int, counts: Counts) -> bytes:
        return self._told(counts, self._form.opening(index))

    def word(self, index: int, at: int, counts: Counts) -> bytes:
        word = self.script.words[at]
        if self.script.call is None or not isinstance(self._form, ChatFormat):
            return self._told(counts, self._form.text(index, word, None))
        named = b"" if at else self._form.call(index, Called(self.script.call), self.call_id)
        return self._told(counts, named, self._form.call(index, Argued(word), self.call_id))

    def closing(self, index: int, finish: str, counts: Counts) -> bytes:
        return self._told(counts, self._form.closing(index, finish))

    def _told(self, counts: Counts, *events: bytes) -> bytes:
        if not self.asked.wants_running_usage:
            return b"".join(events)
        used = Usage(counts.prompt, counts.cached, counts.completion)
        return b"".join(running_usage(each, used) for each in events if each)

    def usage_event(self, counts: Counts) -> bytes:
        return self._form.usage(self.told_usage(counts))

    def body(self, words: Sequence[str], finish: str, counts: Counts) -> bytes:
        call = self.whole_call(words) if self.script.call else None
        whole = Whole("" if call else "".join(words), None, finish, call)
        return self._form.body([whole] * self.asked.answers, self.told_usage(counts))

    def usage(self, counts: Counts) -> Object:
        return {
            "prompt_tokens": counts.prompt,
            "completion_tokens": counts.completion,
            "total_tokens": counts.prompt + counts.completion,
            "prompt_tokens_details": {"cached_tokens": counts.cached},
        }

    def error(self, status: int, message: str) -> Object:
        return dict(ApiError(status, message, code=_CODES.get(status)).told())

    def model(self) -> Object:
        head = {"id": "boat", "object": "model", "created": self.created, "owned_by": "plimsoll"}
        return head | {"max_model_len": 4096}


def _no_piece(_token: int) -> bytes:
    raise AssertionError("the upstream says no logarithms")
