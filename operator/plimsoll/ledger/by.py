"""What records may be added up by. Imports nothing heavy, as the command line needs it for `--help`."""

from __future__ import annotations

from enum import StrEnum


class By(StrEnum):
    MODEL = "model"
    TEAM = "team"
    KEY = "key"
    OPERATION = "operation"
    OUTCOME = "outcome"
    BACKEND = "backend"
    DAY = "day"
