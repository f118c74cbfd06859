"""Records as a gateway writes them, for whoever stores, adds up or shows them."""

from __future__ import annotations

from typing import Any

import msgspec

from plimsoll.cost.record import CountSource, Outcome, Record, Tokens

_PLAIN = Record(
    request="req-1",
    attempt=1,
    started_ns=1_795_000_000_123_456_789,
    seconds=1.5,
    first_token_seconds=0.25,
    namespace="team-a",
    model="chat",
    revision=3,
    backend="llamacpp",
    endpoint="chat-7f9c-x2x4p",
    team="team-a",
    key="team-a/ci",
    operation="chat",
    streamed=True,
    outcome=Outcome.OK,
    status=200,
    tokens=Tokens(input_text=15, output_text=40),
    source=CountSource.ENGINE,
)


def used(request: str = "req-1", **changes: Any) -> Record:
    """A plain one, with these fields another way."""
    return msgspec.structs.replace(_PLAIN, request=request, **changes)


def numbered(count: int, begin: int = 1) -> list[Record]:
    return [used(f"req-{number}") for number in range(begin, begin + count)]
