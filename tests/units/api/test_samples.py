"""Every sample is accepted, and those that stand for a table of the feature list say exactly that table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from plimsoll.api.kinds import KINDS, MODEL_KEY
from plimsoll.api.normal import normalised
from plimsoll.api.validate import validate
from tests.support.model_configs import SAMPLES, samples

ENVIRONMENTS = SAMPLES / "environments"
KEYS = ("model", "temperature", "maxTokens", "topP", "frequencyPenalty", "presencePenalty")


def environment(name: str) -> dict[str, Any]:
    spec = yaml.safe_load((ENVIRONMENTS / f"{name}.yaml").read_text())["spec"]
    return {"model": spec["external"]["model"], **spec["generation"]["defaults"]}


@pytest.mark.parametrize("path", samples(), ids=lambda path: path.stem)
def test_a_sample_is_accepted_and_begins_with_what_it_shows(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("# ")
    assert validate(yaml.safe_load(text)) == []


@pytest.mark.parametrize("path", samples(MODEL_KEY.name), ids=lambda path: path.stem)
def test_a_sample_of_a_key_is_accepted_and_opens_a_model_of_the_samples(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("# ")
    key = yaml.safe_load(text)
    assert validate(key, MODEL_KEY) == []
    models = {yaml.safe_load(each.read_text())["metadata"]["name"] for each in samples()}
    assert {pattern.rpartition("/")[2] for pattern in key["spec"]["models"]} <= {*models, "*"}


def test_every_sample_is_of_a_kind_that_we_know() -> None:
    # The quickstart brings the namespace that it is for.
    ours = {path for name in (*(kind.name for kind in KINDS), "Namespace") for path in samples(name)}
    assert ours == set(SAMPLES.rglob("*.yaml"))


def test_there_is_a_sample_of_all_that_the_gateway_alone_acts_by() -> None:
    fields = {field for path in samples() for field in yaml.safe_load(path.read_text())["spec"]}
    assert fields >= {"access", "limits", "calls"}


def test_there_is_a_sample_of_every_source_every_engine_and_of_external() -> None:
    specs = [normalised(yaml.safe_load(path.read_text())["spec"]) for path in samples()]
    places = {key for spec in specs for key in spec.get("source", {})}
    assert places >= {"huggingFace", "http", "s3", "pvc", "oci"}
    assert {spec["engine"]["name"] for spec in specs if "source" in spec} == {"llamacpp", "vllm"}
    assert any("external" in spec for spec in specs)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("development", ("gpt-3.5-turbo", 0.8, 500, 0.9, None, None)),
        ("staging", ("gpt-3.5-turbo", 0.5, 1000, 0.8, None, None)),
        ("production", ("gpt-3.5-turbo-16k", 0.1, 2000, 0.7, 0.1, 0.1)),
    ],
)
def test_an_environment_has_its_values_and_what_is_absent_is_absent(name: str, values: tuple[object, ...]) -> None:
    wanted = {key: value for key, value in zip(KEYS, values, strict=True) if value is not None}
    assert environment(name) == wanted


@pytest.mark.parametrize(("other", "count"), [("production", 6), ("staging", 3)])
def test_development_differs_from_another_environment_in_exactly_so_many_keys(other: str, count: int) -> None:
    one, two = environment("development"), environment(other)
    assert sum(one.get(key) != two.get(key) for key in KEYS) == count


def test_the_four_roles_are_written_as_they_are_meant() -> None:
    prompt = yaml.safe_load((SAMPLES / "roles/roles.yaml").read_text())["spec"]["prompt"]
    frames = {role["name"]: role["frame"] for role in prompt["roles"]}
    assert frames == {
        "default": "{system}\n\nUser: {user}\nAssistant:",
        "coding": "{system}\n\n요구사항: {user}\n\n코드:",
        "teacher": "{system}\n\n학생 질문: {user}\n\n선생님 답변:",
        "creative": "{system}\n\n주제: {user}\n\n창작물:",
    }
