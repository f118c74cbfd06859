"""Asks a source about its model: once for all who ask the same at the same time, and seldom twice."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from plimsoll.api.reasons import Reason
from plimsoll.api.source import Source
from plimsoll.plan.observed import SourceFacts
from plimsoll.weights.asking import Asking, Read
from plimsoll.weights.client import Client, Limits
from plimsoll.weights.credentials import Credential
from plimsoll.weights.guard import Guard, Resolve, system_resolve
from plimsoll.weights.hub import read_hub
from plimsoll.weights.model_files import ModelFiles, ModelReader
from plimsoll.weights.ranged import HeaderReader
from plimsoll.weights.s3 import read_s3
from plimsoll.weights.trouble import SourceTrouble
from plimsoll.weights.web import read_web

_AT_ONCE = 8
_MOST_KEPT = 500
_FRESH = 60.0  # seconds in which the same question gets the same answer without asking the source


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """`source` is spec.source as it was accepted; `credential` the decoded data of the Secret that it names.

    `private_networks` are those that the configuration opens, `refused_networks` the addresses of the nodes, which
    nothing opens. Both are the same for all requests of a moment, and decide only about new connections.
    """

    source: Mapping[str, Any] = field(repr=False)
    credential: Mapping[str, str] | None = field(default=None, repr=False)
    private_networks: tuple[str, ...] = ()
    refused_networks: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The same for those who ask the same as the same; it gives nothing of the credential away."""
        parts = json.dumps((self.source, self.credential), sort_keys=True, default=dict)
        return hashlib.sha256(parts.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Kept:
    read: Read
    at: float


class SourceReader:
    """One for a process. It keeps what it was told, and asks a source only whether that is still so."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        resolve: Resolve = system_resolve,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._limits = limits or Limits()
        self._resolve = resolve
        self._monotonic = monotonic
        self._now = now
        self._headers = HeaderReader()
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._running: dict[str, asyncio.Task[SourceFacts]] = {}
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def read_source(self, request: SourceRequest) -> SourceFacts:
        """What the source says. Raises SourceTrouble, and nothing else that a source could cause."""
        key = request.key
        kept = self._kept.get(key)
        if kept is not None and self._monotonic() - kept.at < _FRESH:
            return kept.read.facts
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._read(key, request))
            self._running[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        # Who waits may give up; the others still want the answer.
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Ends what is still being read."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, key: str, done: asyncio.Task[SourceFacts]) -> None:
        self._running.pop(key, None)
        if not done.cancelled():
            done.exception()  # whoever waited has it; nobody else needs to hear of it

    async def _read(self, key: str, request: SourceRequest) -> SourceFacts:
        kept = self._kept.get(key)
        async with self._turns:
            try:
                async with asyncio.timeout(self._limits.source):
                    read = await self._ask(request, kept.read.files if kept else None)
            except TimeoutError:
                words = f"the source did not tell what is needed within {self._limits.source:g} s"
                raise SourceTrouble(Reason.SOURCE_UNREACHABLE, words) from None
        self._kept[key] = _Kept(read, self._monotonic())
        self._kept.move_to_end(key)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return read.facts

    async def _ask(self, request: SourceRequest, known: ModelFiles | None) -> Read:
        source = _source_of(request)
        async with Client(self._guard_for(request), self._limits) as client:
            credential = None if request.credential is None else Credential(request.credential)
            asking = Asking(client, ModelReader(self._headers, client), credential, source.sha256, known)
            if source.hugging_face is not None:
                return await read_hub(source.hugging_face, asking)
            if source.http is not None:
                return await read_web(source.http, asking)
            if source.s3 is not None:
                return await read_s3(source.s3, asking, self._now())
        raise ValueError("a claim is seen by pods only: a Job reads it")

    def _guard_for(self, request: SourceRequest) -> Guard:
        try:
            return Guard(request.private_networks, request.refused_networks, self._resolve)
        except ValueError as error:
            raise SourceTrouble(
                Reason.ADDRESS_REFUSED,
                f"sources.privateNetworks of the operator's configuration cannot be read: {error}",
                fix="have the platform team write each network as address/bits, like 10.20.0.0/16",
            ) from None


def _source_of(request: SourceRequest) -> Source:
    try:
        return Source.model_validate(dict(request.source))
    except ValidationError:
        raise SourceTrouble(Reason.INVALID_SPEC, "spec.source does not keep to the contract") from None
