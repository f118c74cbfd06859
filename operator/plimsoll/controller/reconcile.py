"""One pass for one ModelConfig: observe, plan, act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from plimsoll.api.configuration import OperatorConfiguration
from plimsoll.controller.acting import Actor
from plimsoll.controller.notes import Notes
from plimsoll.controller.observing import Observer
from plimsoll.controller.outside import FRESH_FOR, names_something
from plimsoll.plan.observed import Key, Observed
from plimsoll.plan.plan import Plan

MakePlan = Callable[[Observed, OperatorConfiguration, datetime], Plan]


class Result(StrEnum):
    """How a pass ended."""

    GONE = "gone"
    AS_WANTED = "as_wanted"
    CHANGED = "changed"
    ANEW = "anew"


@dataclass(frozen=True)
class Reconciler:
    observer: Observer
    make_plan: MakePlan
    actor: Actor
    notes: Notes
    configuration: Callable[[], OperatorConfiguration]

    async def reconcile(self, key: Key, *, fresh: bool) -> tuple[Result, timedelta | None]:
        """How it ended, and after what time it has to be looked at again although nothing is told."""
        observed, plan = await self._planned(key, fresh=fresh)
        if observed is not None and plan.takes_away and not observed.fresh:
            observed, plan = await self._planned(key, fresh=True)
        if observed is None:
            self._forget(key)
            return Result.GONE, None
        if not await self.actor.act(observed, plan, self.notes.of(key)):
            return Result.ANEW, None
        self.observer.prover.start(key, plan.prove)
        changed = plan.apply or plan.delete or plan.status is not None
        return Result.CHANGED if changed else Result.AS_WANTED, self._again_after(observed, plan)

    async def _planned(self, key: Key, *, fresh: bool) -> tuple[Observed | None, Plan]:
        configuration = self.configuration()
        observed = await self.observer.observe(key, configuration, fresh=fresh)
        if observed is None:
            return None, Plan()
        return observed, self.make_plan(observed, configuration, datetime.now(UTC))

    def _again_after(self, observed: Observed, plan: Plan) -> timedelta | None:
        waits = [plan.again_after]
        if plan.apply and not self.notes.of(observed.key).refused:
            # What we wrote is in the mirror already, so no event tells of it, and the next step may wait for it.
            waits.append(timedelta())
        if observed.missing:
            waits.append(timedelta(seconds=FRESH_FOR / 4))
        elif names_something(observed.config):
            waits.append(timedelta(seconds=FRESH_FOR))
        if (seconds := self.observer.sources.again_in(observed.key)) is not None:
            waits.append(timedelta(seconds=seconds))
        if observed.taken:
            waits.append(timedelta(seconds=FRESH_FOR))
        return min((wait for wait in waits if wait is not None), default=None)

    def _forget(self, key: Key) -> None:
        self.notes.forget(key)
        self.observer.sources.forget(key)
        self.observer.prover.forget(key)
