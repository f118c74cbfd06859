"""What llama.cpp says while it works: warnings go to our log, and the last ones are kept to explain a failure."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

logger = logging.getLogger(__name__)

_INFO, _WARNING, _ERROR, _CONTINUED = 2, 3, 4, 5
_LEVELS = {_WARNING: logging.WARNING, _ERROR: logging.ERROR}
# Which code path was chosen for this processor is told at start, and is worth a line.
_WORTH_A_LINE = ("load_backend:", "ggml_cuda_init:")
_KEPT = 20


class LibraryLog:
    def __init__(self) -> None:
        self._recent: deque[str] = deque(maxlen=_KEPT)
        self._callback: Any = None

    def receiver(self, signature: Any) -> Any:
        """The function for llama.cpp; it must live as long as the library does."""
        self._callback = signature(self._receive)
        return self._callback

    def recent(self) -> tuple[str, ...]:
        """The last warnings and errors, oldest first."""
        return tuple(self._recent)

    def forget(self) -> None:
        self._recent.clear()

    def _receive(self, level: int, text: bytes, _data: object) -> None:
        words = text.decode(errors="replace").strip()
        if not words or level == _CONTINUED:
            return
        if level in _LEVELS:
            self._recent.append(words)
            logger.log(_LEVELS[level], "llama.cpp: %s", words)
        elif level == _INFO and words.startswith(_WORTH_A_LINE):
            logger.info("llama.cpp: %s", words)
