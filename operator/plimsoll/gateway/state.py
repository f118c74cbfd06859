"""What this gateway serves by: the current routing document, swapped whole, and how far its life has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from msgspec.structs import replace

from plimsoll.cost.record import Outcome
from plimsoll.gateway.call import NO_TEAM
from plimsoll.gateway.errors import ApiError, Code
from plimsoll.gateway.settings import Auth
from plimsoll.routing.document import Access, Document, Key
from plimsoll.routing.naming import EVERY_MODEL, Directory

# Whoever calls where no keys are asked for.
ANYBODY = Key(name="", namespace="", team=NO_TEAM, models=(EVERY_MODEL,))
_EVERYONE = Access(everyone=True)
_RETRY_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Routes:
    """One document, and its models by the names that callers use. A request sees one of them from begin to end."""

    document: Document
    directory: Directory


def routes_of(document: Document, auth: Auth) -> Routes:
    """Takes a while for a large document: not for the thread that serves."""
    models = document.models
    if auth is Auth.NONE:
        models = {name: replace(model, access=_EVERYONE) for name, model in models.items()}
    return Routes(document, Directory(models))


class Phase(StrEnum):
    SERVING = "serving"
    # Takes calls, and is not ready any more.
    LEAVING = "leaving"
    # Takes no new calls.
    DRAINING = "draining"


class State:
    """Changed and read in the thread of the event loop only."""

    def __init__(self) -> None:
        self.phase = Phase.SERVING
        self.routes: Routes | None = None
        # Of every call that is inside, to be told when its answer has to end.
        self.inside: set[asyncio.Future[Outcome]] = set()
        self._listeners: list[Callable[[Document], None]] = []

    @property
    def ready(self) -> bool:
        return self.phase is Phase.SERVING and self.routes is not None

    def listen(self, heard: Callable[[Document], None]) -> None:
        """To be called with every document from now on, before anybody is served by it."""
        self._listeners.append(heard)

    def serve_by(self, routes: Routes) -> None:
        for heard in self._listeners:
            heard(routes.document)
        self.routes = routes

    def usable(self) -> Routes:
        if self.phase is Phase.DRAINING:
            raise ApiError(Code.DRAINING, retry_after=1)
        if self.routes is None:
            raise ApiError(Code.NO_ROUTES, retry_after=_RETRY_SECONDS)
        return self.routes

    def end_all(self) -> int:
        """The time is over for everybody who is still inside. How many that were."""
        running = [each for each in self.inside if not each.done()]
        for stopped in running:
            stopped.set_result(Outcome.DRAINED)
        return len(running)
