"""Usage is exact, whatever is cut, and no slot is lost."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from plimsoll.runtime.requests import Delta, Finish, Job, Sampling
from tests.support.engines import RunningEngine, StartEngine, Wish
from tests.support.form import Form

LENGTHS = (1, 1, 2, 3, 7, 20, 60, 200, 450)


def _wish(chance: random.Random) -> Wish:
    sampling = Sampling(temperature=chance.choice((0.0, 1.0, 3.0)), seed=chance.randrange(1000))
    return Wish(
        chance.randint(1, 40), sampling, stops=chance.choice([(), (), ("a",), ("bo", "\N{REPLACEMENT CHARACTER}x")])
    )


def _check(engine: RunningEngine, job: Job) -> tuple[int, int]:
    answer = engine.answer(job)
    usage = answer.usage
    assert usage.completion_tokens == len(answer.tokens) <= job.max_tokens
    assert usage.cached_tokens <= usage.prompt_tokens <= len(job.prompt)
    if answer.finish in {Finish.STOP, Finish.LENGTH}:
        assert usage.prompt_tokens == len(job.prompt)
    else:
        assert answer.finish is Finish.CANCELLED
    return usage.prompt_tokens, usage.completion_tokens


def _resident_pages() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1])


@pytest.mark.timeout(600)
def test_what_is_sampled_is_what_is_told_and_what_clients_have_got(
    start_engine: StartEngine, tiny_model: Path, form: Form
) -> None:
    chance = random.Random(form.seed)
    engine = start_engine(tiny_model, batch_size=128)
    patience: dict[str, int] = {}

    def cut(job: Job, _delta: Delta) -> None:
        patience[job.id] = patience.get(job.id, 1000) - 1
        job.cancelled |= patience[job.id] <= 0

    engine.listener.reaction = cut
    prompt_tokens = completion_tokens = 0
    rounds = form.count(small=1_000, large=10_000) // 50
    resident = []
    for _ in range(rounds):
        jobs = []
        for _ in range(50):
            prompt = engine.tokens("ba " * chance.choice(LENGTHS) + str(chance.random()))
            job = engine.job(prompt[: engine.model.context_per_slot - 1], _wish(chance))
            # Some go before they have begun, some in the middle, some never.
            patience[job.id] = chance.choice((1, 2, 5, 15, 1000, 1000, 1000))
            job.cancelled = chance.random() < 0.05
            engine.engine.submit(job)
            jobs.append(job)
        for job in jobs:
            read, sampled = _check(engine, job)
            prompt_tokens += read
            completion_tokens += sampled
        engine.listener.heard.clear()
        patience.clear()
        resident.append(_resident_pages())
    statistics = engine.engine.statistics()
    assert (statistics.prompt_tokens, statistics.completion_tokens) == (prompt_tokens, completion_tokens)
    assert (statistics.slots_busy, statistics.waiting) == (0, 0)
    assert engine.engine.room.waiting_tokens == 0
    assert resident[-1] == pytest.approx(resident[rounds // 5], rel=0.03), "memory grows with the requests"
    assert set(statistics.finished) == {Finish.STOP, Finish.LENGTH, Finish.CANCELLED}


def test_a_cut_request_has_no_token_more_than_when_it_was_cut(start_engine: StartEngine, tiny_model: Path) -> None:
    engine = start_engine(tiny_model)

    def cut(job: Job, delta: Delta) -> None:
        job.cancelled |= delta.finish is None

    engine.listener.reaction = cut
    answer = engine.ask("ba be bi", Wish(max_tokens=100))
    assert (answer.finish, answer.usage.completion_tokens, answer.deltas) == (Finish.CANCELLED, 1, 2)


def test_the_slot_of_a_cut_request_serves_another_in_the_next_step(start_engine: StartEngine, tiny_model: Path) -> None:
    engine = start_engine(tiny_model, parallel=1)
    seen: list[tuple[str, Finish | None]] = []

    def cut(job: Job, delta: Delta) -> None:
        seen.append((job.id, delta.finish))
        if job.id == first.id and delta.finish is None:
            engine.engine.cancel(job)

    engine.listener.reaction = cut
    first = engine.job("ba", Wish(max_tokens=400))
    second = engine.job("be", Wish(max_tokens=1))
    engine.engine.submit(first)
    engine.engine.submit(second)
    engine.answer(second)
    assert seen == [(first.id, None), (first.id, Finish.CANCELLED), (second.id, Finish.LENGTH)]


def test_a_request_cut_while_it_waits_is_told_and_costs_nothing(start_engine: StartEngine, tiny_model: Path) -> None:
    engine = start_engine(tiny_model, parallel=1)
    running = engine.job("ba", Wish(max_tokens=20))
    waiting = engine.job("be")
    # The first token of the one that has the only slot.
    engine.listener.reaction = lambda _job, _delta: engine.engine.cancel(waiting)
    engine.engine.submit(running)
    engine.engine.submit(waiting)
    answer = engine.answer(waiting)
    assert (answer.finish, answer.usage.prompt_tokens, answer.usage.completion_tokens) == (Finish.CANCELLED, 0, 0)
    assert engine.answer(running).finish is Finish.LENGTH
