"""Simulated worlds of one model that tests begin with: it serves, it is edited, or a pass sees something more."""

from __future__ import annotations

from plimsoll.api import names
from plimsoll.api.normal import workload_hash
from plimsoll.api.reasons import Reason
from plimsoll.plan.finding import Finding
from plimsoll.plan.observed import Object, SourcePending
from tests.support.model_configs import base, merged
from tests.support.simulated import Simulated


def spec(tag: str = "good", **fields: object) -> Object:
    made: Object = merged(base("hosted"), {"engine": {"image": f"x.example.com/engine:{tag}"}, **fields})
    return made


# With the tag "broken" an engine never gets ready.
FIRST, SECOND, THIRD, BROKEN = (spec(tag) for tag in ("good", "other", "third", "broken"))
PENDING = SourcePending("The header is being read")
SECRET_MISSING = Finding(Reason.SECRET_MISSING, "Secret hub-token is not in the namespace default")
SERVICE_TAKEN = frozenset({("Service", "chat")})


def short(of: Object) -> str:
    return names.short(workload_hash(of))


def served(first: Object = FIRST, seconds: int = 10) -> Simulated:
    world = Simulated(first)
    world.settle(seconds)
    return world


def serving(first: Object = FIRST) -> Simulated:
    """A model that serves, with nothing left to do and nothing planned yet."""
    world = served(first, 8)
    assert world.serving == short(first)
    world.plans.clear()
    return world


def edited(after: Object, seconds: int = 0) -> Simulated:
    world = served()
    world.edit(after)
    world.pass_()
    world.settle(seconds)
    return world


def told(world: Simulated, **seen: object) -> Simulated:
    """The same world, with something more that a pass sees."""
    world.seen = seen
    world.pass_()
    return world


def with_source(world: Simulated, source: Finding | SourcePending | None) -> Simulated:
    world.source = source
    world.pass_()
    return world
