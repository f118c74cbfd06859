"""What every part of the contract has in common, and the kinds of values that several parts share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt
from pydantic.alias_generators import to_camel

LONGEST_TEXT = 8192

# As Kubernetes itself writes it; kept as the user typed it, so that Git and the cluster show the same text.
QUANTITY_PATTERN = r"^[0-9]+(\.[0-9]{1,9})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"
DURATION_PATTERN = r"^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$"
DNS_NAME_PATTERN = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
# Absolute on every platform, and without a step upwards.
SAFE_PATH_PATTERN = r"^[^/\\\x00-\x1f][^\\\x00-\x1f]*$"


class Contract(BaseModel):
    """camelCase outside, snake_case inside, never changed once made, and nothing that it does not know."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")


def keyed_by(key: str) -> dict[str, Any]:
    """A list in which one field names each entry: two writers may each own entries of their own."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


def a_set() -> dict[str, Any]:
    """A list without order in which nothing stands twice."""
    return {"x-kubernetes-list-type": "set"}


# Kubernetes knows "an integer or a string" as one type of its own; crd.py writes it.
INT_OR_STRING = "x-kubernetes-int-or-string"
Quantity = Annotated[
    Annotated[StrictInt, Field(ge=0, le=2**62)] | Annotated[str, Field(pattern=QUANTITY_PATTERN, max_length=32)],
    Field(json_schema_extra={INT_OR_STRING: True}),
]
Duration = Annotated[str, Field(pattern=DURATION_PATTERN, min_length=2, max_length=20)]
ObjectName = Annotated[str, Field(pattern=DNS_NAME_PATTERN, max_length=253)]
