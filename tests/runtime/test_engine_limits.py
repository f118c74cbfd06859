"""What the engine does when there is too much to do, when it has to end, and when something breaks."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from plimsoll.runtime.checking import InvalidJob
from plimsoll.runtime.context import CannotCompute, Context
from plimsoll.runtime.requests import Finish
from plimsoll.runtime.running import Running
from plimsoll.runtime.waiting import Busy, Draining
from tests.support.engines import PATIENCE, RunningEngine, StartEngine, Wish
from tests.support.waiting import wait_until


class Gate:
    """Stands before every computation of an engine."""

    def __init__(self, engine: RunningEngine, patch: pytest.MonkeyPatch) -> None:
        self.open = threading.Event()
        self.reached = threading.Event()
        decode = engine.model.context.decode

        def wait_first() -> bool:
            self.reached.set()
            self.open.wait(PATIENCE)
            return decode()

        patch.setattr(engine.model.context, "decode", wait_first)


def test_who_waits_is_served_in_the_order_of_arrival(start_engine: StartEngine, tiny_model: Path) -> None:
    engine = start_engine(tiny_model, parallel=1)
    ended: list[str] = []
    engine.listener.reaction = lambda job, delta: ended.append(job.id) if delta.finish else None
    jobs = [engine.submit(f"ba {number}", Wish(max_tokens=3)) for number in range(10)]
    for job in jobs:
        engine.answer(job)
    assert ended == [job.id for job in jobs]


def test_more_context_than_there_is_in_all_waits_and_is_served(start_engine: StartEngine, tiny_model: Path) -> None:
    engine = start_engine(tiny_model, parallel=2, context=256)
    jobs = [engine.submit(f"{number} " + "ba " * 150, Wish(max_tokens=50)) for number in range(12)]
    assert {engine.answer(job).finish for job in jobs} == {Finish.LENGTH}


def test_prompts_that_would_wait_too_long_are_refused(
    start_engine: StartEngine, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = start_engine(tiny_model, parallel=1)
    gate = Gate(engine, monkeypatch)
    running = engine.submit("ba")
    gate.reached.wait()
    engine.engine.room.prompt_token_seconds.value = 1.0
    waiting = engine.submit("ba " * 50)
    with pytest.raises(Busy) as refused:
        engine.submit("ba " * 50)
    assert refused.value.retry_after >= 1
    gate.open.set()
    assert engine.answer(running).finish is engine.answer(waiting).finish is Finish.LENGTH


def test_who_comes_while_slots_are_free_is_let_in_however_long_the_prompts_take(
    start_engine: StartEngine, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = start_engine(tiny_model, parallel=4)
    gate = Gate(engine, monkeypatch)
    jobs = [engine.submit("ba")]
    gate.reached.wait()
    engine.engine.room.prompt_token_seconds.value = 10.0
    jobs += [engine.submit("ba " * 50) for _ in range(3)]
    gate.open.set()
    assert {engine.answer(job).finish for job in jobs} == {Finish.LENGTH}


def test_a_prompt_that_is_too_long_is_refused_before_it_waits(start_engine: StartEngine, tiny_model: Path) -> None:
    engine = start_engine(tiny_model, context=256)
    with pytest.raises(InvalidJob, match="a request may have 256"):
        engine.submit("ba " * 300)
    assert engine.engine.statistics().waiting == 0


def test_what_runs_when_the_engine_is_asked_to_end_is_finished(start_engine: StartEngine, tiny_model: Path) -> None:
    engine = start_engine(tiny_model, parallel=4)
    jobs = [engine.submit(f"ba {number}", Wish(max_tokens=100)) for number in range(10)]
    engine.engine.drain(deadline=time.monotonic() + 60)
    with pytest.raises(Draining):
        engine.submit("late")
    assert {engine.answer(job).usage.completion_tokens for job in jobs} == {100}
    assert engine.engine.join(timeout=10)


def test_at_the_deadline_the_rest_is_cut_and_told(
    start_engine: StartEngine, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = start_engine(tiny_model, parallel=2)
    gate = Gate(engine, monkeypatch)
    jobs = [engine.submit(f"ba {number}", Wish(max_tokens=400)) for number in range(5)]
    gate.reached.wait()
    engine.engine.drain(deadline=time.monotonic())
    gate.open.set()
    answers = [engine.answer(job) for job in jobs]
    assert {answer.finish for answer in answers} == {Finish.DRAINED}
    assert [answer.usage.completion_tokens for answer in answers] == [len(answer.tokens) for answer in answers]
    assert answers[-1].usage.prompt_tokens == 0
    assert engine.engine.join(timeout=10)


def test_an_engine_with_nothing_to_do_ends_at_once(start_engine: StartEngine, tiny_model: Path) -> None:
    engine = start_engine(tiny_model)
    engine.engine.drain(deadline=time.monotonic() + 3600)
    assert engine.engine.join(timeout=10)


def test_one_thread_computes_from_the_first_warm_step_on(
    start_engine: StartEngine, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second one would bring helpers of its own, and with more helpers than processors all of them fall asleep."""
    decode = Context.decode
    threads: list[str] = []

    def noted(context: Context) -> bool:
        threads.append(threading.current_thread().name)
        return decode(context)

    monkeypatch.setattr(Context, "decode", noted)
    engine = start_engine(tiny_model)
    assert threads == ["engine"]
    engine.ask("ba")
    assert set(threads) == {"engine"}


