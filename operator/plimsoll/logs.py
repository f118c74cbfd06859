"""Logs as lines of JSON on stderr; a record may bring fields of its own as `extra={"fields": …}`."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

Fields = Mapping[str, str]


def _nothing() -> Fields:
    return {}


class JsonLines(logging.Formatter):
    def __init__(self, around: Callable[[], Fields] = _nothing) -> None:
        """`around` says what is being done while something is logged."""
        super().__init__()
        self._around = around

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            **self._around(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def set_up(level: str, least: Mapping[str, int], around: Callable[[], Fields] = _nothing) -> None:
    """`least`: of these loggers only what is at least so bad."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(around))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name, bad in least.items():
        logging.getLogger(name).setLevel(bad)


def set_up_server() -> None:
    """uvicorn tells of its own start and end, and of every request that is no HTTP."""
    set_up("INFO", {"uvicorn": logging.ERROR})
