"""What `plimsoll operator` takes on its command line; what it does then has tests with clusters."""

from __future__ import annotations

from pathlib import Path

import pytest

from plimsoll.controller import logs, startup
from plimsoll.controller.options import Options
from tests.support.command import Command


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    """With what; nothing runs."""
    found: list[Options] = []

    async def run(options: Options) -> None:
        found.append(options)

    monkeypatch.setattr(startup, "run", run)
    monkeypatch.setattr(logs, "set_up", lambda _: None)
    return found


@pytest.mark.parametrize(("words", "seconds"), [((), 600), (("--resync", "5s"), 5), (("--resync", "1h"), 3600)])
def test_everything_is_read_anew_every_ten_minutes_or_as_often_as_is_said(
    plimsoll: Command, started: list[Options], tmp_path: Path, words: tuple[str, ...], seconds: float
) -> None:
    assert plimsoll("operator", "--config", tmp_path / "any.yaml", *words).code == 0
    assert [each.resync for each in started] == [seconds]


@pytest.mark.parametrize(("words", "port"), [((), 8443), (("--feed-port=0",), 0), (("--feed-port", "9443"), 9443)])
def test_gateways_are_served_on_a_port_of_their_own_or_nowhere(
    plimsoll: Command, started: list[Options], tmp_path: Path, words: tuple[str, ...], port: int
) -> None:
    assert plimsoll("operator", "--config", tmp_path / "any.yaml", *words).code == 0
    assert [each.feed_port for each in started] == [port]


@pytest.mark.parametrize("text", ["4s", "0", "61m", "soon", ""])
def test_a_resync_without_pause_or_without_end_is_refused(
    plimsoll: Command, started: list[Options], tmp_path: Path, text: str
) -> None:
    assert plimsoll("operator", "--config", tmp_path / "any.yaml", "--resync", text).code == 2
    assert started == []
