"""Engines in this process, on real models, and everything that they said."""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

from plimsoll.runtime.engine import Engine
from plimsoll.runtime.model import Model
from plimsoll.runtime.requests import Constraint, Delta, Finish, Job, Sampling, TokenChoice, Usage
from plimsoll.runtime.settings import Settings
from plimsoll.runtime.work import Outcomes

GREEDY = Sampling(temperature=0.0)
PATIENCE = 60.0


@dataclass(frozen=True)
class Answer:
    """All deltas of one job together."""

    text: str
    tokens: list[int]
    choices: list[TokenChoice]
    deltas: int
    finish: Finish
    usage: Usage
    error: str | None
    embedding: NDArray[np.float32] | None


@dataclass
class Wish:
    """A job without its prompt."""

    max_tokens: int = 16
    sampling: Sampling = GREEDY
    stops: tuple[str, ...] = ()
    constraint: Constraint | None = None
    top_logprobs: int | None = None


@dataclass
class Listener:
    """Hears what the engine's thread delivers. `reaction` is called there, so what it does precedes the next step."""

    reaction: Callable[[Job, Delta], None] = lambda _job, _delta: None
    heard: dict[str, list[Delta]] = field(default_factory=lambda: defaultdict(list))
    changed: threading.Condition = field(default_factory=threading.Condition)

    def deliver(self, outcomes: Outcomes) -> None:
        with self.changed:
            for job, delta in outcomes:
                self.heard[job.id].append(delta)
                self.reaction(job, delta)
            self.changed.notify_all()


class RunningEngine:
    def __init__(self, model: Model, settings: Settings) -> None:
        self.model = model
        self.settings = settings
        self.listener = Listener()
        self.failures: list[BaseException] = []
        self.engine = Engine(model, settings, self.listener.deliver, on_failure=self.failures.append)
        self._names = itertools.count()

    def tokens(self, text: str) -> NDArray[np.int32]:
        return self.model.tokenize(text, special=False, begin=True)

    def job(self, prompt: str | NDArray[np.int32], wish: Wish | None = None) -> Job:
        tokens = self.tokens(prompt) if isinstance(prompt, str) else prompt
        wish = wish or Wish()
        return Job(
            str(next(self._names)),
            tokens,
            wish.max_tokens,
            wish.sampling,
            lambda _delta: None,
            stops=wish.stops,
            constraint=wish.constraint,
            top_logprobs=wish.top_logprobs,
        )

    def submit(self, prompt: str | NDArray[np.int32], wish: Wish | None = None) -> Job:
        job = self.job(prompt, wish)
        self.engine.submit(job)
        return job

    def ask(self, prompt: str | NDArray[np.int32], wish: Wish | None = None) -> Answer:
        return self.answer(self.submit(prompt, wish))

    def answer(self, job: Job) -> Answer:
        heard = self.listener.heard
        with self.listener.changed:
            ended = self.listener.changed.wait_for(lambda: bool(heard[job.id] and heard[job.id][-1].finish), PATIENCE)
        assert ended, f"job {job.id} has no end after {PATIENCE:g} s"
        deltas = heard[job.id]
        last = deltas[-1]
        assert last.finish is not None
        assert last.usage is not None
        return Answer(
            "".join(delta.text for delta in deltas),
            [token for delta in deltas for token in delta.tokens],
            [choice for delta in deltas for choice in delta.choices],
            len(deltas),
            last.finish,
            last.usage,
            last.error,
            last.embedding,
        )

    def begun(self, job: Job) -> None:
        """Waits for the first delta."""
        with self.listener.changed:
            assert self.listener.changed.wait_for(lambda: bool(self.listener.heard[job.id]), PATIENCE)

    def close(self) -> None:
        self.engine.stop()
        self.model.free()


class StartEngine(Protocol):
    def __call__(self, path: Path, **settings: object) -> RunningEngine: ...


@pytest.fixture
def start_engine(engine_home: Path) -> Iterator[StartEngine]:
    """Engines that end with the test. Sixteen slots of 512 tokens, unless told otherwise."""
    running: list[RunningEngine] = []

    def start(path: Path, **changes: object) -> RunningEngine:
        usual = Settings(model=path, alias="model", context=512, parallel=16)
        settings = replace(usual, **changes)  # type: ignore[arg-type]
        engine = RunningEngine(Model.load(path, settings), settings)
        running.append(engine)
        engine.engine.start()
        return engine

    yield start
    for engine in running:
        engine.close()
