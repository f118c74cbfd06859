"""`plimsoll diff` of files."""

from __future__ import annotations

import json

import yaml

from tests.support.command import Command
from tests.support.model_configs import SAMPLES, base, model_config, with_value

ENVIRONMENTS = SAMPLES / "environments"


def test_the_environments_differ_in_six_and_three_keys(plimsoll: Command) -> None:
    first = ENVIRONMENTS / "development.yaml"
    for other, count in (("production", 6), ("staging", 3)):
        answered = plimsoll("diff", first, ENVIRONMENTS / f"{other}.yaml", "-o", "json")
        assert answered.code == 1
        assert len(answered.data["changes"]) == count


def test_a_field_that_is_the_same_is_shown_as_the_same(plimsoll: Command) -> None:
    answered = plimsoll("diff", ENVIRONMENTS / "development.yaml", ENVIRONMENTS / "staging.yaml")
    (row,) = [row for row in answered.output.splitlines() if "external.model" in row]
    assert row.split() == ["=", "external.model", "gpt-3.5-turbo", "gpt-3.5-turbo"]
    assert answered.output.endswith("3 differ, 4 are the same\n")


def test_only_the_changes_are_shown_when_that_is_asked(plimsoll: Command) -> None:
    arguments = ("diff", ENVIRONMENTS / "development.yaml", ENVIRONMENTS / "staging.yaml", "--changes")
    assert len(plimsoll(*arguments).output.splitlines()) == 1 + 3 + 1


def test_two_files_that_mean_the_same_are_the_same(plimsoll: Command) -> None:
    first = ENVIRONMENTS / "staging.yaml"
    answered = plimsoll("diff", first, "-", given=json.dumps(yaml.safe_load(first.read_text())))
    assert answered.code == 0
    assert answered.output.endswith("0 differ, 7 are the same\n")


def test_absent_is_no_value_in_json(plimsoll: Command) -> None:
    after = model_config(with_value(base("hosted"), "resources.limits.memory", "6Gi"))
    quickstart = json.dumps(model_config(base("hosted")))
    file = ENVIRONMENTS / "staging.yaml"
    assert plimsoll("diff", file, "-", "-o", "json", given=quickstart).code == 1
    answered = plimsoll("diff", file, "-", "-o", "json", given=json.dumps(after))
    change = next(each for each in answered.data["changes"] if each["path"] == "resources.limits.memory")
    assert change == {"path": "resources.limits.memory", "after": "6Gi"}


def test_an_invalid_side_is_refused_and_not_taken_for_a_difference(plimsoll: Command) -> None:
    bad = json.dumps(model_config({"contxt": 1}))
    answered = plimsoll("diff", ENVIRONMENTS / "staging.yaml", "-", given=bad)
    assert answered.code == 2
    assert "plimsoll check -" in answered.errors
