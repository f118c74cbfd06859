"""Events on objects, for people who run `kubectl describe`: on transitions, and the same one not again and again."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime

from plimsoll.api import names
from plimsoll.cluster.client import Client
from plimsoll.cluster.errors import ClusterError
from plimsoll.cluster.kinds import EVENT, Object

_log = logging.getLogger(__name__)

_SAME_FOR = 300.0
_REMEMBERED = 2000
_LONGEST = 1024


@dataclass(frozen=True)
class Said:
    type: str
    reason: str
    message: str


class EventRecorder:
    """An Event that cannot be written is lost: nothing depends on it but a reader."""

    def __init__(self, client: Client, reporter: str) -> None:
        self._client = client
        self._reporter = reporter
        self._recent: OrderedDict[tuple[str, Said], float] = OrderedDict()

    async def record(self, about: Object, said: Said) -> None:
        if self._is_repeated((about["metadata"]["uid"], said)):
            return
        try:
            await self._client.create(self._event(about, said))
        except ClusterError as error:
            _log.warning("an event could not be written: %s", error.message)

    def _is_repeated(self, what: tuple[str, Said]) -> bool:
        now = asyncio.get_running_loop().time()
        last = self._recent.pop(what, None)
        self._recent[what] = now
        while len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
        return last is not None and now - last < _SAME_FOR

    def _event(self, about: Object, said: Said) -> Object:
        metadata = about["metadata"]
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        involved = {"apiVersion": about["apiVersion"], "kind": about["kind"]}
        involved |= {key: metadata[key] for key in ("namespace", "name", "uid", "resourceVersion") if key in metadata}
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.name,
            "metadata": {"namespace": metadata["namespace"], "name": f"{metadata['name']}.{secrets.token_hex(8)}"},
            "involvedObject": involved,
            "type": said.type,
            "reason": said.reason,
            "message": said.message[:_LONGEST],
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "source": {"component": names.FIELD_MANAGER},
            "reportingComponent": names.FIELD_MANAGER,
            "reportingInstance": self._reporter,
        }
