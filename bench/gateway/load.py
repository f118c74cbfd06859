"""The load: one run of the tool against one port, and what it brought."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from bench.frame.errors import BenchError
from bench.gateway.cores import on

_KEY = "BENCH_KEY"
# Beyond the planned end, for whatever is still under way.
_GRACE_SECONDS = 120.0


@dataclass(frozen=True)
class Load:
    """What is asked. A rate of 0 asks again as soon as an answer is there, on each connection."""

    seconds: float
    warm_up: float = 1.0
    connections: int = 64
    rate: float = 0.0
    stream: bool = False
    events: int = 0  # words that a right stream has
    large_every: int = 0

    def flags(self) -> list[str]:
        told: dict[str, object] = {
            "seconds": self.seconds,
            "warm-up": self.warm_up,
            "connections": self.connections,
            "rate": self.rate,
            "events": self.events,
            "large-every": self.large_every,
        }
        return [*(f"--{name}={value}" for name, value in told.items()), *(["--stream"] if self.stream else [])]


@dataclass(frozen=True)
class Quantiles:
    """In seconds."""

    count: int
    p50: float
    p90: float
    p99: float
    p999: float
    most: float


@dataclass(frozen=True)
class Report:
    per_second: float
    right: int
    small: Quantiles
    first_word: Quantiles
    event_lag: Quantiles
    stalls: int


@dataclass(frozen=True)
class Target:
    """Who is asked, and by which names it knows the caller and the model."""

    port: int
    model: str
    key: str


@dataclass(frozen=True)
class Tool:
    """The program, and the core that its halves share."""

    program: Path
    core: int

    def play(self, target: Target, load: Load) -> Report:
        url = f"http://127.0.0.1:{target.port}/v1/chat/completions"
        asked = [f"--url={url}", f"--model={target.model}", f"--key-from={_KEY}", *load.flags()]
        limit = load.warm_up + load.seconds + _GRACE_SECONDS
        command = [*on(self.core), str(self.program), "load", *asked]
        done = subprocess.run(
            command, env={_KEY: target.key}, capture_output=True, text=True, check=False, timeout=limit
        )
        if done.returncode:
            raise BenchError(f"the load ended with code {done.returncode}: {done.stderr.strip()}")
        return read(json.loads(done.stdout))


def read(told: Mapping[str, Any]) -> Report:
    """Figures of right answers only: whoever refuses quickly is not fast."""
    wrong = {name: told[name] for name in ("errors", "lies", "no_answers", "why") if told[name]}
    if wrong or not told["right"]:
        raise BenchError(f"{told['right']} answers were right, and {wrong or 'there were no others'}")
    quantiles = {name: Quantiles(**told[name]) for name in ("small", "first_word", "event_lag")}
    return Report(**{each.name: told[each.name] for each in fields(Report)} | quantiles)
