"""`plimsoll records`: what was used, for people and for scripts, and the repair of what is damaged."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from plimsoll.cost.record import CountSource, Outcome, Record, Tokens
from plimsoll.ledger.walking import MOST_TORN
from tests.support.command import Command
from tests.support.journals import written
from tests.support.usage import numbered, used
from tests.units.cli.test_outputs import schema

NOW = datetime.now(UTC)
RECORDS = [
    used("r1"),
    used("r2", model="embed", operation="embedding", tokens=Tokens(input_text=9), streamed=False),
    used("r3", team="team-b", key="", status=503, outcome=Outcome.UPSTREAM_ERROR, tokens=Tokens()),
    used("r3", team="team-b", key="", attempt=2, source=CountSource.COUNTED, tokens=Tokens(output_text=3)),
    used("r4", started_ns=int(NOW.timestamp()) * 1_000_000_000),
]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    written(tmp_path / "records", RECORDS)
    return tmp_path / "records"


def spoil(journal: Path) -> None:
    file = next(iter(sorted(journal.glob("records-*"))))
    file.write_bytes(file.read_bytes().replace(b'"r2"', b'"r9"', 1))


def test_the_list_shows_who_used_what(plimsoll: Command, journal: Path) -> None:
    answer = plimsoll("records", "--folder", journal)
    head, first, *_, last = answer.output.splitlines()
    assert head.split() == [
        *("STARTED", "REQUEST", "MODEL", "TEAM", "KEY", "OUTCOME", "PROMPT", "COMPLETION", "SECONDS"),
    ]
    assert first.split() == [
        *("2026-11-18T11:06:40", "r1", "team-a/chat", "team-a", "team-a/ci", "ok", "15", "40", "1.50")
    ]
    assert last.split()[1] == "r4"
    assert "r3 #2" in answer.output
    assert answer.code == 0


def test_only_the_newest_are_listed_and_everything_is_added_up(plimsoll: Command, journal: Path) -> None:
    answer = plimsoll("records", "--folder", journal, "--last", 2)
    assert [line.split()[1] for line in answer.output.splitlines()[1:]] == ["r3", "r4"]
    assert "and 3 more" in answer.errors
    data = plimsoll("records", "--folder", journal, "--last", 1, "-o", "json").data
    assert [each["request"] for each in data["records"]] == ["r4"]
    assert (data["total"]["requests"], data["total"]["attempts"], data["total"]["inexact"]) == (4, 5, 1)
    assert len(plimsoll("records", "--folder", journal, "--last", 0, "-o", "json").data["records"]) == 5


def test_json_has_every_field_of_a_record_and_keeps_to_its_schema(plimsoll: Command, journal: Path) -> None:
    data = plimsoll("records", "--folder", journal, "-o", "json").data
    jsonschema.validate(data, schema("records"), format_checker=jsonschema.FormatChecker())
    assert data["records"][0] == {
        "request": "r1",
        "attempt": 1,
        "startedAt": "2026-11-18T11:06:40.123456Z",
        "seconds": 1.5,
        "firstTokenSeconds": 0.25,
        "namespace": "team-a",
        "model": "chat",
        "revision": 3,
        "backend": "llamacpp",
        "endpoint": "chat-7f9c-x2x4p",
        "team": "team-a",
        "key": "team-a/ci",
        "operation": "chat",
        "streamed": True,
        "outcome": "ok",
        "status": 200,
        "tokens": {
            "prompt": 15,
            "completion": 40,
            "total": 55,
            "inputText": 15,
            "inputCached": 0,
            "cacheWrite": 0,
            "outputText": 40,
            "outputReasoning": 0,
        },
        "source": "engine",
    }
    assert plimsoll("records", "--folder", journal, "-o", "yaml").data == data
    # startedAt is in place of a number that only programs read.
    fields = set(Record.__struct_fields__) - {"started_ns"}
    assert len(data["records"][0]) == len(fields) + 1


def test_sums_are_over_what_they_have_in_common(plimsoll: Command, journal: Path) -> None:
    lines = plimsoll("records", "--folder", journal, "--by", "team").output.splitlines()
    assert [line.split() for line in lines] == [
        ["TEAM", "REQUESTS", "ATTEMPTS", "PROMPT", "COMPLETION", "TOTAL", "INEXACT", "SECONDS"],
        ["team-a", "3", "3", "39", "80", "119", "0", "4.5"],
        ["team-b", "1", "2", "0", "3", "3", "1", "3.0"],
        ["total", "4", "5", "39", "83", "122", "1", "7.5"],
    ]
    keys = plimsoll("records", "--folder", journal, "--by", "key", "-o", "json").data["sums"]
    assert {each["name"]: each["attempts"] for each in keys} == {"": 2, "team-a/ci": 3}


@pytest.mark.parametrize(
    ("chosen", "requests"),
    [
        (("--model", "team-a/embed"), ["r2"]),
        (("--team", "team-b"), ["r3", "r3"]),
        (("--key", "team-a/ci"), ["r1", "r2", "r4"]),
        (("--since", "1h"), ["r4"]),
        (("--since", "1h", "--team", "team-b"), []),
    ],
)
def test_what_is_asked_for_is_shown_and_added_up(
    plimsoll: Command, journal: Path, chosen: tuple[str, ...], requests: list[str]
) -> None:
    data = plimsoll("records", "--folder", journal, *chosen, "-o", "json").data
    assert [each["request"] for each in data["records"]] == requests
    assert data["total"]["attempts"] == len(requests)


def test_several_journals_are_read_as_one(plimsoll: Command, journal: Path, tmp_path: Path) -> None:
    written(tmp_path / "other", [used("r0", started_ns=1)])
    both = ("records", "--folder", journal, "--folder", tmp_path / "other", "-o", "json")
    data = plimsoll(*both).data
    assert [each["request"] for each in data["records"]] == ["r0", "r1", "r2", "r3", "r3", "r4"]
    assert data["total"]["attempts"] == 6
    assert [each["request"] for each in plimsoll(*both, "--last", 1).data["records"]] == ["r4"]


def test_damage_is_told_with_what_can_be_read_and_repaired_on_demand(plimsoll: Command, journal: Path) -> None:
    spoil(journal)
    answer = plimsoll("records", "--folder", journal)
    assert answer.code == 1
    assert "r4" in answer.output
    assert "plimsoll records repair" in answer.errors
    repaired = plimsoll("records", "repair", "--folder", journal)
    assert repaired.code == 0
    assert "1 lost" in repaired.output
    assert "damaged-1-" in repaired.output
    data = plimsoll("records", "--folder", journal, "-o", "json").data
    assert (data["lost"], data["damaged"], data["total"]["attempts"]) == (1, [], 4)
    assert "1 records were lost" in plimsoll("records", "--folder", journal).errors
    assert plimsoll("records", "repair", "--folder", journal).output == "nothing is damaged\n"


def test_a_record_that_is_being_written_is_no_damage(plimsoll: Command, journal: Path) -> None:
    file = max(journal.glob("records-*"))
    file.write_bytes(file.read_bytes()[:-20])
    assert plimsoll("records", "--folder", journal, "--last", 0).code == 0


def test_an_end_that_no_start_would_cut_is_damage(plimsoll: Command, journal: Path) -> None:
    with max(journal.glob("records-*")).open("ab") as file:
        file.write(bytes(MOST_TORN + 1))
    assert plimsoll("records", "--folder", journal).code == 1


@pytest.mark.parametrize("verb", [("records",), ("records", "repair")])
def test_a_folder_that_is_not_there_is_told(plimsoll: Command, tmp_path: Path, verb: tuple[str, ...]) -> None:
    answer = plimsoll(*verb, "--folder", tmp_path / "nothing")
    assert answer.code == 3
    assert "--folder" in answer.errors


def test_an_empty_journal_is_an_empty_list(plimsoll: Command, tmp_path: Path) -> None:
    written(tmp_path, [])
    assert plimsoll("records", "--folder", tmp_path, "-o", "json").data["total"]["attempts"] == 0


def test_a_folder_before_repair_is_not_overheard(plimsoll: Command, journal: Path) -> None:
    assert plimsoll("records", "--folder", journal, "repair").code == 2


def test_more_records_than_a_list_shows_are_counted(plimsoll: Command, tmp_path: Path) -> None:
    written(tmp_path, numbered(30))
    answer = plimsoll("records", "--folder", tmp_path)
    assert len(answer.output.splitlines()) == 21
    assert "and 10 more" in answer.errors
