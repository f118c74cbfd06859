"""What a gateway says to the operator travels as JSON, and nothing else is taken for it."""

from __future__ import annotations

import json

import pytest

from plimsoll.routing.conversation import (
    HEARTBEAT,
    LARGEST_FROM_GATEWAY,
    SILENCE,
    Again,
    FromGateway,
    Load,
    ModelLoad,
    UnreadableWord,
    hear,
    say,
)
from plimsoll.routing.document import Version


@pytest.mark.parametrize(
    "word",
    [
        Again(),
        Load(models={}),
        Load(models={"team-a/chat": ModelLoad(running=3, waiting=1)}, serves=Version(epoch=2, sequence=7)),
    ],
)
def test_what_is_said_is_heard(word: FromGateway) -> None:
    assert hear(say(word)) == word
    assert hear(say(word).decode()) == word


def test_what_the_wire_has() -> None:
    assert json.loads(say(Again())) == {"message": "again"}
    assert json.loads(say(Load(models={"a/b": ModelLoad(running=2)}, serves=Version(epoch=2, sequence=7)))) == {
        "message": "load",
        "models": {"a/b": {"running": 2}},
        "serves": {"epoch": 2, "sequence": 7},
    }


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"{}",
        b'{"message": "update"}',
        b'{"message": "again", "more": 1}',
        b'{"message": "load"}',
        b'{"message": "load", "models": {"a/b": {"running": -1}}}',
        b'{"message": "load", "models": {"a/b": {"running": "1"}}}',
        b"[" * 100_000,
    ],
)
def test_nothing_else_is_taken(data: bytes) -> None:
    with pytest.raises(UnreadableWord):
        hear(data)


def test_the_load_of_many_models_has_room() -> None:
    most = ModelLoad(running=99_999, waiting=99_999)
    models = {f"{'n' * 63}/{number:040}": most for number in range(2_000)}
    assert len(say(Load(models=models))) < LARGEST_FROM_GATEWAY


def test_two_pings_may_be_lost() -> None:
    assert SILENCE >= 3 * HEARTBEAT
