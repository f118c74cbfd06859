"""`plimsoll check`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.support.command import Command
from tests.support.model_configs import SAMPLES, Case, base, cases, model_config
from tests.support.model_keys import model_key

GOOD = yaml.safe_dump(model_config(base("hosted")))
BAD = yaml.safe_dump(model_config({**base("hosted"), "contxt": 3}))


@pytest.mark.parametrize("case", [case for case in cases() if case.breaks][::12], ids=lambda case: case.id)
def test_what_the_rules_refuse_is_refused_with_its_message(plimsoll: Command, tmp_path: Path, case: Case) -> None:
    file = tmp_path / "model.json"
    file.write_text(json.dumps(case.document))
    answered = plimsoll("check", file, "-o", "json")
    assert answered.code == 1
    assert case.breaks in {problem["rule"] for problem in answered.data["documents"][0]["problems"]}


def test_every_sample_is_accepted(plimsoll: Command) -> None:
    answered = plimsoll("check", SAMPLES)
    assert answered.code == 0
    assert "is refused" not in answered.output


def test_a_key_is_judged_as_a_key(plimsoll: Command) -> None:
    good, bad = model_key({}, "good"), model_key({"hash": "abc"}, "bad")
    answered = plimsoll("check", "--size", "-", given=f"{yaml.safe_dump(good)}---\n{yaml.safe_dump(bad)}---\n{GOOD}")
    assert answered.code == 1
    assert "document 1: good is accepted" in answered.output
    assert "document 2: bad is refused\n  spec.hash: " in answered.output


def test_a_key_of_somebody_elses_api_is_passed_over(plimsoll: Command) -> None:
    other = yaml.safe_dump({"apiVersion": "keys.example.com/v1", "kind": "ModelKey", "metadata": {"name": "a"}})
    answered = plimsoll("check", "-", given=f"{GOOD}---\n{other}")
    assert (answered.code, "ModelKey" in answered.errors) == (0, True)


def test_what_was_meant_is_told(plimsoll: Command) -> None:
    answered = plimsoll("check", "-", given=BAD)
    assert answered.code == 1
    assert "standard input: chat is refused" in answered.output
    assert "spec.contxt: there is no such field: did you mean context?" in answered.output


def test_one_broken_file_does_not_hide_the_verdict_on_the_others(plimsoll: Command, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [\n")
    (tmp_path / "b.yaml").write_text(GOOD)
    answered = plimsoll("check", tmp_path, "-o", "json")
    assert answered.code == 1
    assert [each["accepted"] for each in answered.data["documents"]] == [False, True]


def test_other_kinds_are_passed_over_and_named(plimsoll: Command) -> None:
    answered = plimsoll("check", "-", given=f"{GOOD}---\nkind: Secret\napiVersion: v1\n")
    assert answered.code == 0
    assert answered.errors == "not looked at: standard input, document 2: Secret\n"


def test_a_file_without_any_model_config_is_a_mistake_of_the_caller(plimsoll: Command) -> None:
    answered = plimsoll("check", "-", given="kind: Secret\napiVersion: v1\n")
    assert answered.code == 2
    assert "there is no ModelConfig in -" in answered.errors


def test_a_file_that_is_not_there_is_a_mistake_of_the_caller(plimsoll: Command) -> None:
    answered = plimsoll("check", "/nowhere/model.yaml")
    assert answered.code == 2
    assert answered.errors.startswith("plimsoll: /nowhere/model.yaml cannot be read: no such file or directory\n")


def test_a_hostile_document_moves_no_cursor(plimsoll: Command) -> None:
    document = model_config({**base("hosted"), "a\x1b[2Jb\u202e\x9b": 1}, name="x\x1b]0;owned\x07")
    for output in ("table", "json", "yaml"):
        answered = plimsoll("check", "-", "-o", output, given=json.dumps(document))
        assert answered.code == 1
        assert all(char.isprintable() or char == "\n" for char in answered.output + answered.errors)
