"""The line before a limit: first come, first served, bounded, and never longer than somebody's patience."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from plimsoll.ledger.holds import Ask, Counter, Granted, Kind, Limited, Measure, Refused, Scope
from plimsoll.ledger.line import Line, Waiting
from plimsoll.ledger.memory_holds import MemoryHolds
from plimsoll.routing.limits import Limits
from tests.support.form import Form

SECOND = 1_000_000_000
KEY, OTHER, MODEL = Scope(Kind.KEY, "a/ci"), Scope(Kind.KEY, "a/me"), Scope(Kind.MODEL, "a/chat")
PATIENCE = 90 * SECOND
Enter = Callable[..., Granted | Refused | Waiting]


def waits(queue: int = 10, **limits: int) -> Limits:
    return Limits(**limits, when_full="wait", queue=queue)


@pytest.fixture
def holds() -> MemoryHolds:
    return MemoryHolds()


@pytest.fixture
def line(holds: MemoryHolds) -> Line:
    return Line(holds)


@pytest.fixture
def enter(line: Line) -> Enter:
    def enter(
        request: str, *limited: tuple[Scope, Limits], now: int = 0, tokens: int = 1
    ) -> Granted | Refused | Waiting:
        ask = Ask(request, tokens, tuple(Limited(*each) for each in limited), 600 * SECOND)
        return line.enter(ask, now, PATIENCE)

    return enter


def names(answers: list[Granted | Refused]) -> list[tuple[str, bool]]:
    return [(answer.request, isinstance(answer, Granted)) for answer in answers]


def test_who_finds_room_does_not_wait(line: Line, enter: Enter) -> None:
    assert enter("r1", (KEY, waits(requests=1))) == Granted("r1")
    assert line.wakes_at() is None


def test_the_fourth_of_three_in_a_minute_is_let_in_at_the_edge(line: Line, enter: Enter) -> None:
    for at in (5, 6, 7):
        enter(f"r{at}", (KEY, waits(requests=3)), now=at * SECOND)
    assert enter("r4", (KEY, waits(requests=3)), now=8 * SECOND) == Waiting("r4")
    assert line.wakes_at() == 65 * SECOND
    assert line.advance(65 * SECOND - 1) == []
    assert line.wakes_at() == 65 * SECOND
    assert line.advance(65 * SECOND) == [Granted("r4")]
    assert len(line) == 0


def test_nobody_waits_where_the_owner_wants_refusals(line: Line, enter: Enter) -> None:
    refuse, wait = Limits(requests=1), waits(concurrency=1)
    enter("r1", (KEY, refuse), (MODEL, wait))
    answer = enter("r2", (KEY, refuse), (MODEL, wait))
    assert isinstance(answer, Refused)
    assert answer.counter == Counter(KEY, Measure.REQUESTS)
    assert isinstance(enter("r3", (OTHER, refuse), (MODEL, wait)), Waiting)


def test_nobody_waits_for_what_never_comes(enter: Enter) -> None:
    answer = enter("r1", (KEY, waits(tokens=10)), tokens=11)
    assert isinstance(answer, Refused)
    assert answer.hopeless


def test_the_line_is_as_long_as_its_owner_says(line: Line, enter: Enter) -> None:
    one = waits(queue=2, concurrency=1)
    enter("r1", (MODEL, one))
    answers = [enter(f"r{number}", (MODEL, one)) for number in range(2, 6)]
    assert [type(answer) for answer in answers] == [Waiting, Waiting, Refused, Refused]
    line.leave("r2")
    assert enter("r6", (MODEL, one)) == Waiting("r6")
    assert len(line) == 2


def test_a_newcomer_does_not_pass_those_who_wait(holds: MemoryHolds, line: Line, enter: Enter) -> None:
    limit = waits(tokens=100)
    enter("r1", (KEY, limit), tokens=90)
    assert enter("large", (KEY, limit), tokens=50) == Waiting("large")
    assert enter("small", (KEY, limit), tokens=5) == Waiting("small")
    assert line.advance(SECOND) == []
    holds.settle("r1", 50)
    assert line.advance(SECOND) == [Granted("large")]
    assert line.advance(2 * SECOND) == []
    assert line.advance(60 * SECOND) == [Granted("small")]


def test_who_waits_for_a_key_does_not_hold_up_another(line: Line, enter: Enter) -> None:
    key, model = waits(requests=1), waits(concurrency=5)
    enter("r1", (KEY, key), (MODEL, model))
    assert enter("r2", (KEY, key), (MODEL, model)) == Waiting("r2")
    assert enter("r3", (OTHER, key), (MODEL, model)) == Granted("r3")


def test_a_limit_that_others_wait_for_is_told_in_the_words_of_ones_own(line: Line, enter: Enter) -> None:
    secret, mine = waits(queue=5, requests=1), waits(queue=5, requests=9)
    model = waits(queue=1, concurrency=1)
    enter("r1", (KEY, secret), (MODEL, model))
    enter("r2", (KEY, secret), (MODEL, model))
    answer = enter("r3", (OTHER, mine), (MODEL, model))
    assert isinstance(answer, Refused)
    assert (answer.counter, answer.limit) == (Counter(MODEL, Measure.CONCURRENCY), 1)
    assert {counter.scope for counter in answer.full} == {MODEL}


def test_patience_ends_in_a_refusal(line: Line, enter: Enter) -> None:
    one = waits(concurrency=1)
    enter("r1", (MODEL, one))
    enter("r2", (MODEL, one), now=SECOND)
    enter("r3", (MODEL, one), now=2 * SECOND)
    assert line.wakes_at() == PATIENCE + SECOND
    assert names(line.advance(PATIENCE + SECOND)) == [("r2", False)]
    assert names(line.advance(PATIENCE + 2 * SECOND)) == [("r3", False)]


def test_whoever_is_let_in_at_the_last_moment_is_let_in(holds: MemoryHolds, line: Line, enter: Enter) -> None:
    one = waits(concurrency=1)
    enter("r1", (MODEL, one))
    enter("r2", (MODEL, one))
    holds.settle("r1", 1)
    assert line.advance(PATIENCE) == [Granted("r2")]


def test_whoever_leaves_is_not_let_in(holds: MemoryHolds, line: Line, enter: Enter) -> None:
    one = waits(concurrency=1)
    for request in ("r1", "r2", "r3"):
        enter(request, (MODEL, one))
    assert line.leave("r2")
    assert not line.leave("r2")
    assert not line.leave("r1")
    holds.settle("r1", 1)
    assert line.advance(SECOND) == [Granted("r3")]
    assert enter("r4", (MODEL, one)) == Waiting("r4")


def test_nothing_is_remembered_of_those_who_are_gone(holds: MemoryHolds, line: Line, enter: Enter) -> None:
    one = waits(concurrency=1)
    for request in ("r1", "r2"):
        enter(request, (MODEL, one))
    holds.settle("r1", 1)
    line.advance(SECOND)
    holds.settle("r2", 1)
    assert (line._wanted, line._waiting) == ({}, {})
    assert enter("r3", (MODEL, one), now=2 * SECOND) == Granted("r3")


def test_a_limit_that_turns_to_refusing_sends_those_away_who_wait_for_it_next(
    holds: MemoryHolds, line: Line, enter: Enter
) -> None:
    key, model = waits(concurrency=1), Limits(concurrency=1)
    enter("r1", (KEY, key))
    enter("r2", (KEY, key), (MODEL, model))
    enter("r3", (MODEL, model))
    holds.settle("r1", 1)
    assert names(line.advance(SECOND)) == [("r2", False)]


def test_everybody_is_served_in_the_order_of_arrival_and_nobody_is_forgotten(form: Form) -> None:
    chance = random.Random(form.seed)
    for _ in range(form.count(small=2, large=500)):
        holds = MemoryHolds()
        line, now, arrived, served, running = Line(holds), 0, list[str](), list[str](), list[str]()
        limit = waits(queue=1000, requests=4, tokens=60, concurrency=3)
        for number in range(60):
            now += chance.randrange(12) * SECOND
            request = f"r{number}"
            ask = Ask(request, chance.randrange(1, 50), (Limited(KEY, limit),), 10_000 * SECOND)
            arrived.append(request)
            if isinstance(line.enter(ask, now, 10_000 * SECOND), Granted):
                served.append(request)
                running.append(request)
            while running and chance.random() < 0.6:
                holds.settle(running.pop(chance.randrange(len(running))), chance.randrange(50))
            let_in = [answer.request for answer in line.advance(now)]
            served += let_in
            running += let_in
        while len(line):
            for request in running:
                holds.settle(request, 1)
            wakes = line.wakes_at()
            assert wakes is not None
            now = max(now, wakes) if not running else now
            running = [answer.request for answer in line.advance(now)]
            served += running
        assert served == arrived
