"""A line of JSON for every request, without a word of what was said in it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from plimsoll.runtime.http.exchange import Exchange
from plimsoll.runtime.http.fields import shortened

_LOG = logging.getLogger(__name__)
# Asked by machines every few seconds, and nothing follows from the answer but this one.
_PROBES = ("/health", "/ready", "/metrics")
_ALARM = "/health"


class Journal:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def note(self, exchange: Exchange, began: float) -> None:
        """When the client has been answered and the engine has counted everything, whichever is later."""
        answers = exchange.answers
        if answers is not None and answers.running():
            answers.completed = lambda: self._write(exchange, began)
        else:
            self._write(exchange, began)

    def _write(self, exchange: Exchange, began: float) -> None:
        if exchange.path in _PROBES and (exchange.path != _ALARM or exchange.status < 400):
            return
        told: dict[str, Any] = {
            "request": exchange.id,
            "method": exchange.method,
            "path": shortened(exchange.path),
            "status": exchange.status or None,
            "seconds": round(self._clock() - began, 4),
            **_counted(exchange),
        }
        _LOG.info("request", extra={"fields": told})


def _counted(exchange: Exchange) -> Mapping[str, Any]:
    answers = exchange.answers.all if exchange.answers else []
    usages = [each.usage for each in answers if each.usage is not None]
    if not answers:
        return {}
    firsts = [each.first for each in answers if each.first is not None]
    told: dict[str, Any] = {
        "prompt_tokens": sum(each.prompt_tokens for each in usages),
        "cached_tokens": sum(each.cached_tokens for each in usages),
        "completion_tokens": sum(each.completion_tokens for each in usages),
        "finish": sorted({str(each.finish) for each in answers}),
    }
    if errors := sorted({each.error for each in answers if each.error}):
        told["errors"] = errors
    return told | ({"first_token_seconds": round(min(firsts) - answers[0].began, 4)} if firsts else {})
