"""One line for each request, when everything about it is known."""

import asyncio
import logging
from typing import Any

import pytest

from plimsoll.runtime.requests import Delta, Finish, Usage
from tests.support.played_engine import Call, House, silent


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [record.fields for record in caplog.records if hasattr(record, "fields")]


@pytest.fixture(autouse=True)
def _heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_a_line_has_what_was_counted_and_nothing_that_was_said(caplog: pytest.LogCaptureFixture) -> None:
    House().ask("/v1/completions", {"prompt": "a secret"})
    assert lines(caplog) == [
        {
            "request": "0", "method": "POST", "path": "/v1/completions", "status": 200, "seconds": 0.0,
            "prompt_tokens": 9, "cached_tokens": 2, "completion_tokens": 2, "finish": ["stop"],
            "first_token_seconds": 0.0,
        }
    ]  # fmt: skip
    assert "secret" not in caplog.text


def test_a_client_who_goes_has_his_line_when_the_engine_has_counted(caplog: pytest.LogCaptureFixture) -> None:
    house = House(silent)

    async def story() -> None:
        call = Call(house, "/v1/completions", {"prompt": "Hi"})
        await call.started()
        call.leave()
        await call.task
        assert not lines(caplog)
        house.engine.jobs[0].sink(Delta(finish=Finish.CANCELLED, usage=Usage(3, 0, 5)))

    asyncio.run(story())
    (line,) = lines(caplog)
    assert (line["status"], line["completion_tokens"], line["finish"]) == (None, 5, ["cancelled"])


def test_probes_are_told_only_when_something_follows_from_them(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    for path in ("/health", "/ready", "/metrics"):
        house.ask(path)
    assert not lines(caplog)
    from plimsoll.runtime.http.state import Phase

    house.state.phase = Phase.FAILED
    house.ask("/health")
    house.ask("/ready")
    assert [line["path"] for line in lines(caplog)] == ["/health"]
