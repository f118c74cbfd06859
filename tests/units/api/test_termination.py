"""The last words of a container are written and read by one contract, and nothing in them is believed too much."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.api.reasons import Reason
from plimsoll.api.termination import EXIT_CODES, LONGEST, LastWords, decode, encode


@pytest.mark.parametrize("reason", EXIT_CODES)
def test_every_reason_comes_back_with_its_message(reason: Reason) -> None:
    assert decode(encode(reason, "seen: 3 of 4"), EXIT_CODES[reason]) == LastWords(reason, "seen: 3 of 4")


def test_last_words_are_an_object_with_reason_message_and_fix() -> None:
    told = json.loads(encode(Reason.DISK_FULL, "no space left on /models"))
    assert told == {"reason": "DiskFull", "message": "no space left on /models", "fix": Reason.DISK_FULL.fix}


def test_exit_codes_differ_and_keep_clear_of_those_that_shells_and_python_use() -> None:
    codes = list(EXIT_CODES.values())
    assert len(set(codes)) == len(codes)
    assert all(3 <= code < 126 for code in codes)


def test_reasons_that_waiting_may_heal_have_the_codes_below_20() -> None:
    assert [reason for reason, code in EXIT_CODES.items() if (code < 20) is reason.needs_change] == []


def test_a_reason_that_no_container_can_know_is_not_written() -> None:
    with pytest.raises(ValueError, match="Serving"):
        encode(Reason.SERVING, "")


@pytest.mark.parametrize("text", ["x" * 9000, "\U0001f600" * 3000, '"' * 5000, "\\" * 5000, "\n" * 5000])
def test_last_words_fit_into_what_kubernetes_keeps(text: str) -> None:
    told = encode(Reason.DOWNLOAD_FAILED, text)
    assert len(told.encode()) <= LONGEST
    assert decode(told, 11).reason is Reason.DOWNLOAD_FAILED


def test_the_exit_code_names_the_reason_where_the_words_do_not() -> None:
    assert decode("Traceback\nOSError: no space left", 28) == LastWords(
        Reason.DISK_FULL, "Traceback | OSError: no space left"
    )
    assert decode("", 32) == LastWords(Reason.DRIVER_MISSING, "")


def test_words_count_before_the_exit_code() -> None:
    assert decode(encode(Reason.CHECKSUM_MISMATCH, "a != b"), 1).reason is Reason.CHECKSUM_MISMATCH


@pytest.mark.parametrize(
    "text",
    [
        '{"reason": "Serving", "message": "all is well"}',
        '{"reason": "Accepted", "message": "all is well"}',
        '{"reason": ["DiskFull"], "message": "x"}',
        '{"reason": "DiskFull", "message": {"a": 1}}',
        '{"reason": "DiskFull"}',
        "[" * 4000,
        '{"a":' * 700,
        '["DiskFull", "x"]',
        '{"reason": "DiskFull", "message": "' + "x" * LONGEST + '"}',
        "1" * 4000,
        "null",
        "",
    ],
)
def test_words_that_do_not_keep_to_the_contract_have_no_reason(text: str) -> None:
    assert decode(text, 1).reason is None


def test_what_a_container_says_is_told_without_control_characters_and_secrets() -> None:
    hostile = json.dumps({"reason": "DownloadFailed", "message": "\x1b[2J token=abcdefgh\nhttps://u:p@h/x?sig=1"})
    assert decode(hostile, 11).message == "[2J token=… https://h/x?…"


@given(st.text(max_size=5000), st.integers(-1000, 1000))
def test_no_text_and_no_exit_code_is_too_strange_to_be_read(text: str, code: int) -> None:
    assert decode(text, code).message.isprintable()


@given(st.sampled_from(sorted(EXIT_CODES)), st.text(max_size=3000))
def test_whatever_is_written_can_be_read(reason: Reason, message: str) -> None:
    told = encode(reason, message)
    assert len(told.encode()) <= LONGEST
    assert decode(told, 1).reason is reason


def test_the_contract_for_engines_lists_every_exit_code() -> None:
    page = (Path(__file__).parents[3] / "docs" / "engine-contract.md").read_text()
    listed = dict(re.findall(r"^\| (\d+) \| `(\w+)` \|", page, re.MULTILINE))
    assert listed == {str(code): reason.value for reason, code in EXIT_CODES.items()}