def test_an_engine_that_cannot_compute_at_all_does_not_start(
    start_engine: StartEngine, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(_context: Context) -> bool:
        raise CannotCompute("llama_decode returned -3", ())

    monkeypatch.setattr(Context, "decode", decode)
    with pytest.raises(CannotCompute, match="-3"):
        start_engine(tiny_model)


def test_a_broken_step_is_told_to_everybody_and_reported(
    start_engine: StartEngine, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = start_engine(tiny_model, parallel=2)
    broken = CannotCompute("llama_decode returned -3", ())
    submitted = threading.Event()

    def decode() -> bool:
        submitted.wait(PATIENCE)
        raise broken

    monkeypatch.setattr(engine.model.context, "decode", decode)
    jobs = [engine.submit("ba") for _ in range(3)]
    submitted.set()
    for job in jobs:
        answer = engine.answer(job)
        assert answer.finish is Finish.FAILED
        assert "has failed" in (answer.error or "")
    assert engine.engine.join(timeout=10)
    assert engine.failures == [broken]
    with pytest.raises(Draining):
        engine.submit("ba")


def test_a_failure_is_reported_although_those_who_wait_cannot_be_told(
    start_engine: StartEngine, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = start_engine(tiny_model)
    broken = CannotCompute("llama_decode returned -3", ())

    def breaks(*_: object) -> bool:
        raise broken

    monkeypatch.setattr(engine.model.context, "decode", breaks)
    monkeypatch.setattr(Running, "usage", property(breaks))
    engine.submit("ba")
    assert engine.engine.join(timeout=10)
    assert engine.failures == [broken]


def test_a_batch_that_finds_no_room_is_read_in_smaller_pieces(
    start_engine: StartEngine, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = start_engine(tiny_model, parallel=2)
    context = engine.model.context
    decode = context.decode
    monkeypatch.setattr(context, "decode", lambda: context.batch.filled <= 40 and decode())
    answer = engine.ask("ba " * 200, Wish(max_tokens=5))
    assert (answer.finish, answer.usage.completion_tokens) == (Finish.LENGTH, 5)


def test_a_request_for_which_there_is_no_room_at_all_ends_and_the_engine_goes_on(
    start_engine: StartEngine, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = start_engine(tiny_model, parallel=2)
    with monkeypatch.context() as patch:
        patch.setattr(engine.model.context, "decode", lambda: False)
        answer = engine.ask("ba")
    assert answer.finish is Finish.FAILED
    assert "no room" in (answer.error or "")
    assert engine.ask("ba").finish is Finish.LENGTH


def test_a_frozen_step_is_found_and_a_busy_engine_is_not_suspected(
    start_engine: StartEngine, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = start_engine(tiny_model, parallel=1)
    an_hour = 3600.0
    assert not engine.engine.heartbeat.stuck(time.monotonic() + an_hour, patience=20)
    gate = Gate(engine, monkeypatch)
    job = engine.submit("ba", Wish(max_tokens=5))
    gate.reached.wait()
    heartbeat = engine.engine.heartbeat
    assert heartbeat.stuck(heartbeat.progress_at + 21, patience=20)
    gate.open.set()
    engine.answer(job)
    wait_until(lambda: not engine.engine.heartbeat.working, 10, "the engine is still at work")
    assert engine.engine.heartbeat.progress_at > heartbeat.progress_at


def test_work_after_a_long_silence_is_not_taken_for_a_frozen_step(
    start_engine: StartEngine, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = start_engine(tiny_model, parallel=1)
    gate = Gate(engine, monkeypatch)
    engine.engine._progress_at -= 1000
    job = engine.submit("ba")
    assert not engine.engine.heartbeat.stuck(time.monotonic(), patience=20)
    gate.open.set()
    engine.answer(job)


def test_the_prompt_that_came_first_is_read_first_whatever_its_slot(
    start_engine: StartEngine, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = start_engine(tiny_model, parallel=2, batch_size=64)
    begun: list[str] = []
    engine.listener.reaction = lambda job, _delta: begun.append(job.id)
    gate = Gate(engine, monkeypatch)
    short = engine.submit("ba", Wish(max_tokens=1))
    first, second = (engine.submit(f"{number} " + "ba " * 400, Wish(max_tokens=1)) for number in range(2))
    gate.open.set()
    for job in (short, first, second):
        engine.answer(job)
    # The second has the slot of the short one, which comes before that of the first.
    assert begun == [short.id, first.id, second.id]


def test_a_batch_goes_from_slot_to_slot_in_their_order(
    start_engine: StartEngine, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = start_engine(tiny_model, parallel=4)
    batch, decode = engine.model.context.batch, engine.model.context.decode
    orders: list[list[int]] = []

    def noted() -> bool:
        orders.append(batch._sequences[: batch.filled].tolist())
        return decode()

    monkeypatch.setattr(engine.model.context, "decode", noted)
    jobs = [engine.submit(f"ba {number}", Wish(max_tokens=3 + number % 5)) for number in range(20)]
    for job in jobs:
        engine.answer(job)
    assert all(order == sorted(order) for order in orders)
