"""What one pass wants: objects as they should be, and why, in words for logs, events and tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from plimsoll.api.reasons import Reason
from plimsoll.plan.observed import Object


@dataclass(frozen=True, slots=True)
class Apply:
    """Server-side apply of the whole intent. `exists`: it is there and ours; otherwise its name has to be free.

    With `only_if` the server refuses when the object has moved on since that resourceVersion: for what takes
    something away from callers.
    """

    object: Object
    why: str
    exists: bool
    only_if: str | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Of exactly this object as it was seen: both are preconditions."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str
    resource_version: str
    why: str


@dataclass(frozen=True, slots=True)
class Event:
    type: Literal["Normal", "Warning"]
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class ProofRequest:
    """Ask this pod for one token, or for one vector where it makes no text."""

    pod_uid: str
    address: str
    port: int
    embeds: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """In this order: apply, delete, status, events. `status` is None when it is already true."""

    apply: tuple[Apply, ...] = ()
    delete: tuple[Delete, ...] = ()
    status: Object | None = None
    events: tuple[Event, ...] = ()
    prove: tuple[ProofRequest, ...] = ()
    again_after: timedelta | None = None

    @property
    def takes_away(self) -> bool:
        """Whether something of this plan must not rest on an old view of the world."""
        return bool(self.delete) or any(each.only_if for each in self.apply)
