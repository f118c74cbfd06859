"""The models of the routing document: each is compiled anew when something of it changed, and only then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from plimsoll.api.configuration import OperatorConfiguration
from plimsoll.api.reasons import Reason
from plimsoll.cluster.errors import ClusterError
from plimsoll.cluster.kinds import Object
from plimsoll.controller.mirror import Mirror
from plimsoll.controller.outside import OutsideObjects
from plimsoll.plan.finding import Finding
from plimsoll.plan.history import read_history
from plimsoll.plan.observed import Key, Observed
from plimsoll.plan.routed import Route
from plimsoll.plan.world import World
from plimsoll.routing.compiling import compile_model
from plimsoll.routing.document import Model
from plimsoll.routing.entry import Secret

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Provider:
    """spec.external of what serves, and the key that its owner let us send there."""

    external: Object
    credential: Secret | Finding | None


@dataclass
class ModelRoutes:
    mirror: Mirror
    outside: OutsideObjects
    configuration: Callable[[], OperatorConfiguration]
    # Added to by whoever hears of something.
    touched: set[Key]
    models: dict[Key, Model] = field(default_factory=dict)
    _in_force: dict[Key, Object] = field(default_factory=dict)
    _providers: dict[Key, _Provider] = field(default_factory=dict)

    async def compile(self) -> None:
        """All that was touched; others get their turn between two models."""
        while self.touched:
            key = self.touched.pop()
            try:
                await self._compile(key)
            except Exception:  # noqa: BLE001
                # A mistake of ours in one model must not stop the others; it is served as it was.
                _log.exception("the route of %s could not be made", key)
            await asyncio.sleep(0)

    async def look_at_providers(self) -> bool:
        """Nobody tells when a Secret changes; whether one has."""
        for key, provider in list(self._providers.items()):
            try:
                if await self.outside.provider_key(key.namespace, provider.external) != provider.credential:
                    self.touched.add(key)
            except ClusterError as error:
                _log.info("the Secret of %s is looked at later: %s", key, error.message)
            await asyncio.sleep(0)
        return bool(self.touched)

    async def _compile(self, key: Key) -> None:
        route = self._route(key)
        if route is None:
            for known in (self.models, self._in_force, self._providers):
                known.pop(key, None)
            return
        credential = await self._credential(key, route)
        self._in_force[key] = in_force = route.in_force(self._in_force.get(key))
        model = compile_model(route.facts(in_force, credential))
        # The very same entry tells gateways that nothing has changed.
        if self.models.get(key) != model:
            self.models[key] = model

    def _route(self, key: Key) -> Route | None:
        family = self.mirror.family(key)
        if family is None or "deletionTimestamp" in family.config["metadata"]:
            return None
        observed = Observed(family.config, family.revisions, family.children, family.pods)
        history = read_history(family.config, family.revisions)
        return Route(World(observed, history, self.configuration(), datetime.now(UTC)))

    async def _credential(self, key: Key, route: Route) -> Secret | Finding | None:
        if route.provider is None:
            self._providers.pop(key, None)
            return None
        before = self._providers.get(key)
        try:
            found = await self.outside.provider_key(key.namespace, route.provider)
        except ClusterError as error:
            if before is not None and before.external == route.provider:
                return before.credential
            found = Finding(Reason.SECRET_MISSING, f"the Secret cannot be read now: {error.message}")
        self._providers[key] = _Provider(route.provider, found)
        return found
