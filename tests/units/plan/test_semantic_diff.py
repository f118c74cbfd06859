"""Two specs, field by field."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given, settings

from plimsoll.api.normal import normalised
from plimsoll.plan.semantic_diff import ABSENT, differences, fields
from tests.support.generated_configs import model_configs
from tests.support.model_configs import SAMPLES, Object, base, merged, with_value

HOSTED = base("hosted")


def environment(name: str) -> Object:
    spec: Object = yaml.safe_load((SAMPLES / "environments" / f"{name}.yaml").read_text())["spec"]
    return spec


def changed(before: Object, after: Object) -> dict[str, tuple[Any, Any]]:
    return {field.path: (field.before, field.after) for field in differences(before, after)}


def variables(*names: str) -> Object:
    env = [{"name": name, "value": name.lower()} for name in names]
    return with_value(HOSTED, "podTemplate.spec.containers", [{"name": "engine", "env": env}])


def test_development_and_production_differ_in_six_keys_and_absent_is_absent() -> None:
    assert changed(environment("development"), environment("production")) == {
        "external.model": ("gpt-3.5-turbo", "gpt-3.5-turbo-16k"),
        "generation.defaults.temperature": (0.8, 0.1),
        "generation.defaults.maxTokens": (500, 2000),
        "generation.defaults.topP": (0.9, 0.7),
        "generation.defaults.frequencyPenalty": (ABSENT, 0.1),
        "generation.defaults.presencePenalty": (ABSENT, 0.1),
    }


def test_development_and_staging_differ_in_three_keys_and_the_model_is_the_same() -> None:
    found = {field.path: field.differs for field in fields(environment("development"), environment("staging"))}
    assert [path for path, differs in found.items() if differs] == [
        "generation.defaults.temperature",
        "generation.defaults.maxTokens",
        "generation.defaults.topP",
    ]
    assert found["external.model"] is False


def test_zero_is_not_absent() -> None:
    before = merged(HOSTED, {"generation": {"defaults": {"temperature": 0}}})
    assert changed(before, HOSTED) == {"generation.defaults.temperature": (0, ABSENT)}


def test_another_spelling_of_the_same_amount_is_no_difference() -> None:
    before = with_value(HOSTED, "resources.limits.memory", "1Gi")
    assert differences(before, with_value(HOSTED, "resources.limits.memory", "1024Mi")) == ()


def test_values_are_told_as_they_were_written() -> None:
    before = with_value(HOSTED, "resources.limits.memory", "8Gi")
    after = with_value(HOSTED, "resources.limits.memory", "6Gi")
    assert changed(before, after) == {"resources.limits.memory": ("8Gi", "6Gi")}


def test_a_default_that_was_written_down_is_no_difference() -> None:
    assert differences(HOSTED, with_value(HOSTED, "context", 4096)) == ()


def test_entries_of_a_list_are_told_apart_by_their_key() -> None:
    roles = [{"name": "teacher", "system": "kind"}, {"name": "coder", "system": "precise"}]
    before = with_value(HOSTED, "prompt", {"active": "coder", "roles": roles})
    after = with_value(HOSTED, "prompt", {"active": "coder", "roles": [{**roles[1], "system": "brief"}, roles[0]]})
    assert changed(before, after) == {"prompt.roles[coder].system": ("precise", "brief")}


def test_an_entry_that_has_nothing_but_its_key_is_seen() -> None:
    after = with_value(HOSTED, "podTemplate.spec.imagePullSecrets", [{"name": "registry"}])
    assert changed(HOSTED, after) == {"podTemplate.spec.imagePullSecrets[registry]": (ABSENT, {"name": "registry"})}


def test_the_order_of_variables_counts_and_a_new_one_is_one_difference() -> None:
    env = "podTemplate.spec.containers[engine].env"
    assert list(changed(variables("A", "B"), variables("B", "A"))) == [f"{env}[order]"]
    assert list(changed(variables("A"), variables("B", "A"))) == [f"{env}[B].value"]


def test_a_key_with_dots_stands_in_brackets() -> None:
    after = with_value(HOSTED, "podTemplate.spec.nodeSelector", {"a.b/c": "d"})
    assert list(changed(HOSTED, after)) == ["podTemplate.spec.nodeSelector[a.b/c]"]


@settings(max_examples=60, deadline=None)
@given(model_configs(), model_configs())
def test_two_specs_that_mean_something_else_have_a_difference_and_others_have_none(one: Object, other: Object) -> None:
    assert differences(one["spec"], one["spec"]) == ()
    assert bool(differences(one["spec"], other["spec"])) == (normalised(one["spec"]) != normalised(other["spec"]))


def test_what_nobody_wrote_of_access_limits_and_calls_is_not_listed_as_the_same() -> None:
    listed = [field.path for field in fields(HOSTED, HOSTED)]
    assert [path for path in listed if path.startswith(("access", "limits", "calls"))] == []
    written = with_value(HOSTED, "calls.timeouts.total", "1m")
    assert [field.path for field in fields(written, written) if field.path.startswith("calls")] == [
        "calls.timeouts.firstByte",
        "calls.timeouts.idle",
        "calls.timeouts.total",
        "calls.onDisconnect",
    ]


def test_a_time_is_shown_as_it_was_written_and_a_default_as_it_would_be() -> None:
    (field,) = differences(HOSTED, with_value(HOSTED, "calls.timeouts.total", "1m30s"))
    assert (field.path, field.before, field.after) == ("calls.timeouts.total", "30s", "1m30s")
    assert differences(HOSTED, with_value(HOSTED, "calls.timeouts.total", "30s")) == ()
    assert differences(HOSTED, with_value(HOSTED, "access.from", "Same")) == ()


def test_what_becomes_of_a_call_without_client_differs_between_here_and_a_provider() -> None:
    (field,) = [each for each in differences(HOSTED, base("external")) if each.path.startswith("calls")]
    assert (field.path, field.before, field.after) == ("calls.onDisconnect", "Cancel", "Drain")
