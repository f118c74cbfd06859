"""What is told while a model is loaded."""

from __future__ import annotations

import logging

import pytest

from plimsoll.runtime.loading import Hearing, Progress


def lines(caplog: pytest.LogCaptureFixture, seconds: float) -> list[str]:
    """Of a model that is loaded in a hundred pieces, each of which takes so long."""
    now, shares = [0.0], list[float]()
    hearing = Hearing(shares.append, lambda _: None, lambda _: None, lambda: False)
    with caplog.at_level(logging.INFO, logger="plimsoll.runtime.loading"):
        progress = Progress(hearing, lambda: now[0])
        for piece in range(100):
            now[0] += seconds
            assert progress(piece / 100)
    assert shares == [piece / 100 for piece in range(100)]
    return [record.getMessage() for record in caplog.records]


def test_a_model_that_is_loaded_at_once_needs_no_lines(caplog: pytest.LogCaptureFixture) -> None:
    assert lines(caplog, 0.01) == []


def test_a_large_model_is_worth_a_line_every_few_seconds(caplog: pytest.LogCaptureFixture) -> None:
    assert lines(caplog, 0.25) == [f"loaded {share} %" for share in (19, 39, 59, 79, 99)]


def test_who_asks_to_stop_stops_the_loading() -> None:
    assert not Progress(Hearing(lambda _: None, lambda _: None, lambda _: None, lambda: True))(0.5)
