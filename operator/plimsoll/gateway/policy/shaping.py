"""From the request of a client to the body that its backend gets: name, generation, prompt, usage."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from plimsoll.gateway.backends.dialect import Dialect
from plimsoll.gateway.policy.generation import generation
from plimsoll.gateway.policy.locking import check_locked
from plimsoll.gateway.policy.prompts import prompt_changes
from plimsoll.gateway.policy.report import Report
from plimsoll.gateway.request import Request
from plimsoll.routing.document import Served


class Shaped(Struct, frozen=True):
    body: bytes
    report: Report


def shaped(request: Request, served: Served, dialect: Dialect) -> Shaped:
    prompt = served.prompt
    if prompt is not None and prompt.lock_system:
        check_locked(request)
    changes, report = generation(request, served.generation, dialect)
    if prompt is not None:
        changes |= prompt_changes(request, prompt)
    changes |= {"model": served.target, **_usage(request, dialect)}
    return Shaped(request.body.written(changes), report)


def _usage(request: Request, dialect: Dialect) -> dict[str, Any]:
    """A stream is always asked what it used, whether or not the client wants to see it."""
    if not request.stream:
        return {}
    return {"stream_options": {**(request.fields.get("stream_options") or {}), **dialect.stream_options}}
