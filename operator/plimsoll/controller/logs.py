"""Logs as lines of JSON; whatever is logged during a pass carries its id and the object that it is about."""

from __future__ import annotations

import json
import logging
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from plimsoll.plan.observed import Key

_PASS: ContextVar[dict[str, str] | None] = ContextVar("pass", default=None)
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


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            **(_PASS.get() or {}),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
