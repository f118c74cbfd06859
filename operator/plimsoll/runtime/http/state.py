"""Where the engine's process stands: whether it can be asked, and what it is asked through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from plimsoll.runtime.http.errors import ApiError, ending, failed, not_ready
from plimsoll.runtime.http.ports import Loaded
from plimsoll.runtime.settings import Mode, Settings
from plimsoll.runtime.statistics import Heartbeat

# Longer than any step should take; the pod's probe fails six times before it acts.
PATIENCE_SECONDS = 20.0


class Phase(StrEnum):
    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"
    FAILED = "failed"


class State:
    """Changed by the process, read by every request; all in the thread of the event loop."""

    def __init__(self, settings: Settings, started: int) -> None:
        self.settings = settings
        self.started = started
        self.phase = Phase.LOADING
        self.loaded_share = 0.0
        self.loaded: Loaded | None = None
        self.heartbeat: Callable[[], Heartbeat] | None = None

    def ready(self, loaded: Loaded, heartbeat: Callable[[], Heartbeat]) -> None:
        self.loaded, self.heartbeat = loaded, heartbeat
        # Asked to end while it was loaded: nobody is let in any more.
        if self.phase is Phase.LOADING:
            self.phase, self.loaded_share = Phase.READY, 1.0

    def usable(self, mode: Mode | None = None) -> Loaded:
        """What a request needs, or why there is nothing."""
        if self.phase is Phase.READY and self.loaded is not None:
            if mode not in (None, self.settings.mode):
                raise self._wrong_mode()
            return self.loaded
        if self.phase is Phase.FAILED:
            raise failed()
        if self.phase is Phase.DRAINING:
            raise ending()
        raise not_ready(f"the model is being loaded ({self.loaded_share:.0%})", "loading", 5)

    def health(self, now: float) -> tuple[bool, Mapping[str, Any]]:
        """Whether it makes progress, and what to tell whoever asks."""
        told: dict[str, Any] = {"status": str(self.phase)}
        if self.phase is Phase.LOADING:
            told["loaded"] = round(self.loaded_share, 3)
        beat = None if self.heartbeat is None else self.heartbeat()
        stuck = beat is not None and beat.stuck(now, PATIENCE_SECONDS)
        if beat is not None and stuck:
            told["stuck_seconds"] = round(now - beat.progress_at, 1)
        return self.phase is not Phase.FAILED and not stuck, told

    def _wrong_mode(self) -> ApiError:
        have, other = ("text", Mode.EMBED) if self.settings.mode is Mode.GENERATE else ("embeddings", Mode.GENERATE)
        fix = f"ask another model, or start the engine with --mode={other}"
        return ApiError(400, f"this engine makes {have} only: {fix}", code="wrong_mode")
