"""From a file to an engine that answers: looked at, loaded, tried once. Runs in a thread, which nobody waits in."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from plimsoll.api.reasons import Reason
from plimsoll.runtime import precheck
from plimsoll.runtime.constraints.factory import Constraints
from plimsoll.runtime.endings import CannotServe
from plimsoll.runtime.engine import Deliver, Engine
from plimsoll.runtime.library import load_library
from plimsoll.runtime.model import Model
from plimsoll.runtime.settings import Mode, Settings

_LOG = logging.getLogger(__name__)
_SECONDS_BETWEEN_LINES = 5.0


@dataclass(frozen=True, slots=True)
class Hearing:
    """Who hears of what happens while a model is loaded and served; all but `stopped` may come from any thread."""

    progress: Callable[[float], None]
    deliver: Deliver
    failed: Callable[[BaseException], None]
    stopped: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Parts:
    model: Model
    engine: Engine
    constraints: Constraints | None  # None in the mode embed: it costs time, and nobody needs it


class Stopped(Exception):
    """Asked to end while it was loading."""


def load(settings: Settings, hearing: Hearing) -> Parts:
    precheck.check(settings)
    _check_devices(settings)
    _LOG.info("loading %s", settings.model)
    model = Model.load(settings.model, settings, Progress(hearing))
    engine = Engine(model, settings, hearing.deliver, on_failure=hearing.failed)
    constraints = Constraints(model) if settings.mode is Mode.GENERATE else None
    engine.start()
    _LOG.info("loaded, and warm: %d slots of %d tokens", settings.parallel, model.context_per_slot)
    return Parts(model, engine, constraints)


class Progress:
    """Called by llama.cpp with the share that is loaded; False stops it."""

    def __init__(self, hearing: Hearing, clock: Callable[[], float] = time.monotonic) -> None:
        self._hearing = hearing
        self._clock = clock
        self._told_at = clock()

    def __call__(self, share: float) -> bool:
        self._hearing.progress(share)
        if self._clock() - self._told_at >= _SECONDS_BETWEEN_LINES:
            self._told_at = self._clock()
            _LOG.info("loaded %d %%", share * 100)
        return not self._hearing.stopped()


def _check_devices(settings: Settings) -> None:
    if settings.gpu_layers > 0 and not load_library().c.llama_supports_gpu_offload():
        raise CannotServe(
            Reason.DRIVER_MISSING,
            f"{settings.gpu_layers} layers shall be on GPUs, and llama.cpp finds none it can use",
        )
