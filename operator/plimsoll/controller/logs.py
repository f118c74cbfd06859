"""Whatever is logged during a pass carries its id and the object that it is about."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from plimsoll import logs
from plimsoll.plan.observed import Key

_PASS: ContextVar[logs.Fields | None] = ContextVar("pass", default=None)
# Of the ears only what is wrong: they tell of every event, and whole objects when they debug.
_QUIET = ("kopf", "aiohttp.access", "kubernetes")


@contextmanager
def pass_for(key: Key) -> Iterator[str]:
    """Everything that is logged inside, also by tasks that begin inside, belongs to this pass."""
    name = secrets.token_hex(4)
    token = _PASS.set({"pass": name, "namespace": key.namespace, "name": key.name})
    try:
        yield name
    finally:
        _PASS.reset(token)


def this_pass() -> logs.Fields:
    return _PASS.get() or {}


def set_up(level: str) -> None:
    logs.set_up(level, dict.fromkeys(_QUIET, logging.WARNING), this_pass)
