"""ModelKey: one key that callers show. Only its hash is here, so whoever reads the object cannot call with it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from plimsoll.api.call_limits import CallLimits
from plimsoll.api.conditions import Condition
from plimsoll.api.contract import Contract, a_set, keyed_by
from plimsoll.api.plain_key import PREFIX_LENGTH
from plimsoll.api.status import Hash, Line
from plimsoll.api.teams import TeamName

# One * in each part at most, so that no pattern takes long to compare.
_STARRED = "[-a-z0-9]*[*]?[-a-z0-9]*"
MODEL_PATTERN = f"^({_STARRED}/)?{_STARRED}$"
PREFIX_PATTERN = f"^[a-zA-Z0-9]{{{PREFIX_LENGTH}}}$"
MOMENT_PATTERN = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"


def _is_moment(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{error}: write a day and a time that exist, such as 2027-01-31T12:00:00Z") from None
    return text


# Kept as it was written, in the one spelling that Kubernetes itself has for a time.
Moment = Annotated[
    str,
    Field(pattern=MOMENT_PATTERN, max_length=20, json_schema_extra={"format": "date-time"}),
    AfterValidator(_is_moment),
]
ModelPattern = Annotated[str, Field(pattern=MODEL_PATTERN, min_length=1, max_length=104)]


def seconds_of(moment: str) -> int:
    """Since 1970."""
    return int(datetime.fromisoformat(moment).timestamp())


class PreviousHash(Contract):
    hash: Hash = Field(description="SHA-256 of the key that was replaced, 64 hexadecimal digits.")
    valid_until: Moment = Field(
        description="Until when the replaced key opens what the new one opens. Example: 2027-01-31T12:00:00Z."
    )


class ModelKeySpec(Contract):
    hash: Hash = Field(
        description="SHA-256 of the whole key, 64 lower-case hexadecimal digits; `plimsoll key create` makes both."
    )
    previous: PreviousHash | None = Field(
        default=None, description="The key before this one, while both are valid. Without it only this one is."
    )
    prefix: str = Field(
        description=f"The {PREFIX_LENGTH} characters of the key after plm_, by which people tell it from others. "
        "Example: x7Kq2a.",
        pattern=PREFIX_PATTERN,
        max_length=PREFIX_LENGTH,
    )
    team: TeamName | None = Field(
        default=None,
        description="Who is charged, one of the teams that the operator's configuration allows this namespace. "
        "Default: the first of them, or a team that is called like the namespace. Example: search.",
    )
    models: tuple[ModelPattern, ...] | None = Field(
        default=None,
        description="What the key may call, as name for models of this namespace or as namespace/name, * for any "
        "characters. Without it every model whose access admits this namespace. Example: team-b/chat-*.",
        min_length=1,
        max_length=100,
        json_schema_extra=a_set(),
    )
    limits: CallLimits | None = Field(
        default=None, description="How much may be called with this key. Without it only the limits of team and model."
    )
    expires_at: Moment | None = Field(
        default=None,
        description="From when on the key opens nothing. Without it it never expires. Example: 2027-01-31T12:00:00Z.",
    )
    suspended: bool = Field(default=False, description="Whether the key opens nothing for now.")


class ModelKeyStatus(Contract):
    observed_generation: int | None = Field(
        default=None, description="The metadata.generation that this status speaks of.", ge=0
    )
    conditions: tuple[Condition, ...] = Field(
        default=(),
        description="Statements about the key; Ready sums them up and stands alone for most questions.",
        max_length=8,
        json_schema_extra=keyed_by("type"),
    )
    team: Line | None = Field(default=None, description="The team that is charged for calls with this key.")
    hashes: tuple[Hash, ...] = Field(
        default=(),
        description="The hashes that gateways open for; nobody else can claim them while this key has them.",
        max_length=2,
        json_schema_extra=a_set(),
    )


class ModelKey(Contract):
    api_version: Literal["plimsoll.dev/v1alpha1"] = Field(description="The version of this API, always this one.")
    kind: Literal["ModelKey"] = Field(description="The kind of this object, which is always ModelKey.")
    metadata: Annotated[dict[str, Any], Field(default_factory=dict)] = Field(
        description="Name, namespace, labels and annotations, as of every object. The namespace owns the key."
    )
    spec: ModelKeySpec = Field(description="What the key is, what it opens and how much may be called with it.")
    status: ModelKeyStatus | None = Field(
        default=None, description="What is true of the key now, written by the operator alone."
    )
