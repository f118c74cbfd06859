"""Our own verdict on the table of cases, and what every rule has to bring along."""

from __future__ import annotations

from collections import Counter

import pytest

from plimsoll.api.rules import RULES, Rule
from plimsoll.api.validate import validate
from tests.support.model_configs import Case, base, cases, model_config

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_our_verdict_is_the_one_in_the_table(case: Case) -> None:
    problems = validate(case.document)
    if not case.breaks:
        assert problems == []
        return
    assert case.breaks in {problem.rule for problem in problems}
    assert case.field in {problem.field for problem in problems} | {""}
    assert all(problem.fix for problem in problems)


def test_every_rule_has_two_accepted_and_two_refused_cases_and_there_are_more_than_a_hundred() -> None:
    kept, broken = Counter(case.keeps for case in CASES), Counter(case.breaks for case in CASES)
    assert {rule.name for rule in RULES if kept[rule.name] < 2 or broken[rule.name] < 2} == set()
    assert len(CASES) >= 100


def test_the_table_knows_no_rule_that_does_not_exist() -> None:
    known = {rule.name for rule in RULES} | {"schema", ""}
    assert {name for case in CASES for name in (case.keeps, case.breaks)} <= known


def test_rule_names_are_unique() -> None:
    assert [name for name, count in Counter(rule.name for rule in RULES).items() if count > 1] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_message_says_what_is_wrong_and_then_what_to_do(rule: Rule) -> None:
    wrong, colon, to_do = rule.message.partition(": ")
    assert colon
    assert len(wrong) > 10
    assert len(to_do) > 10


def test_a_rule_is_told_with_its_name_and_the_value_of_its_field() -> None:
    spec = {**base("hosted"), "engine": {"options": {"batchSize": 32, "microBatchSize": 64}}}
    (problem,) = validate(model_config(spec))
    assert problem.field == "spec.engine.options.microBatchSize"
    assert problem.value == 64
    assert problem.message.endswith("[micro-batch-within-batch]")
    assert problem.fix.startswith("lower it")


def test_an_unknown_field_is_refused_with_the_one_that_was_meant() -> None:
    (problem,) = validate(model_config({**base("hosted"), "contxt": 4096}))
    assert (problem.field, problem.value) == ("spec.contxt", 4096)
    assert problem.fix == "did you mean context?"


@pytest.mark.parametrize("revision", [20261121, 1234567.0, True])
def test_text_that_yaml_took_for_something_else_is_told_to_be_put_in_quotes(revision: object) -> None:
    """A short commit of digits, for example."""
    hub = {"repository": "example/model", "file": "model.gguf"}
    (problem,) = validate(model_config({"source": {"huggingFace": {**hub, "revision": revision}}}))
    assert problem.field == "spec.source.huggingFace.revision"
    assert problem.fix.startswith("put it in quotes. ")
    assert validate(model_config({"source": {"huggingFace": {**hub, "revision": str(revision)}}})) == []


def test_null_is_the_same_as_absent() -> None:
    assert validate(model_config({**base("hosted"), "context": None, "engine": {"name": None}})) == []


@pytest.mark.parametrize("document", [{}, {"spec": []}, {"spec": None}, model_config({"source": 7})])
def test_what_is_no_model_config_at_all_is_refused_and_never_a_crash(document: dict[str, object]) -> None:
    assert validate(document) != []
