"""Workloads with real pods in trouble, as they were seen at one moment."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from plimsoll.api.reasons import Reason
from plimsoll.plan.finding import Finding
from plimsoll.plan.observed import Object
from plimsoll.plan.trouble import find_trouble

FOLDER = Path(__file__).parents[1] / "units" / "plan" / "pods"


@dataclass
class Seen:
    """A workload as it was at one moment; tests change what they need."""

    deployment: Object
    pods: list[Object]
    now: datetime
    later: timedelta = timedelta()

    @classmethod
    def of(cls, name: str) -> Seen:
        told = json.loads((FOLDER / f"{name}.json").read_text())
        return cls(told["deployment"], told["pods"], datetime.fromisoformat(told["now"]))

    def trouble(self) -> Finding | None:
        return find_trouble(self.deployment, self.pods, self.now + self.later)

    def reason(self) -> Reason | None:
        found = self.trouble()
        return found.reason if found else None

    def status_of(self, container: str) -> Object:
        status = self.pods[0]["status"]
        known = status["initContainerStatuses"] + status["containerStatuses"]
        return next(each for each in known if each["name"] == container)

    def last_end(self, container: str = "engine") -> Object:
        ended: Object = self.status_of(container)["lastState"]["terminated"]
        return ended
