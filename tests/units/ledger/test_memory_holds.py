"""Holds: everything or nothing, exact to the nanosecond, and given back."""

from __future__ import annotations

import pytest

from plimsoll.ledger.holds import Ask, Counter, Granted, Kind, Limited, Measure, Refused, Scope
from plimsoll.ledger.memory_holds import MemoryHolds
from plimsoll.routing.limits import Limits

SECOND = 1_000_000_000
KEY, TEAM, MODEL = Scope(Kind.KEY, "a/ci"), Scope(Kind.TEAM, "a"), Scope(Kind.MODEL, "a/chat")
THREE = Limits(requests=3)


@pytest.fixture
def holds() -> MemoryHolds:
    return MemoryHolds()


def ask(request: str, *limited: tuple[Scope, Limits], tokens: int = 10, lasting: int = 600) -> Ask:
    return Ask(request, tokens, tuple(Limited(*each) for each in limited), lasting * SECOND)


def refused(found: Granted | Refused) -> Refused:
    assert isinstance(found, Refused)
    return found


def test_the_fourth_of_three_in_a_minute_passes_at_the_edge_and_not_before(holds: MemoryHolds) -> None:
    for at in (0, 7, 20):
        assert holds.hold(ask(f"r{at}", (KEY, THREE)), at * SECOND) == Granted(f"r{at}")
    answer = refused(holds.hold(ask("r4", (KEY, THREE)), 21 * SECOND))
    assert answer == Refused(
        "r4", Counter(KEY, Measure.REQUESTS), 3, 39 * SECOND, False, frozenset({Counter(KEY, Measure.REQUESTS)})
    )
    refused(holds.hold(ask("r4", (KEY, THREE)), 60 * SECOND - 1))
    assert holds.hold(ask("r4", (KEY, THREE)), 60 * SECOND) == Granted("r4")
    assert refused(holds.hold(ask("r5", (KEY, THREE)), 60 * SECOND)).retry_after == 7 * SECOND


def test_a_request_counts_from_its_beginning_even_if_it_ended_long_ago(holds: MemoryHolds) -> None:
    for number in range(3):
        holds.hold(ask(f"r{number}", (KEY, THREE)), 0)
        holds.settle(f"r{number}", 10)
    assert refused(holds.hold(ask("r4", (KEY, THREE)), SECOND)).retry_after == 59 * SECOND


def test_what_was_held_and_not_used_is_free_again(holds: MemoryHolds) -> None:
    limit = Limits(tokens=100)
    holds.hold(ask("r1", (KEY, limit), tokens=80), 0)
    assert refused(holds.hold(ask("r2", (KEY, limit), tokens=30), 1)).counter == Counter(KEY, Measure.TOKENS)
    assert holds.settle("r1", 70)
    assert holds.hold(ask("r2", (KEY, limit), tokens=30), 2) == Granted("r2")
    assert holds.left([Limited(KEY, limit)], 2)[0].left == 0


def test_what_was_used_beyond_the_hold_counts_too(holds: MemoryHolds) -> None:
    limit = Limits(tokens=100)
    holds.hold(ask("r1", (KEY, limit), tokens=10), 0)
    holds.settle("r1", 95)
    assert refused(holds.hold(ask("r2", (KEY, limit), tokens=10), SECOND)).retry_after == 59 * SECOND


def test_running_requests_are_counted_until_they_are_settled(holds: MemoryHolds) -> None:
    two = Limits(concurrency=2)
    for request in ("r1", "r2"):
        holds.hold(ask(request, (MODEL, two)), 0)
    answer = refused(holds.hold(ask("r3", (MODEL, two)), 1000 * SECOND))
    assert (answer.counter, answer.retry_after, answer.hopeless) == (Counter(MODEL, Measure.CONCURRENCY), None, False)
    holds.settle("r1", 5)
    assert holds.hold(ask("r3", (MODEL, two)), 1000 * SECOND) == Granted("r3")


def test_whoever_is_refused_by_one_limit_takes_nothing_of_the_others(holds: MemoryHolds) -> None:
    wide, narrow = Limits(requests=10, tokens=1000, concurrency=10), Limits(requests=1)
    assert holds.hold(ask("r1", (KEY, wide), (TEAM, narrow), (MODEL, wide)), 0) == Granted("r1")
    before = holds.left([Limited(KEY, wide), Limited(MODEL, wide)], 0)
    for number in range(5):
        refused(holds.hold(ask(f"no{number}", (KEY, wide), (TEAM, narrow), (MODEL, wide)), 0))
    assert holds.left([Limited(KEY, wide), Limited(MODEL, wide)], 0) == before


def test_of_several_that_are_full_the_one_that_takes_longest_is_told(holds: MemoryHolds) -> None:
    short, long = Limits(requests=1, window_seconds=10), Limits(requests=1, window_seconds=100, concurrency=1)
    holds.hold(ask("r1", (KEY, short), (TEAM, long)), 0)
    answer = refused(holds.hold(ask("r2", (KEY, short), (TEAM, long)), SECOND))
    assert (answer.counter, answer.retry_after) == (Counter(TEAM, Measure.REQUESTS), 99 * SECOND)
    assert answer.full == {
        Counter(KEY, Measure.REQUESTS),
        Counter(TEAM, Measure.REQUESTS),
        Counter(TEAM, Measure.CONCURRENCY),
    }


