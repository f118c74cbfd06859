"""Who waits for a slot for too long is given up; who has one never is."""

from __future__ import annotations

from pathlib import Path

import pytest

from plimsoll.runtime.requests import Finish, Job, Usage
from tests.support.engines import RunningEngine, StartEngine, Wish


def submit(engine: RunningEngine, patience: float | None) -> Job:
    job = engine.job("ba", Wish(max_tokens=100))
    job.patience = patience
    engine.engine.submit(job)
    return job


def test_who_has_waited_too_long_is_given_up_and_all_others_are_served(
    start_engine: StartEngine, tiny_model: Path
) -> None:
    engine = start_engine(tiny_model, parallel=1)
    first = submit(engine, None)
    hurried, patient, calm = submit(engine, 0.0), submit(engine, 3600.0), submit(engine, None)
    given_up = engine.answer(hurried)
    assert (given_up.finish, given_up.usage, given_up.deltas) == (Finish.EXPIRED, Usage(0, 0, 0), 1)
    assert (engine.listener.heard[hurried.id][0].retry_after or 0) >= 1
    assert {engine.answer(job).finish for job in (first, patient, calm)} == {Finish.LENGTH}
    told = engine.engine.statistics()
    assert (told.finished[Finish.EXPIRED], told.waiting, engine.engine.room.waiting_tokens) == (1, 0, 0)


@pytest.mark.parametrize("mode", ["generate", "embed"])
def test_who_finds_a_free_slot_needs_no_patience(start_engine: StartEngine, tiny_model: Path, mode: str) -> None:
    engine = start_engine(tiny_model, parallel=1, mode=mode)
    assert engine.answer(submit(engine, 0.0)).finish in (Finish.LENGTH, Finish.STOP)
