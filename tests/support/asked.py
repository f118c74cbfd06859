"""Requests to a gateway and what serves them, made in one line."""

from __future__ import annotations

from typing import Any

import orjson

from plimsoll.cost.record import Operation
from plimsoll.gateway.backends import BACKENDS
from plimsoll.gateway.policy.shaping import Shaped, shaped
from plimsoll.gateway.reading import read
from plimsoll.gateway.request import Request, request_of
from plimsoll.routing.document import Hosted, Served, Timeouts
from plimsoll.routing.policy import Example, Generation, Prompt

TIMEOUTS = Timeouts(connect=5, first_byte=30, idle=30, total=30)
SAID = {"role": "user", "content": "What is a keel?"}
_SUBJECTS: dict[Operation, dict[str, Any]] = {
    "chat": {"messages": [SAID]},
    "completion": {"prompt": "What is a keel?"},
    "embedding": {"input": "What is a keel?"},
}


def asked(operation: Operation = "chat", /, **fields: Any) -> Request:
    """What is not said is as it usually is; a field that is ... is not there."""
    body = {"model": "team/small", **_SUBJECTS[operation], **fields}
    raw = orjson.dumps({name: value for name, value in body.items() if value is not ...})
    return request_of(operation, read(raw))


def served(backend: str = "llamacpp", generation: Generation | None = None, prompt: Prompt | None = None) -> Served:
    return Served(
        revision=3,
        backend=backend,
        target="there",
        upstream=Hosted(service="small.team.svc:8080"),
        generation=generation or Generation(),
        prompt=prompt,
        on_disconnect="cancel",
        timeouts=TIMEOUTS,
    )


def goes_on(request: Request, by: Served) -> Shaped:
    return shaped(request, by, BACKENDS[by.backend])


def fields_after(request: Request, by: Served) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(goes_on(request, by).body)
    return found


def role(system: str | None = None, frame: str | None = None, *examples: tuple[str, str], **others: Any) -> Prompt:
    shown = tuple(Example(user=user, answer=answer) for user, answer in examples)
    values = {"role": "tester", "answer_prefix": "Assistant:", **others}
    return Prompt(system=system, frame=frame, examples=shown, **values)
