"""Reading sources in tests: one question, one answer, and the reason when there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from plimsoll.api.reasons import Reason
from plimsoll.plan.observed import SourceFacts
from plimsoll.weights.client import Limits
from plimsoll.weights.guard import Resolve, system_resolve
from plimsoll.weights.reading import SourceReader, SourceRequest
from plimsoll.weights.trouble import SourceTrouble

# Of this machine only, and long enough for it under load.
PATIENT = Limits(connect=5, silence=5, source=10)


class Names:
    """A resolver that knows what the test says, and counts; an address may change from one question to the next."""

    def __init__(self, names: Mapping[str, Sequence[Sequence[str]]] | None = None) -> None:
        self._answers = {name: list(answers) for name, answers in (names or {}).items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        answers = self._answers.get(host)
        if not answers:
            raise OSError(f"no name {host}")
        return answers.pop(0) if len(answers) > 1 else answers[0]


def ask(
    source: Mapping[str, Any],
    *,
    open_to: str = "",
    credential: Mapping[str, str] | None = None,
    nodes: Sequence[str] = (),
    resolve: Resolve = system_resolve,
    limits: Limits = PATIENT,
) -> SourceFacts:
    """`open_to` is the one private address that may be reached."""
    request = SourceRequest(source, credential, (f"{open_to}/32",) if open_to else (), tuple(nodes))

    async def read() -> SourceFacts:
        return await SourceReader(limits=limits, resolve=resolve).read_source(request)

    return asyncio.run(read())


def refused(source: Mapping[str, Any], reason: Reason, **more: Any) -> SourceTrouble:
    """Why a source was not read; it has to be for this reason."""
    with pytest.raises(SourceTrouble) as raised:
        ask(source, **more)
    assert raised.value.reason is reason, raised.value.message
    return raised.value
