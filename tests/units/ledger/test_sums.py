"""Sums of records."""

from __future__ import annotations

from plimsoll.cost.record import CountSource, Tokens
from plimsoll.ledger.by import By
from plimsoll.ledger.sums import NAMES, Sums, started
from tests.support.usage import used

RECORDS = [
    used("r1", tokens=Tokens(input_text=5), source=CountSource.ENGINE),
    used("r2", attempt=1, tokens=Tokens(), source=CountSource.NONE, status=503),
    used("r2", attempt=2, tokens=Tokens(input_text=1, output_text=2), source=CountSource.COUNTED),
    used("r3", team="team-b", tokens=Tokens(output_reasoning=7), source=CountSource.ESTIMATED),
]


def test_requests_are_counted_once_and_attempts_all() -> None:
    sums = Sums(By.TEAM)
    for record in RECORDS:
        sums.add(record)
    assert (sums.total.requests, sums.total.attempts, sums.total.inexact) == (3, 4, 2)
    assert sums.total.tokens == Tokens(input_text=6, output_text=2, output_reasoning=7)
    assert sums.total.seconds == 6.0
    assert {name: part.requests for name, part in sums.parts.items()} == {"team-a": 2, "team-b": 1}
    assert sums.parts["team-b"].tokens == Tokens(output_reasoning=7)


def test_everything_that_records_have_in_common_has_a_name() -> None:
    assert {by: name(RECORDS[0]) for by, name in NAMES.items()} == {
        By.MODEL: "team-a/chat",
        By.TEAM: "team-a",
        By.KEY: "team-a/ci",
        By.OPERATION: "chat",
        By.OUTCOME: "ok",
        By.BACKEND: "llamacpp",
        By.DAY: "2026-11-18",
    }
    assert set(NAMES) == set(By)


def test_a_time_is_told_to_the_microsecond() -> None:
    assert started(RECORDS[0]).isoformat() == "2026-11-18T11:06:40.123456+00:00"
