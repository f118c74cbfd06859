"""How the containers `engine` and `fetch` end: an exit code for each reason, and last words that say more.

Whatever a container runs writes them, so they are read as data from a stranger: only reasons that a container can know
count, and the text is quoted, never trusted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from plimsoll.api.quoting import last_words, quoted
from plimsoll.api.reasons import Reason

# Where Kubernetes reads the last words of a container, and how many bytes of them it keeps.
PATH = "/dev/termination-log"
LONGEST = 4096

# 1 is any other failure, 2 a wrong command line, and from 126 on shells and signals have their own meanings.
EXIT_CODES = {
    # Trying again may be enough.
    Reason.SOURCE_UNREACHABLE: 10,
    Reason.DOWNLOAD_FAILED: 11,
    # Somebody has to change something.
    Reason.SOURCE_NOT_FOUND: 20,
    Reason.SOURCE_FORBIDDEN: 21,
    Reason.ADDRESS_REFUSED: 22,
    Reason.HOST_NOT_ALLOWED: 23,
    Reason.SECRET_MISSING: 24,
    Reason.CHECKSUM_MISMATCH: 25,
    Reason.NOT_A_MODEL: 26,
    Reason.MODEL_UNSUPPORTED: 27,
    Reason.DISK_FULL: 28,
    Reason.DOES_NOT_FIT: 30,
    Reason.OUT_OF_MEMORY: 31,
    Reason.DRIVER_MISSING: 32,
}
_BY_CODE = {code: reason for reason, code in EXIT_CODES.items()}


@dataclass(frozen=True, slots=True)
class LastWords:
    """What a container said when it ended; without a reason it did not keep to the contract, or did not know."""

    reason: Reason | None
    message: str


def encode(reason: Reason, message: str) -> str:
    """Last words for PATH; the process then ends with `EXIT_CODES[reason]`."""
    if reason not in EXIT_CODES:
        raise ValueError(f"{reason} is not among the reasons that a container ends with")
    told = quoted(message, LONGEST)
    while len(text := _written(reason, told)) > LONGEST:
        told = quoted(told, len(told) - max(1, (len(text) - LONGEST) // 4))
    return text.decode()


def decode(text: str, exit_code: int) -> LastWords:
    """Never raises. Words that say a reason count before the exit code, which counts before nothing."""
    told = _object(text)
    reason, message = told.get("reason"), told.get("message")
    if isinstance(reason, str) and isinstance(message, str) and (known := _known(reason)):
        return LastWords(known, quoted(message))
    return LastWords(_BY_CODE.get(exit_code), last_words(text))


def _written(reason: Reason, message: str) -> bytes:
    told = {"reason": reason.value, "message": message, "fix": reason.fix}
    return json.dumps(told, ensure_ascii=False).encode()


def _object(text: str) -> dict[str, Any]:
    if len(text) > LONGEST:
        return {}
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _known(name: str) -> Reason | None:
    return next((reason for reason in EXIT_CODES if reason.value == name), None)
