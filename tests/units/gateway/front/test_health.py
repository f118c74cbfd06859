"""The second port of a gateway."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from plimsoll.gateway.health import Health
from plimsoll.gateway.metrics import Metrics
from plimsoll.gateway.settings import Auth
from plimsoll.gateway.state import Phase, State, routes_of
from tests.support.routing_documents import document


def _asked(path: str, state: State, method: str = "GET") -> tuple[int, bytes]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read here")

    asyncio.run(Health(state, Metrics(lambda: None))({"method": method, "path": path}, receive, send))
    return sent[0]["status"], sent[1]["body"]


def _served(phase: Phase = Phase.SERVING) -> State:
    state = State()
    state.serve_by(routes_of(document(), Auth.REQUIRED))
    state.phase = phase
    return state


@pytest.mark.parametrize(
    ("state", "status"),
    [(State(), 503), (_served(), 200), (_served(Phase.LEAVING), 503), (_served(Phase.DRAINING), 503)],
    ids=["no routes", "serving", "leaving", "draining"],
)
def test_it_is_ready_while_it_knows_the_models_and_does_not_end(state: State, status: int) -> None:
    assert _asked("/ready", state)[0] == status
    assert _asked("/health", state)[0] == 200


def test_metrics_are_told_here() -> None:
    status, text = _asked("/metrics", State())
    assert status == 200
    assert b"# TYPE plimsoll_requests_total counter" in text


def test_the_paths_of_callers_are_not_here() -> None:
    assert _asked("/v1/models", State())[0] == 404
    assert _asked("/ready", State(), "POST")[0] == 405
