"""Act: what a plan says is written, and nothing else. Every write names the object that it means.

Something new is applied so that it fails where the name is taken, something known by its uid: whatever happens between
a look and a write, an object of somebody else is never changed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from plimsoll.api import names
from plimsoll.cluster import kinds
from plimsoll.cluster.client import Client
from plimsoll.cluster.errors import Conflict, Forbidden, NameTaken, NotFound, Refused
from plimsoll.cluster.events import EventRecorder, Said
from plimsoll.cluster.kinds import MODEL_CONFIG, Object
from plimsoll.controller.mirror import Mirror
from plimsoll.controller.notes import Note
from plimsoll.plan.history import is_owned
from plimsoll.plan.observed import Observed
from plimsoll.plan.plan import Apply, Delete, Plan
from plimsoll.plan.pod_state import condition

_log = logging.getLogger(__name__)
_INDEPENDENT = frozenset({"ControllerRevision", "ServiceAccount", "Service", "PodDisruptionBudget", "NetworkPolicy"})


async def _nobody_hears() -> None:
    """There are no gateways."""


@dataclass(frozen=True)
class Actor:
    client: Client
    mirror: Mirror
    events: EventRecorder
    # Returns when gateways go by all that is in the mirror.
    announce: Callable[[], Awaitable[None]] = _nobody_hears

    async def act(self, observed: Observed, plan: Plan, note: Note) -> bool:
        """Whether it went as planned; if not, the plan has to be made anew with what is noted now.

        Raises Conflict when the world is another one by now.
        """
        taken, refused = set(note.taken), dict(note.refused)
        note.refused.clear()
        for together in _rounds(plan.apply):
            await _all_of(self._apply(apply, observed.config, note) for apply in together)
            if note.taken != taken:
                # What follows may rely on it: pods would run with the service account of somebody else.
                return False
        if note.refused.items() - refused.items():
            # Nothing is taken away when what should follow it could not be made.
            return False
        for delete in plan.delete:
            await self._delete(delete, note)
        if note.refused != refused:
            return False
        if plan.status is not None:
            if _promises(observed.config, plan.status):
                await self.announce()
            await self._write_status(observed.config, plan.status)
        for event in plan.events:
            await self.events.record(observed.config, Said(event.type, event.reason.value, event.message))
        return True

    async def _apply(self, apply: Apply, config: Object, note: Note) -> None:
        place = (apply.object["kind"], apply.object["metadata"]["name"])
        try:
            stored = await self._applied(apply, config)
        except (Refused, Forbidden) as error:
            _refuse(place, error, note)
        except NameTaken as error:
            note.taken.add(place)
            _log.warning("%s", error.message)
        else:
            self.mirror.put(stored)
            _log.info("applied %s %s: %s", *place, apply.why)

    async def _applied(self, apply: Apply, config: Object) -> Object:
        uid = self.mirror.uid(apply.object) if apply.exists else None
        if uid is not None:
            return await self._applied_to(uid, apply)
        try:
            return await self.client.apply(apply.object, only_new=True)
        except Conflict:
            metadata = apply.object["metadata"]
            found = await self.client.get(kinds.kind_of(apply.object), metadata["namespace"], metadata["name"])
            if not is_owned(found, config):
                raise NameTaken(f"{found['kind']} {metadata['name']} exists and belongs to somebody else") from None
            if names.LABEL_MODELCONFIG in (found["metadata"].get("labels") or {}):
                # The mirror has only not heard of it yet: there may be more that the plan did not know.
                self.mirror.put(found)
                raise
            # Somebody took our label off. It is ours all the same, and not heard of again without it.
            return await self._applied_to(found["metadata"]["uid"], apply)

    async def _applied_to(self, uid: str, apply: Apply) -> Object:
        metadata = {**apply.object["metadata"], "uid": uid}
        if apply.only_if:
            metadata["resourceVersion"] = apply.only_if
        return await self.client.apply({**apply.object, "metadata": metadata})

    async def _delete(self, delete: Delete, note: Note) -> None:
        kind = kinds.kind_of({"apiVersion": delete.api_version, "kind": delete.kind})
        preconditions = {"uid": delete.uid, "resourceVersion": delete.resource_version}
        try:
            await self.client.delete(kind, delete.namespace, delete.name, preconditions)
        except NotFound:
            _log.info("%s %s was gone already", delete.kind, delete.name)
        except (Refused, Forbidden) as error:
            _refuse((delete.kind, delete.name), error, note)
        else:
            _log.info("deleted %s %s: %s", delete.kind, delete.name, delete.why)

    async def _write_status(self, config: Object, status: Object) -> None:
        try:
            stored = await self._told(config, status)
        except Conflict:
            found = await self.client.get(MODEL_CONFIG, config["metadata"]["namespace"], config["metadata"]["name"])
            if _declared(found) != _declared(config):
                self.mirror.put(found)
                raise
            # Only somebody's label or annotation has changed: what there is to tell has not.
            stored = await self._told(found, status)
        self.mirror.put(stored)

    async def _told(self, config: Object, status: Object) -> Object:
        # No server looks at the uid of a status: without the version it might be told of a successor.
        metadata = {key: config["metadata"][key] for key in ("namespace", "name", "resourceVersion")}
        whole = {"apiVersion": MODEL_CONFIG.api_version, "kind": MODEL_CONFIG.name, "metadata": metadata}
        return await self.client.apply_status({**whole, "status": status})


def _rounds(applies: Iterable[Apply]) -> Iterator[list[Apply]]:
    """In their order, but those that do not refer to each other at the same time."""
    for independent, group in groupby(applies, lambda apply: apply.object["kind"] in _INDEPENDENT):
        members = list(group)
        yield from [members] if independent else ([apply] for apply in members)


async def _all_of(writes: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Each of them comes to its end, also where another one fails: a write that is cut off may have happened."""
    ended = await asyncio.gather(*writes, return_exceptions=True)
    for error in ended:
        if error is not None:
            raise error


def _promises(config: Object, status: Object) -> bool:
    """Whether it says for the first time that the spec is served: whoever reads that calls at once."""
    before, now = condition(config, "Ready"), condition({"status": status}, "Ready")
    said = ("status", "observedGeneration")
    return now.get("status") == "True" and [before.get(each) for each in said] != [now[each] for each in said]


def _declared(config: Object) -> tuple[str, int]:
    """The same for the same spec of the same object."""
    return config["metadata"]["uid"], config["metadata"].get("generation", 0)


def _refuse(place: tuple[str, str], error: Refused | Forbidden, note: Note) -> None:
    note.refused[place] = f"{error.message}; {error.fix}" if isinstance(error, Forbidden) else error.message
    _log.warning("%s %s was refused: %s", *place, note.refused[place])
