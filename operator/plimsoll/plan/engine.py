"""What an engine is asked and what it answers; each engine is one file in `plan/engines`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from plimsoll.api.configuration import HardwareProfile
from plimsoll.api.engine import Engine, EngineOptions
from plimsoll.api.hardware import Hardware, Resources
from plimsoll.api.modelconfig import DEFAULT_CONTEXT, DEFAULT_PARALLEL, ModelConfigSpec
from plimsoll.api.status import Sizing
from plimsoll.plan.finding import Finding
from plimsoll.plan.observed import SourceFacts

PORT = 8080


@dataclass(frozen=True, slots=True)
class Wanted:
    """One model on one kind of hardware."""

    name: str
    spec: ModelConfigSpec
    profile: HardwareProfile
    facts: SourceFacts | None
    weights: str  # where the engine finds them in its pod

    @property
    def options(self) -> EngineOptions:
        return (self.spec.engine or Engine()).options or EngineOptions()

    @property
    def resources(self) -> Resources:
        return self.spec.resources or Resources()

    @property
    def context(self) -> int:
        return self.spec.context or DEFAULT_CONTEXT

    @property
    def parallel(self) -> int:
        return self.spec.parallel or DEFAULT_PARALLEL

    @property
    def gpus(self) -> int:
        return (self.spec.hardware or Hardware()).count if self.profile.gpu else 0


@dataclass(frozen=True, slots=True)
class Demand:
    """What one replica asks of its node. Amounts are bytes and thousandths of a CPU."""

    cpu_request: int
    cpu_limit: int
    memory_request: int
    memory_limit: int | None
    sizing: Sizing


@dataclass(frozen=True, slots=True)
class Launch:
    """How the container is started. Without a command the image's own entry point takes the arguments."""

    arguments: tuple[str, ...]
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    # Where it answers 200 as soon as it can take calls.
    ready_path: str = "/ready"
    shared_memory: int | None = None


@dataclass(frozen=True, slots=True)
class Planner:
    demand: Callable[[Wanted], Demand | Finding]
    launch: Callable[[Wanted, Demand], Launch]


def literal(text: str) -> str:
    """Kubernetes replaces $(NAME) in arguments; what comes from a user shall arrive as it was written."""
    return text.replace("$", "$$")
