"""The workers: they take keys, make passes, and decide when a key that failed comes round again."""

from __future__ import annotations

import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from plimsoll.cluster.errors import ClusterError, Conflict, Forbidden, NotFound, Unavailable
from plimsoll.cluster.lease import LeaseLost
from plimsoll.controller.logs import pass_for
from plimsoll.controller.metrics import Metrics
from plimsoll.controller.notes import Notes
from plimsoll.controller.observing import PreviousLife
from plimsoll.controller.queue import KeyedQueue
from plimsoll.controller.reconcile import Reconciler, Result
from plimsoll.plan.observed import Key

_log = logging.getLogger(__name__)

WORKERS = 16


@dataclass(frozen=True)
class Crew:
    queue: KeyedQueue
    reconciler: Reconciler
    notes: Notes
    metrics: Metrics

    def workers(self) -> list[Coroutine[Any, Any, None]]:
        """Each works until the queue is drained."""
        return [self.queue.each(self._work) for _ in range(WORKERS)]

    async def _work(self, key: Key) -> None:
        with pass_for(key):
            await self._pass(key)

    async def _pass(self, key: Key) -> None:
        began = time.perf_counter()
        try:
            result = await self._reconciled(key)
        except Exception:  # noqa: BLE001
            # A mistake of ours in one model must not stop the others.
            _log.exception("the pass failed")
            result = "failed"
            self.queue.back_off(key)
        self.metrics.reconciles.labels(result).inc()
        self.metrics.seconds.observe(time.perf_counter() - began)

    async def _reconciled(self, key: Key) -> str:
        note = self.notes.of(key)
        fresh, note.look_again = note.look_again, False
        try:
            result, again_after = await self.reconciler.reconcile(key, fresh=fresh)
        except LeaseLost:
            return "not_leading"
        except PreviousLife as trouble:
            _log.info("%s", trouble)
            self.queue.back_off(key)
            return "waiting"
        except ClusterError as error:
            return self._failed(key, error)
        if result is Result.ANEW or self.notes.refused(key):
            self.queue.back_off(key)
        else:
            self.queue.succeeded(key)
        if again_after is not None:
            self.queue.add_later(key, again_after.total_seconds())
        return result

    def _failed(self, key: Key, error: ClusterError) -> str:
        """A word for the metrics; the key comes round again."""
        if isinstance(error, Unavailable):
            pause = self.queue.back_off(key, at_least=error.retry_after or 0.0)
            _log.warning("the API server is away, next try in %.1f s: %s", pause, error.message)
            return "unavailable"
        pause = self.queue.back_off(key)
        if isinstance(error, Conflict | NotFound):
            # The world is another one by now; most often the ModelConfig or its namespace went away meanwhile.
            self.notes.of(key).look_again = True
            _log.info("looked at again in %.1f s: %s", pause, error.message)
            return "moved_on"
        _log.error("next try in %.1f s: %s; %s", pause, error.message, error.fix)
        return "forbidden" if isinstance(error, Forbidden) else "refused"
