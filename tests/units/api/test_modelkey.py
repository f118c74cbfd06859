"""A ModelKey holds a hash, says what it opens and how much, and is refused with words that help."""

from __future__ import annotations

import json

import pytest

from plimsoll.api.crd import custom_resource_definition, part_at, structural_schema
from plimsoll.api.kinds import MODEL_KEY
from plimsoll.api.modelkey import ModelKey
from plimsoll.api.parts import leaves
from plimsoll.api.rules import Rule
from plimsoll.api.rules.key import KEY_RULES
from plimsoll.api.validate import validate
from tests.support.model_keys import CASES, Case, model_key
from tools.generate.definition import definition_text
from tools.generate.editor import editor_schema_text
from tools.generate.reference import reference_text


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_our_verdict_is_the_one_in_the_table(case: Case) -> None:
    problems = validate(case.document, MODEL_KEY)
    assert {problem.rule for problem in problems} == ({case.breaks} if case.breaks else set())
    assert case.field in {problem.field for problem in problems} | {""}
    assert all(problem.fix for problem in problems)


def test_every_rule_is_kept_and_broken_in_the_table() -> None:
    broken = {case.breaks for case in CASES}
    assert {rule.name for rule in KEY_RULES} <= broken


@pytest.mark.parametrize("rule", KEY_RULES, ids=lambda rule: rule.name)
def test_a_message_says_what_is_wrong_and_then_what_to_do(rule: Rule) -> None:
    wrong, colon, to_do = rule.message.partition(": ")
    assert colon
    assert min(len(wrong), len(to_do)) > 10


def test_the_smallest_key_has_a_hash_and_a_prefix_and_is_not_suspended() -> None:
    key = ModelKey.model_validate(model_key({}))
    assert (key.spec.suspended, key.spec.models, key.spec.limits, key.spec.team) == (False, None, None, None)


def test_nothing_in_the_definition_could_hold_the_key_itself() -> None:
    spec = part_at(structural_schema(MODEL_KEY), "spec")
    assert set(spec["properties"]) == {
        "hash", "previous", "prefix", "team", "models", "limits", "expiresAt", "suspended",
    }  # fmt: skip
    key = "plm_abc123" + "A" * 43
    for wrong in ({"hash": key}, {"prefix": key}, {"team": key}, {"models": [key]}, {"expiresAt": key}):
        assert validate(model_key(wrong), MODEL_KEY)


def test_a_key_is_not_scaled_and_shows_what_tells_it_from_others() -> None:
    version = custom_resource_definition(MODEL_KEY)["spec"]["versions"][0]
    assert version["subresources"] == {"status": {}}
    assert {"Prefix", "Team", "Suspended", "Expires"} <= {each["name"] for each in version["additionalPrinterColumns"]}


def test_every_field_is_on_the_page_in_the_definition_and_in_the_schema_for_editors() -> None:
    page, definition = reference_text(MODEL_KEY), definition_text(MODEL_KEY)
    for path, _ in leaves(part_at(structural_schema(MODEL_KEY), "spec")):
        name = path.rpartition(".")[2].removesuffix("[]")
        assert f"`{name}`" in page
        assert f"{name}: " in definition
        assert f'"{name}"' in editor_schema_text(MODEL_KEY)


def test_no_editor_offers_the_status() -> None:
    assert set(json.loads(editor_schema_text(MODEL_KEY))["properties"]) == {"apiVersion", "kind", "metadata", "spec"}
