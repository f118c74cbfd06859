"""The conditions in the status of an object, and the one way to set one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field

from plimsoll.api.contract import Contract
from plimsoll.api.reasons import Reason

Status = Literal["True", "False", "Unknown"]
LONGEST_MESSAGE = 4096


class ConditionType(StrEnum):
    meaning: str

    def __new__(cls, name: str, meaning: str) -> Self:
        condition = str.__new__(cls, name)
        condition._value_ = name
        condition.meaning = meaning
        return condition

    READY = "Ready", "The newest accepted spec is served as declared; of a key: it opens what it names."
    AVAILABLE = "Available", "Callers are served, by whichever revision."
    RECONCILING = "Reconciling", "Work is going on towards the declared state."
    STALLED = "Stalled", "The declared state cannot be reached until somebody changes something."
    ACCEPTED = "Accepted", "The spec is valid for this operator; that of a model is recorded as a revision."
    DEGRADED = "Degraded", "The model serves, but with fewer replicas than declared."
    ACCELERATOR_FALLBACK = (
        "AcceleratorFallback",
        "The model serves on its fallback profile instead of the declared one.",
    )
    DEFAULTS_CHANGED = "DefaultsChanged", "The next edit will take defaults that are newer than those of this revision."
    NAME_TAKEN = "NameTaken", "An object that the model needs belongs to somebody else."


class Condition(Contract):
    "One statement about the object."

    type: str = Field(
        description="What the statement is about, a condition type of the reference. Example: Ready.",
        min_length=1,
        max_length=64,
    )
    status: Status = Field(description="Whether the statement holds: True, False, or Unknown while nobody can tell.")
    reason: str = Field(
        description="Why, as one word of the reference, which has its fix. Example: Serving.",
        min_length=1,
        max_length=64,
    )
    message: str = Field(
        default="", description="Why, in a sentence for people, with what to do about it.", max_length=LONGEST_MESSAGE
    )
    observed_generation: int = Field(
        description="The metadata.generation that this statement was made about.", ge=0, le=2**53
    )
    last_transition_time: datetime = Field(description="When the statement last changed its status, in UTC.")


@dataclass(frozen=True)
class Statement:
    """What a pass has to say about one condition."""

    type: ConditionType
    status: Status
    reason: Reason
    message: str = ""


def set_condition(
    conditions: Iterable[Condition], statement: Statement, observed_generation: int, now: datetime
) -> tuple[Condition, ...]:
    """The conditions with this one set, sorted by type; its time moves only when its status does."""
    known = {each.type: each for each in conditions}
    before = known.get(statement.type)
    same = before is not None and before.status == statement.status
    known[statement.type.value] = Condition(
        type=statement.type.value,
        status=statement.status,
        reason=statement.reason.value,
        message=statement.message[:LONGEST_MESSAGE],
        observed_generation=observed_generation,
        # Kubernetes keeps whole seconds; more would differ from what is read back.
        last_transition_time=before.last_transition_time if before and same else now.replace(microsecond=0),
    )
    return tuple(known[name] for name in sorted(known))


def without_condition(conditions: Iterable[Condition], unwanted: ConditionType) -> tuple[Condition, ...]:
    return tuple(each for each in conditions if each.type != unwanted)
