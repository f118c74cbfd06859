"""Holds against a plain slow model, and the parts of several gateways against the limit of all."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from plimsoll.ledger.holds import Ask, Granted, Kind, Limited, Measure, Refused, Scope, limit_of
from plimsoll.ledger.memory_holds import MemoryHolds
from plimsoll.ledger.shares import part_of
from plimsoll.routing.limits import Limits

SECOND = 1_000_000_000
SCOPES = [Scope(kind, name) for kind in (Kind.KEY, Kind.TEAM) for name in "ab"]
SOME = st.none() | st.integers(0, 6)
LIMITS = st.builds(
    Limits,
    requests=SOME,
    tokens=st.none() | st.integers(0, 40),
    concurrency=SOME,
    window_seconds=st.sampled_from([1.0, 10.0, 60.0]),
)


@dataclass
class Row:
    """One request that was let in."""

    at: int
    until: int
    scopes: list[Scope]
    tokens: int
    running: bool = True


@dataclass
class SlowHolds:
    """Keeps everything for ever and adds it up each time."""

    rows: dict[str, Row] = field(default_factory=dict)

    def used(self, limited: Limited, measure: Measure, now: int) -> int:
        rows = [row for row in self.rows.values() if limited.scope in row.scopes]
        begin = now - round(limited.limits.window_seconds * SECOND)
        match measure:
            case Measure.REQUESTS:
                return sum(row.at > begin for row in rows)
            case Measure.TOKENS:
                return sum(row.tokens for row in rows if row.at > begin)
            case Measure.CONCURRENCY:
                return sum(row.running for row in rows)

    def fits(self, ask: Ask, now: int) -> bool:
        return all(
            self.used(each, measure, now) + (ask.tokens if measure is Measure.TOKENS else 1) <= limit
            for each in ask.limited
            for measure in Measure
            if (limit := limit_of(each.limits, measure)) is not None
        )


Step = tuple[str, int, int, int]
STEPS = st.lists(
    st.tuples(st.sampled_from(["hold", "hold", "hold", "settle", "expire"]), *[st.integers(0, 20)] * 3), max_size=60
)


@given(limits=st.lists(LIMITS, min_size=4, max_size=4), steps=STEPS)
def test_holds_decide_as_the_slow_model_does(limits: list[Limits], steps: list[Step]) -> None:
    holds, slow, now = MemoryHolds(), SlowHolds(), 0
    everything = [Limited(scope, limit) for scope, limit in zip(SCOPES, limits, strict=True)]
    for number, (kind, wait, choice, amount) in enumerate(steps):
        now += wait * SECOND // 2
        if kind == "hold":
            limited = (everything[choice % 2], everything[2 + choice // 2 % 2])
            ask = Ask(f"r{number}", amount, limited, lasting=20 * SECOND)
            assert _decided(holds, slow, ask, now)
        elif kind == "settle" and slow.rows:
            name = [*slow.rows][choice % len(slow.rows)]
            row = slow.rows[name]
            assert holds.settle(name, amount) == row.running
            row.tokens, row.running = (amount, False) if row.running else (row.tokens, False)
        elif kind == "expire":
            gone = [name for name, row in slow.rows.items() if row.running and row.until <= now]
            assert holds.expire(now) == gone
            for name in gone:
                slow.rows[name].tokens, slow.rows[name].running = 0, False
        for left in holds.left(everything, now):
            limited_by = next(each for each in everything if each.scope == left.counter.scope)
            assert left.left == max(0, left.limit - slow.used(limited_by, left.counter.measure, now))


def _decided(holds: MemoryHolds, slow: SlowHolds, ask: Ask, now: int) -> bool:
    """Whether both say the same, also about when it would pass."""
    answer = holds.hold(ask, now)
    if isinstance(answer, Granted):
        fits = slow.fits(ask, now)
        slow.rows[ask.request] = Row(now, now + ask.lasting, [each.scope for each in ask.limited], ask.tokens)
        return fits
    if answer.retry_after is not None and not any(each.measure is Measure.CONCURRENCY for each in answer.full):
        then = now + answer.retry_after
        assert slow.fits(ask, then)
        assert not slow.fits(ask, then - 1)
    return not slow.fits(ask, now)


@given(limit=st.integers(0, 10**9), gateways=st.integers(1, 100))
def test_all_gateways_together_never_let_more_pass_than_the_limit(limit: int, gateways: int) -> None:
    parts = gateways * part_of(limit, gateways)
    assert limit - gateways < parts <= limit


def test_a_document_without_gateways_gives_the_one_that_reads_it_everything() -> None:
    assert part_of(7, 0) == 7


def test_a_refusal_names_a_limit_that_is_full() -> None:
    holds = MemoryHolds()
    limited = (Limited(SCOPES[0], Limits(requests=1)), Limited(SCOPES[2], Limits(requests=5)))
    holds.hold(Ask("r1", 0, limited, SECOND), 0)
    answer = holds.hold(Ask("r2", 0, limited, SECOND), 0)
    assert isinstance(answer, Refused)
    assert answer.counter in answer.full
