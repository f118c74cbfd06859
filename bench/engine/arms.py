"""The servers that take part, each as the command that starts it."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.engine.models import ALIAS

THREADS = 2
BATCH = 512


@dataclass(frozen=True)
class Room:
    """How many requests a server computes at once, and how many tokens each of them may have."""

    slots: int = 16
    tokens: int = 512
    threads: int = THREADS

    @property
    def cells(self) -> int:
        return self.slots * self.tokens


@dataclass(frozen=True)
class Arm:
    """A program with its settings; what is left to say are its model and its port."""

    name: str
    ready_path: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    def serve(self, model: Path, port: int) -> list[str]:
        return [*self.command, "--model", str(model), "--port", str(port)]

    def on_one_core(self) -> "Arm":
        """With all its threads on the first core of the machine."""
        return Arm(self.name, self.ready_path, ["/usr/bin/taskset", "--cpu-list", "0", *self.command], self.environment)


def ours(home: Path, room: Room, name: str = "ours") -> Arm:
    """`home` is the folder with llama.cpp's libraries and their bindings."""
    settings = {
        "--alias": ALIAS,
        "--context": room.tokens,
        "--parallel": room.slots,
        "--threads": room.threads,
        "--gpu-layers": 0,
        "--kv-cache-type": "f16",
        "--batch-size": BATCH,
        "--micro-batch-size": BATCH,
    }
    command = [sys.executable, "-m", "plimsoll", "engine", *_flags(settings)]
    return Arm(name, "/ready", command, {"PLIMSOLL_ENGINE": str(home)})


def llama_server(program: Path, room: Room) -> Arm:
    """With the same slots, streams and batches as ours."""
    settings = {
        "--threads": room.threads,
        "--threads-batch": room.threads,
        "--ctx-size": room.cells,
        "--parallel": room.slots,
        "--flash-attn": "on",
        "--batch-size": BATCH,
        "--ubatch-size": BATCH,
    }
    return Arm("llama-server", "/health", [str(program), *_flags(settings), "--no-kv-unified", "--no-ui"])


def llama_server_as_is(program: Path) -> Arm:
    """As it starts by itself, on as many threads as the others."""
    settings = {"--threads": THREADS, "--threads-batch": THREADS}
    return Arm("llama-server as is", "/health", [str(program), *_flags(settings), "--no-ui"])


def python_server(python: Path, *, tuned: bool = False) -> Arm:
    """`llama_cpp.server`, which must be told not to cut off a running answer for a new request."""
    settings = {
        "--n_threads": THREADS,
        "--n_threads_batch": THREADS,
        "--n_ctx": 2048,
        "--interrupt_requests": False,
        "--model_alias": ALIAS,
    }
    if tuned:
        settings |= {"--logits_all": False, "--flash_attn": True}
    command = [str(python), "-m", "llama_cpp.server", *_flags(settings)]
    return Arm("llama_cpp.server tuned" if tuned else "llama_cpp.server", "/v1/models", command)


def _flags(settings: Mapping[str, object]) -> list[str]:
    return [text for name, value in settings.items() for text in (name, str(value))]
