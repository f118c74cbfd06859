"""A part of the contract as Kubernetes writes it."""

from __future__ import annotations

from plimsoll.api.contract import Contract
from plimsoll.plan.observed import Object


def written(part: Contract) -> Object:
    return part.model_dump(mode="json", by_alias=True, exclude_none=True)
