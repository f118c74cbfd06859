"""What logs and metrics say of requests that have ended."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from plimsoll.cost.record import CountSource, Outcome, Tokens
from plimsoll.gateway.access_log import AccessLog
from plimsoll.gateway.ended import Ended
from plimsoll.gateway.metrics import OTHER, Metrics, Names, Seen
from tests.support.operator_process import sum_of
from tests.support.usage import used


def _ended(**changes: Any) -> Ended:
    usual = {
        "request": "req_1", "operation": "chat", "method": "POST", "status": 200, "error": None, "seconds": 4.0,
        "inside_seconds": 3.9, "model": "team-a/chat", "revision": 3, "team": "blue",
    }  # fmt: skip
    return Ended(**{**usual, **changes})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, "2xx"),
        ({"status": 429, "error": "rate_limit_exceeded"}, "4xx"),
        ({"error": "upstream_broken"}, "5xx"),
        ({"cancelled": True}, "cancelled"),
        ({"status": 0, "cancelled": True}, "cancelled"),
    ],
)
def test_the_code_is_that_of_the_end_and_not_of_the_begin(changes: dict[str, Any], code: str) -> None:
    assert _ended(**changes).code == code


def test_the_first_token_is_counted_from_the_head_of_the_request_and_through_all_attempts() -> None:
    failed = used(seconds=1.0, first_token_seconds=None, outcome=Outcome.TIMEOUT, tokens=Tokens())
    last = used(seconds=2.5, first_token_seconds=0.5, tokens=Tokens(input_text=3, output_text=5))
    ended = _ended(records=(failed, last))
    assert ended.first_token_seconds == pytest.approx(2.0)
    assert ended.each_token_seconds == pytest.approx(0.5)


def test_tokens_are_those_of_all_attempts() -> None:
    cut, last = (used(tokens=Tokens(input_text=3, output_text=count)) for count in (5, 7))
    assert _ended(records=(cut, last)).tokens == Tokens(input_text=6, output_text=12)
    assert _ended(records=(last,)).tokens == last.tokens
    assert _ended().tokens == Tokens()


def test_what_backends_and_limits_took_is_not_ours() -> None:
    records = (used(seconds=1.0), used(seconds=2.0))
    assert _ended(records=records, waited_seconds=0.8).overhead_seconds == pytest.approx(0.1)
    assert _ended(records=records, streamed=True).overhead_seconds is None
    assert _ended().overhead_seconds is None


def test_a_line_has_names_and_numbers_and_leaves_out_what_there_is_not() -> None:
    told = _ended(records=(used(seconds=2.0),), key="blue/app").line()
    line = msgspec.to_builtins(told)
    assert line["prompt_tokens"] == 15
    assert line["completion_tokens"] == 40
    assert (line["counted_by"], line["attempts"], line["key"]) == (CountSource.ENGINE, 1, "blue/app")
    assert not {"error", "cancelled", "drained", "streamed"} & line.keys()


def _exposed(metrics: Metrics) -> str:
    return metrics.exposition()[1].decode()


def test_tokens_are_counted_by_class_from_records() -> None:
    metrics = Metrics(lambda: None)
    tokens = Tokens(input_text=5, input_cached=3, output_text=7, output_reasoning=2)
    metrics.recorded(used(tokens=tokens, source=CountSource.COUNTED))
    metrics.recorded(used(outcome=Outcome.UPSTREAM_ERROR, tokens=Tokens(), source=CountSource.NONE))
    text = _exposed(metrics)
    counts = {
        kind: sum_of(text, "plimsoll_tokens_total", {"model": "team-a/chat", "team": "team-a", "type": kind})
        for kind in ("input", "cached_input", "output", "reasoning", "cache_write")
    }
    assert counts == {"input": 5, "cached_input": 3, "output": 7, "reasoning": 2, "cache_write": 0}
    assert sum_of(text, "plimsoll_upstream_attempts_total", {"outcome": "upstream_error", "provider": "llamacpp"}) == 1
    assert sum_of(text, "plimsoll_usage_inexact_total", {"source": "counted"}) == 1
    assert sum_of(text, "plimsoll_request_tokens_count", {}) == 2


def test_labels_have_a_bound_and_the_rest_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    names = Names("team", 2)
    with caplog.at_level(logging.WARNING):
        assert [names.known(each) for each in ("a", "b", "c", "d", "a")] == ["a", "b", OTHER, OTHER, "a"]
    assert len(caplog.records) == 1


def test_what_is_looked_at_only_when_somebody_asks_is_as_it_is_then() -> None:
    seen = Seen(
        connections=3, epoch=2, sequence=9, models=4, keys=5, written=12, synced=10, teams={("blue", "tokens"): 0.25}
    )
    text = _exposed(Metrics(lambda: seen))
    assert sum_of(text, "plimsoll_gateway_routing_sequence", {}) == 9
    assert sum_of(text, "plimsoll_ledger_rows_total", {}) == 12
    assert sum_of(text, "plimsoll_ledger_queue", {}) == 2
    assert sum_of(text, "plimsoll_rate_limit_remaining_ratio", {"team": "blue", "kind": "tokens"}) == 0.25


def test_a_log_line_is_written_whole_and_in_time_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "requests.log"
    number = os.open(path, os.O_WRONLY | os.O_CREAT)

    async def main() -> None:
        log = AccessLog(number)
        for each in range(100):
            log.write({"request": f"req_{each}"}, 1_800_000_000.0 + each / 1000)
        log.close(1_800_000_000.5)

    asyncio.run(main())
    os.close(number)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["request"] for line in lines] == [f"req_{each}" for each in range(100)]
    assert [lines[each]["time"] for each in (0, 8, 64)] == [
        f"2027-01-15T08:00:00.{told}+00:00" for told in ("000", "008", "064")
    ]


def test_a_reader_that_stands_still_stops_nobody_and_is_told_how_much_it_missed() -> None:
    read, write = os.pipe()
    line = {"request": "x" * 100_000}

    async def main() -> None:
        log = AccessLog(write)
        for _ in range(60):
            log.write(line, 0.0)
        reader = asyncio.create_task(asyncio.to_thread(_read_all, read))
        log._hand_over(0.0)
        while log._written < log._taken:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        log.write({"request": "last"}, 0.0)
        log.close(0.0)
        os.close(write)
        told = (await reader).splitlines()
        assert json.loads(told[-1])["message"] == "requests left out"
        assert json.loads(told[-1])["count"] == 60 - (len(told) - 2)

    asyncio.run(main())


def _read_all(number: int) -> bytes:
    with open(number, "rb") as file:
        return file.read()
