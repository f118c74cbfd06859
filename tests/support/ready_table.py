"""The Ready table: for each state of a model, what its conditions have to say and what others conclude from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plimsoll.api.conditions import ConditionType

Object = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """`stalled` and `reconciling` are present and True, or absent."""

    state: str
    ready: bool
    available: bool
    reconciling: bool
    stalled: bool
    kstatus: str

    @property
    def conditions(self) -> Mapping[ConditionType, str | None]:
        """None: the condition has to be absent."""
        return {
            ConditionType.READY: str(self.ready),
            ConditionType.AVAILABLE: str(self.available),
            ConditionType.RECONCILING: "True" if self.reconciling else None,
            ConditionType.STALLED: "True" if self.stalled else None,
        }

    def differences(self, found: Object) -> list[str]:
        """Where the status of a ModelConfig does not say what this row says, in words."""
        said = {each["type"]: each["status"] for each in found.get("status", {}).get("conditions") or []}
        return [
            f"{kind.value} is {said.get(kind.value, 'absent')} and should be {wanted or 'absent'}"
            for kind, wanted in self.conditions.items()
            if said.get(kind.value) != wanted
        ]


SERVED = Row("served as declared", True, True, False, False, "Current")
STARTING_BESIDE_OLD = Row("new revision starting, old one serves", False, True, True, False, "InProgress")
FAILED_BESIDE_OLD = Row("new revision failed, old one serves", False, True, False, True, "Failed")
NOTHING_YET = Row("nothing serves yet", False, False, True, False, "InProgress")
USER_MUST_ACT = Row("the user must change something, nothing serves", False, False, False, True, "Failed")
USER_MUST_ACT_SERVED = Row("the user must change something, an old revision serves", False, True, False, True, "Failed")
SERVED_OTHERWISE = Row("served on its fallback or with fewer replicas", True, True, False, False, "Current")

READY_TABLE = (
    SERVED,
    STARTING_BESIDE_OLD,
    FAILED_BESIDE_OLD,
    NOTHING_YET,
    USER_MUST_ACT,
    USER_MUST_ACT_SERVED,
    SERVED_OTHERWISE,
)
