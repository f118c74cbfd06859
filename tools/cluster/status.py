"""What a cluster looks like right now: every component, the memory it holds, and what is wrong in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ComponentStatus:
    name: str
    running: bool
    pid: int = 0
    memory_bytes: int = 0
    log: str = ""
    control_plane: bool = False


@dataclass(frozen=True)
class Status:
    name: str
    shape: str
    backend: str
    components: Sequence[ComponentStatus]
    nodes: Sequence[str] = ()
    problems: Sequence[str] = ()
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def healthy(self) -> bool:
        return bool(self.components) and not self.problems

    @property
    def control_plane_bytes(self) -> int:
        return sum(each.memory_bytes for each in self.components if each.control_plane)

    @property
    def total_bytes(self) -> int:
        return sum(each.memory_bytes for each in self.components)


def render(status: Status) -> str:
    if not status.components:
        return f"{status.name}: not up"
    state = "healthy" if status.healthy else "NOT HEALTHY"
    lines = [f"{status.name}: {state} ({status.shape} shape, {status.backend})", ""]
    width = max(len(each.name) for each in status.components)
    for each in status.components:
        what = f"running  pid {each.pid:<8} {_mib(each.memory_bytes):>7}" if each.running else f"DEAD     {each.log}"
        lines.append(f"  {each.name:<{width}}  {what}")
    if status.total_bytes:
        lines += ["", f"  memory: control plane {_mib(status.control_plane_bytes)}, all {_mib(status.total_bytes)}"]
    if status.nodes:
        lines.append(f"  nodes:  {', '.join(status.nodes)}")
    lines += [f"  problem: {problem}" for problem in status.problems]
    lines += [f"  note:   {note}" for note in status.notes]
    return "\n".join(lines)


def _mib(amount: int) -> str:
    return f"{amount / 1024**2:.0f} MiB"
