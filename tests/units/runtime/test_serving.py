"""How what the engine's thread delivers reaches those who wait."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from plimsoll.runtime.requests import Delta, Job, Sampling
from plimsoll.runtime.serving import hand_out


def test_who_cannot_be_told_keeps_nobody_else_from_hearing(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Delta] = []

    def deaf(_delta: Delta) -> None:
        raise ValueError("a bug of ours")

    jobs = [Job(name, np.zeros(1, np.int32), 1, Sampling(), sink) for name, sink in (("a", deaf), ("b", heard.append))]
    with caplog.at_level(logging.ERROR):
        hand_out([(job, Delta(text=job.id)) for job in jobs])
    assert [delta.text for delta in heard] == ["b"]
    assert caplog.messages == ["what came for a could not be told"]
