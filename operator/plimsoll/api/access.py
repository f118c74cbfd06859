"""spec.access: whose keys may call a model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from plimsoll.api.contract import Contract, a_set

NAMESPACE_PATTERN = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
Namespace = Annotated[str, Field(pattern=NAMESPACE_PATTERN, max_length=63)]


class Access(Contract):
    # `from` is a word of Python.
    keys_from: Literal["Same", "All", "Selected"] = Field(
        default="Same",
        alias="from",
        description="Keys of which namespaces: of this one, of all, or of this one and those in namespaces.",
    )
    namespaces: tuple[Namespace, ...] | None = Field(
        default=None,
        description="The namespaces that Selected means, beside this one. Without it none. Example: team-b.",
        min_length=1,
        max_length=64,
        json_schema_extra=a_set(),
    )
