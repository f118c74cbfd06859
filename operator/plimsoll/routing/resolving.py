"""What a spec says, and what it leaves out, as the gateway needs it: every default in its place."""

from __future__ import annotations

from typing import Any

from plimsoll.api import calls
from plimsoll.api.access import Access as DeclaredAccess
from plimsoll.api.call_limits import DEFAULT_QUEUE, CallLimits
from plimsoll.api.generation import Defaults, Maximum, Minimum
from plimsoll.api.generation import Generation as DeclaredGeneration
from plimsoll.api.prompt import DEFAULT_ANSWER_PREFIX
from plimsoll.api.prompt import Prompt as DeclaredPrompt
from plimsoll.api.rules.rule import seconds
from plimsoll.routing.document import Access, Timeouts
from plimsoll.routing.limits import NO_LIMITS, Limits
from plimsoll.routing.policy import Example, Generation, Prompt

# Of a connection inside a data centre or to a provider nobody has to wish another time.
_CONNECT_SECONDS = 5.0


def access_of(declared: DeclaredAccess, namespace: str) -> Access:
    if declared.keys_from == "All":
        return Access(everyone=True)
    return Access(namespaces=tuple(sorted({namespace, *(declared.namespaces or ())})))


def limits_of(declared: CallLimits | None) -> Limits:
    if declared is None:
        return NO_LIMITS
    waits = declared.when_full == "Wait"
    return Limits(
        requests=declared.requests,
        tokens=declared.tokens,
        window_seconds=float(seconds(declared.window)),
        concurrency=declared.concurrency,
        when_full="wait" if waits else "refuse",
        queue=(declared.queue or DEFAULT_QUEUE) if waits else 0,
    )


def timeouts_of(declared: calls.Timeouts | None) -> Timeouts:
    given = declared or calls.Timeouts()
    return Timeouts(
        connect=_CONNECT_SECONDS,
        first_byte=float(seconds(given.first_byte or calls.DEFAULT_FIRST_BYTE)),
        idle=float(seconds(given.idle or calls.DEFAULT_IDLE)),
        total=float(seconds(given.total or calls.DEFAULT_TOTAL)),
    )


def generation_of(declared: DeclaredGeneration | None) -> Generation:
    if declared is None:
        return Generation()
    limits = declared.limits
    return Generation(
        defaults=_given(declared.defaults),
        minimum=_given(limits.min if limits else None),
        maximum=_given(limits.max if limits else None),
        locked=tuple(sorted(declared.locked or ())),
    )


def prompt_of(declared: DeclaredPrompt | None) -> Prompt | None:
    if declared is None:
        return None
    role = next(role for role in declared.roles if role.name == declared.active)
    return Prompt(
        role=role.name,
        lock_system=declared.lock_system,
        system=role.system,
        frame=role.frame,
        answer_prefix=role.answer_prefix or DEFAULT_ANSWER_PREFIX,
        examples=tuple(Example(user=each.user, answer=each.answer) for each in role.examples or ()),
    )


def _given(declared: Defaults | Minimum | Maximum | None) -> dict[str, Any]:
    return declared.model_dump(by_alias=True, exclude_none=True) if declared else {}