def test_what_can_never_pass_is_told_at_once(holds: MemoryHolds) -> None:
    for limits in (Limits(tokens=9), Limits(requests=0), Limits(concurrency=0)):
        answer = refused(holds.hold(ask("r1", (KEY, limits)), 0))
        assert (answer.hopeless, answer.retry_after) == (True, None)


def test_what_nobody_settles_is_freed_when_it_can_run_no_longer(holds: MemoryHolds) -> None:
    limits = Limits(tokens=10, concurrency=1, window_seconds=10_000)
    holds.hold(ask("lost", (KEY, limits), tokens=10, lasting=30), 0)
    assert holds.expire(30 * SECOND - 1) == []
    refused(holds.hold(ask("r2", (KEY, limits), tokens=10), 30 * SECOND - 1))
    assert holds.expire(30 * SECOND) == ["lost"]
    assert holds.hold(ask("r2", (KEY, limits), tokens=10), 30 * SECOND) == Granted("r2")
    assert not holds.settle("lost", 10)


def test_a_hold_is_settled_once(holds: MemoryHolds) -> None:
    limits = Limits(tokens=100, concurrency=5)
    holds.hold(ask("r1", (KEY, limits)), 0)
    assert [holds.settle("r1", 4) for _ in range(3)] == [True, False, False]
    assert not holds.settle("never asked", 4)
    assert [each.left for each in holds.left([Limited(KEY, limits)], 0)] == [96, 5]


def test_one_request_is_held_once(holds: MemoryHolds) -> None:
    holds.hold(ask("r1", (KEY, THREE)), 0)
    with pytest.raises(ValueError, match="r1"):
        holds.hold(ask("r1", (KEY, THREE)), 0)


def test_a_limit_that_changes_acts_on_what_was_used_before(holds: MemoryHolds) -> None:
    for number in range(3):
        holds.hold(ask(f"r{number}", (KEY, THREE)), 0)
    assert holds.hold(ask("r4", (KEY, Limits(requests=4))), SECOND) == Granted("r4")
    refused(holds.hold(ask("r5", (KEY, THREE)), SECOND))
    refused(holds.hold(ask("r5", (KEY, Limits(tokens=45))), SECOND))
    assert holds.hold(ask("r5", (KEY, Limits(requests=4, window_seconds=1))), SECOND) == Granted("r5")


def test_each_gateway_lets_its_part_pass(holds: MemoryHolds) -> None:
    holds.share_with(3)
    limit = Limits(requests=7)
    assert [type(holds.hold(ask(f"r{number}", (KEY, limit)), 0)) for number in range(3)] == [Granted, Granted, Refused]
    assert refused(holds.hold(ask("r4", (KEY, limit)), 0)).limit == 7
    holds.share_with(1)
    assert holds.hold(ask("r4", (KEY, limit)), 0) == Granted("r4")


def test_scopes_of_different_kinds_do_not_share_a_name(holds: MemoryHolds) -> None:
    one = Limits(requests=1)
    for kind in Kind:
        assert holds.hold(ask(kind, (Scope(kind, "same"), one)), 0) == Granted(kind)


def test_keys_that_nobody_uses_any_more_take_no_memory(holds: MemoryHolds) -> None:
    for number in range(200):
        holds.hold(ask(f"r{number}", (Scope(Kind.KEY, f"a/{number}"), THREE)), 0)
        if number:
            holds.settle(f"r{number}", 1)
    for _ in range(10):
        holds.expire(60 * SECOND)
    assert [*holds._states] == [Scope(Kind.KEY, "a/0")]
    holds.settle("r0", 1)
    holds.expire(61 * SECOND)
    assert holds._states == {}


@pytest.mark.parametrize("gateways", [1, 2, 3])
def test_of_several_limits_on_the_same_the_one_of_which_least_is_left_is_told(gateways: int) -> None:
    holds = MemoryHolds(gateways)
    limited = [
        Limited(KEY, Limits(requests=9, tokens=900)),
        Limited(TEAM, Limits(requests=60, tokens=300, concurrency=30)),
        Limited(MODEL, Limits(tokens=300, window_seconds=1.0)),
    ]
    for now in (0, 1, 2 * SECOND, 60 * SECOND):
        granted = holds.hold(ask(f"r{now}", *limited, tokens=30), now)
        assert isinstance(granted, Granted)
        if not now:
            assert granted.left[Measure.TOKENS] == (300 // gateways - 30, 300)
        told = holds.left(limited, now)
        by_measure = {each.counter.measure for each in told}
        assert granted.left == {
            measure: min((each.left, each.limit) for each in told if each.counter.measure is measure)
            for measure in by_measure
        }


def test_nothing_is_left_of_what_is_overdrawn(holds: MemoryHolds) -> None:
    limited = Limited(KEY, Limits(tokens=100))
    holds.hold(ask("r1", limited, tokens=10), 0)
    holds.settle("r1", 150)
    assert [each.left for each in holds.left([limited], 1)] == [0]
