"""What is known about the weights of a model: asked for in the background, so that a slow server delays nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from plimsoll.api.configuration import OperatorConfiguration
from plimsoll.api.reasons import Reason
from plimsoll.api.rules.rule import find
from plimsoll.api.termination import decode
from plimsoll.controller.background import Background
from plimsoll.plan.finding import Finding
from plimsoll.plan.inspecting import inspect_name
from plimsoll.plan.observed import Key, Object, SourceFacts, SourceFile, SourcePending, SourceState
from plimsoll.plan.sizing_report import BadReport, model_from
from plimsoll.plan.trouble import find_trouble
from plimsoll.weights.reading import SourceRequest
from plimsoll.weights.trouble import SourceTrouble

_FIRST_PAUSE = 10.0
_LONGEST_PAUSE = 300.0
_PATIENCE = 0.2
_JOB_NAME = "batch.kubernetes.io/job-name"


class Reader(Protocol):
    async def read_source(self, request: SourceRequest) -> SourceFacts: ...


@dataclass
class _Answer:
    """It counts until `again_at`: then the source is asked once more, as it may have changed."""

    question: str
    state: SourceFacts | Finding | None = None
    failures: int = 0
    again_at: float = 0.0
    # A pass waits for it, so that nobody has to be told.
    awaited: bool = False


class Sources:
    """`ready` is told whose source is known by now."""

    def __init__(self, reader: Reader, background: Background, ready: Callable[[Key], None]) -> None:
        self._reader = reader
        self._background = background
        self._ready = ready
        self._answers: dict[Key, _Answer] = {}
        # Where pods of ours run: their addresses are never opened for a user.
        self.nodes: set[str] = set()

    async def lookup(
        self, config: Object, credential: Mapping[str, str] | None, configuration: OperatorConfiguration
    ) -> SourceState:
        key = Key(config["metadata"]["namespace"], config["metadata"]["name"])
        request = SourceRequest(
            source=config["spec"]["source"],
            credential=credential,
            private_networks=configuration.sources.private_networks,
            refused_networks=tuple(sorted(self.nodes)),
        )
        answer = self._answers.get(key)
        if answer is None or answer.question != request.key:
            self.forget(key)
            answer = self._answers[key] = _Answer(request.key)
        if asyncio.get_running_loop().time() >= answer.again_at:
            await self._ask_in_background(key, answer, request)
        return answer.state or SourcePending("the header of the model is being read")

    def again_in(self, key: Key) -> float | None:
        """Seconds until a failure is worth another question."""
        answer = self._answers.get(key)
        if answer is None or not isinstance(answer.state, Finding):
            return None
        return max(answer.again_at - asyncio.get_running_loop().time(), 0.1)

    @property
    def known(self) -> int:
        return len(self._answers)

    def forget(self, key: Key) -> None:
        if answer := self._answers.pop(key, None):
            self._background.stop((key, answer.question))

    async def _ask_in_background(self, key: Key, answer: _Answer, request: SourceRequest) -> None:
        name = (key, answer.question)

        def tell() -> None:
            if not answer.awaited:
                self._ready(key)

        answer.awaited = True
        self._background.start(name, self._ask(answer, request), tell)
        # Most answers are known already or come at once: a status between would only make noise.
        await self._background.wait(name, _PATIENCE)
        answer.awaited = False

    async def _ask(self, answer: _Answer, request: SourceRequest) -> None:
        pause = _LONGEST_PAUSE
        try:
            answer.state = await self._reader.read_source(request)
        except SourceTrouble as trouble:
            answer.state = trouble.finding
            pause = min(_FIRST_PAUSE * 2.0 ** min(answer.failures, 10), _LONGEST_PAUSE)
            answer.failures += 1
        answer.again_at = asyncio.get_running_loop().time() + pause


def from_pod(config: Object, pods: Sequence[Object]) -> SourceState:
    """What the inspect Job said: only a pod sees what lies on a claim or in an image."""
    identity, path = _mounted(config["spec"]["source"])
    if find(config["spec"], "engine.name") == "vllm":
        # It reads folders of safetensors, and sizes them by itself.
        return SourceFacts(identity, (SourceFile(path),))
    job = inspect_name(config)
    asked = [pod for pod in pods if (pod["metadata"].get("labels") or {}).get(_JOB_NAME) == job]
    asked.sort(key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))
    if not asked:
        return SourcePending(f"Job {job} will read the header of {path}")
    ended = find(_container(asked[-1]), "state.terminated")
    if ended is None:
        return find_trouble(None, asked, datetime.now(UTC)) or SourcePending(f"Job {job} reads the header of {path}")
    text, code = str(ended.get("message") or ""), int(ended.get("exitCode") or 0)
    if code == 0:
        return _reported(text, identity, path)
    words = decode(text, code)
    return Finding(words.reason or Reason.NOT_A_MODEL, words.message or f"Job {job} ended with code {code}")


def _mounted(source: Object) -> tuple[str, str]:
    """What a revision keeps as the identity of the weights, and their path on the volume."""
    if (packed := source.get("oci")) is not None:
        return f"image:{packed['image'].rpartition('@')[2]}", packed["path"]
    return f"path:{source['pvc']['path']}", source["pvc"]["path"]


def _reported(text: str, identity: str, path: str) -> SourceState:
    try:
        return SourceFacts(identity, (SourceFile(path),), model_from(text))
    except BadReport as error:
        return Finding(Reason.NOT_A_MODEL, error.message)


def _container(pod: Object) -> Object:
    statuses = find(pod, "status.containerStatuses") or [{}]
    first: Object = statuses[0]
    return first
