"""Kopf, which is our ears for what users write: it tells of every event and decides nothing.

What belongs to a ModelConfig is heard through cluster.watching instead; decision 0007 has the figures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import kopf

from plimsoll.api import names
from plimsoll.cluster.kinds import MODEL_CONFIG
from plimsoll.cluster.login import Login
from plimsoll.controller.ears import Ears
from plimsoll.controller.generators import closed_in_order


async def listen(ears: Ears, login: Login, namespaces: Sequence[str], stop: asyncio.Event) -> None:
    """Until `stop` is set, or a signal ends the process."""
    # A watcher of kopf that is stopped between two events leaves its stream open.
    async with closed_in_order(kopf.__name__):
        await kopf.operator(
            registry=_registry(ears, login, stop),
            settings=_settings(),
            standalone=True,
            clusterwide=not namespaces,
            namespaces=namespaces,
            stop_flag=stop,
        )


def _registry(ears: Ears, login: Login, stop: asyncio.Event) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry, id="login")
    async def log_in(**_: Any) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(server=login.server, aiohttp_session=login.session())

    @kopf.on.event(names.GROUP, names.VERSION, names.PLURAL, registry=registry, id="modelconfig-seen")
    async def seen(event: kopf.RawEvent, **_: Any) -> None:
        ears.told(MODEL_CONFIG, event["type"] or "LISTED", dict(event["object"]))
        ears.alive(MODEL_CONFIG)

    @kopf.on.cleanup(registry=registry, id="stopping")
    async def stopping(**_: Any) -> None:
        # Kopf takes the signals of the process, and so it is the one who knows.
        stop.set()

    return registry


class _Nothing(kopf.DiffBaseStorage):
    """Kopf compares each object with what it remembered on it. We let it remember nothing, anywhere."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return {}

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        return None

    def store(self, **_: Any) -> None:
        raise AssertionError("nothing is ever written to the objects of users")


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.persistence.diffbase_storage = _Nothing()
    settings.posting.enabled = False
    settings.networking.connect_timeout = 10
    settings.networking.request_timeout = 60
    settings.watching.connect_timeout = 10
    settings.watching.chunk_size = 500
    settings.process.ultimate_exiting_timeout = 60
    # No list of namespaces and definitions, and so no right on them.
    settings.scanning.disabled = True
    settings.persistence.finalizer = f"{names.GROUP}/finalizer"
    # worker_limit stays unset: with it, kopf handles no more than that many objects in five seconds.
    return settings
