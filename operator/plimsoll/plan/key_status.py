"""The status of a ModelKey: whether it opens something, for whom, and if not, why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from plimsoll.api.conditions import Condition, ConditionType, Statement, set_condition
from plimsoll.api.modelkey import ModelKeySpec, ModelKeyStatus
from plimsoll.api.reasons import Reason
from plimsoll.plan.finding import Finding
from plimsoll.plan.observed import Object
from plimsoll.plan.reporting import readable
from plimsoll.plan.written import written
from plimsoll.routing.claims import Refusal, TeamNotAllowed


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a key: either it opens these hashes for this team, or there is an obstacle."""

    team: str | None = None
    hashes: tuple[str, ...] = ()
    obstacle: Finding | None = None


def finding_of(refusal: Refusal, namespace: str) -> Finding:
    if not isinstance(refusal, TeamNotAllowed):
        return Finding(Reason.HASH_TAKEN, f"ModelKey {refusal.by} opens this hash already")
    if not refusal.allowed:
        words = f"a team is called {namespace}, and the operator's configuration does not list this namespace for it"
        return Finding(Reason.TEAM_NOT_ALLOWED, words)
    allowed = ", ".join(refusal.allowed)
    words = f"keys of namespace {namespace} may charge {allowed}, and this one names {refusal.team}"
    return Finding(Reason.TEAM_NOT_ALLOWED, words)


def report_key(key: Object, spec: ModelKeySpec | None, outcome: Outcome, now: datetime) -> Object:
    """The whole status, as it is to be written. `spec` is None where it cannot be read."""
    generation = int(key["metadata"].get("generation", 0))
    before = (key.get("status") or {}).get("conditions") or ()
    known = [condition for each in before if (condition := readable(each))]
    said: tuple[Condition, ...] = ()
    for each in _statements(spec, outcome, now):
        said += set_condition([same for same in known if same.type == each.type.value], each, generation, now)
    made = ModelKeyStatus(
        observed_generation=generation,
        conditions=tuple(sorted(said, key=lambda condition: condition.type)),
        team=outcome.team,
        hashes=tuple(sorted(outcome.hashes)),
    )
    return without_nothing(written(made))


def without_nothing(status: Object) -> Object:
    """Whether an empty list is stored as one or left out is for the server to say."""
    return {key: value for key, value in status.items() if value != []}


def expires_in(spec: ModelKeySpec | None, now: datetime) -> timedelta | None:
    """After what time something else is true of the key although nothing is told."""
    if spec is None or spec.expires_at is None or _has_expired(spec, now):
        return None
    return datetime.fromisoformat(spec.expires_at) - now


def _statements(spec: ModelKeySpec | None, outcome: Outcome, now: datetime) -> Iterator[Statement]:
    obstacle = outcome.obstacle
    if obstacle is not None:
        yield Statement(ConditionType.ACCEPTED, "False", obstacle.reason, obstacle.told)
    else:
        words = f"Calls with the key are charged to team {outcome.team}."
        yield Statement(ConditionType.ACCEPTED, "True", Reason.ACCEPTED, words)
    hindrance = obstacle or (_closed(spec, now) if spec else None)
    if hindrance is not None:
        yield Statement(ConditionType.READY, "False", hindrance.reason, hindrance.told)
        yield Statement(ConditionType.STALLED, "True", hindrance.reason, hindrance.told)
    else:
        until = f" until {spec.expires_at}" if spec and spec.expires_at else ""
        yield Statement(ConditionType.READY, "True", Reason.OPEN, f"The key opens what it names{until}.")


def _closed(spec: ModelKeySpec, now: datetime) -> Finding | None:
    if _has_expired(spec, now):
        return Finding(Reason.EXPIRED, f"The key has expired at {spec.expires_at}")
    if spec.suspended:
        return Finding(Reason.SUSPENDED, "The key is suspended")
    return None


def _has_expired(spec: ModelKeySpec, now: datetime) -> bool:
    return spec.expires_at is not None and now.astimezone(UTC) >= datetime.fromisoformat(spec.expires_at)
