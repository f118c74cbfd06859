"""One request from its head to its end, and what is learned about it on the way."""

from __future__ import annotations

import asyncio
from typing import cast

from msgspec import Struct

from plimsoll.cost.record import Outcome
from plimsoll.gateway.call import Call, team_of
from plimsoll.gateway.ended import NONE, Ended
from plimsoll.gateway.exchange import Exchange
from plimsoll.gateway.state import Routes
from plimsoll.routing.document import Key, Model, Served


class Visit(Struct, eq=False):
    exchange: Exchange
    arrived: float
    operation: str = "other"
    # Only of those that may last: done when they have to end.
    stopped: asyncio.Future[Outcome] | None = None
    read_at: float | None = None
    # By which routes it was found out who calls.
    known_by: Routes | None = None
    key: Key | None = None
    model: Model | None = None
    waited: float = 0.0
    call: Call | None = None

    @property
    def stop(self) -> Outcome | None:
        return self.stopped.result() if self.stopped is not None and self.stopped.done() else None

    def cancel(self) -> None:
        """The client went away; whoever has its whole answer may."""
        if self.exchange.finished:
            return
        if self.stopped is not None and not self.stopped.done():
            self.stopped.set_result(Outcome.CANCELLED)

    def ended(self, now: float) -> Ended:
        exchange, call = self.exchange, self.call
        inside = 0.0 if self.read_at is None else now - self.read_at
        return Ended(
            request=exchange.id,
            operation=self.operation,
            method=exchange.method,
            status=exchange.status,
            error=exchange.error or (call.error if call else None),
            seconds=now - self.arrived,
            inside_seconds=inside,
            waited_seconds=self.waited,
            cancelled=self.stop is Outcome.CANCELLED or exchange.status == 0,
            drained=self.stop is Outcome.DRAINED,
            streamed=call is not None and call.request.stream,
            model=self.model.full_name if self.model else NONE,
            revision=cast(Served, self.model.state).revision if call and self.model else None,
            team=NONE if self.known_by is None else team_of(self.key),
            key=self.key.full_name if self.key else "",
            records=tuple(call.records) if call else (),
        )
