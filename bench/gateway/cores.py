"""Two cores of the machine: one for whoever is measured, the other for all that measures."""

from __future__ import annotations

import os
from dataclasses import dataclass

from bench.frame.errors import BenchError


@dataclass(frozen=True)
class Cores:
    gateway: int
    tool: int

    @classmethod
    def of_this_process(cls) -> Cores:
        found = sorted(os.sched_getaffinity(0))
        if len(found) < 2:
            raise BenchError("this bench needs two cores: one for the gateway, and one for what measures it")
        return cls(*found[:2])


def on(core: int) -> list[str]:
    return ["/usr/bin/taskset", "--cpu-list", str(core)]
