"""Each ModelKey is told what became of it, and told again only when something else is true."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from plimsoll.cluster.client import Client
from plimsoll.cluster.errors import ClusterError, Conflict, NotFound, Unavailable
from plimsoll.cluster.kinds import MODEL_KEY, Object
from plimsoll.cluster.lease import LeaseLost
from plimsoll.controller.heard_key import HeardKey
from plimsoll.controller.key_store import KeyStore
from plimsoll.controller.queue import KeyedQueue
from plimsoll.plan.key_status import expires_in, report_key, without_nothing
from plimsoll.plan.observed import Key

_log = logging.getLogger(__name__)

_WORKERS = 4
# Clocks are put right meanwhile, so nobody sleeps until a day far away.
_LONGEST_SLEEP = timedelta(hours=1)


@dataclass(frozen=True)
class KeyStatuses:
    client: Client
    keys: KeyStore
    queue: KeyedQueue
    now: Callable[[], datetime]

    def workers(self) -> list[Coroutine[Any, Any, None]]:
        """Each works until the queue is drained."""
        return [self.queue.each(self._work) for _ in range(_WORKERS)]

    async def _work(self, key: Key) -> None:
        try:
            await self._told(key)
        except LeaseLost:
            _log.info("the status of %s is left to who leads now", key)
        except ClusterError as error:
            self._failed(key, error)
        except Exception:  # noqa: BLE001
            # A mistake of ours in one key must not stop the others.
            _log.exception("the status of %s could not be told", key)
            self.queue.back_off(key)
        else:
            self.queue.succeeded(key)
        # Most keys have nothing to be told, and then nothing above waits for anybody.
        await asyncio.sleep(0)

    async def _told(self, key: Key) -> None:
        known, now = self.keys.known(key), self.now()
        if known is None or self.keys.awaits(key):
            # What is not settled comes again.
            return
        metadata = {"namespace": key.namespace, "name": key.name}
        before: Object = {"metadata": {**metadata, "generation": known.generation}, "status": known.status}
        status = report_key(before, known.spec, self.keys.outcome(key), now)
        if status != without_nothing(known.status):
            await self._write(known, metadata, status)
        if (left := expires_in(known.spec, now)) is not None:
            self.queue.add_later(key, min(left, _LONGEST_SLEEP).total_seconds())

    async def _write(self, known: HeardKey, metadata: Object, status: Object) -> None:
        # No server looks at the uid of a status: without the version it might be told of a successor.
        named = {**metadata, "resourceVersion": str(known.version)}
        whole = {"apiVersion": MODEL_KEY.api_version, "kind": MODEL_KEY.name, "metadata": named, "status": status}
        self.keys.written(await self.client.apply_status(whole))

    def _failed(self, key: Key, error: ClusterError) -> None:
        if isinstance(error, Unavailable):
            self.queue.back_off(key, at_least=error.retry_after or 0.0)
            return
        pause = self.queue.back_off(key)
        # Most often it was changed or deleted meanwhile, and the news of that are on their way.
        level = logging.INFO if isinstance(error, Conflict | NotFound) else logging.ERROR
        _log.log(level, "the status of %s is told again in %.1f s: %s; %s", key, pause, error.message, error.fix)
