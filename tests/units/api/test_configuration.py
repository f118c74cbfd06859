"""The configuration of the operator: what it defaults to, and in which words a mistake is refused."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from plimsoll.api.configuring import BadConfiguration, configuration_schema, parse_configuration
from plimsoll.api.parts import leaves
from tools.generate.settings import configuration_text

IMAGES = {"images": {"plimsoll": "plimsoll:1"}}


def test_one_image_is_enough() -> None:
    configuration = parse_configuration(IMAGES)
    assert configuration.namespace == "plimsoll-system"
    assert (configuration.proof, configuration.history, configuration.direct_calls) == ("prompt", 20, "Nobody")
    assert [profile.name for profile in configuration.profiles] == ["cpu"]


def test_a_profile_is_found_by_name_and_without_a_name_it_is_the_default() -> None:
    given = {**IMAGES, "profiles": [{"name": "big"}, {"name": "small"}], "defaultProfile": "small"}
    configuration = parse_configuration(given)
    assert [getattr(configuration.profile(name), "name", None) for name in ("big", None, "l4")] == [
        "big",
        "small",
        None,
    ]


def test_each_engine_has_its_own_image() -> None:
    images = parse_configuration({"images": {"plimsoll": "p:1", "llamacpp": "l:1", "vllm": "v:1"}}).images
    assert (images.of_engine("llamacpp"), images.of_engine("vllm")) == ("l:1", "v:1")


def test_null_means_absent_as_in_a_model_config() -> None:
    assert parse_configuration({**IMAGES, "history": None, "sources": None}).history == 20


REFUSED: list[tuple[Any, str, str]] = [
    (None, "the configuration is empty", "begin with `images:`"),
    ([], "of type list", "begin with `images:`"),
    ({}, "images: field required", "Which images"),
    ({"images": {"plimsol": "a:1"}}, "images.plimsol is a:1: there is no such field", "did you mean plimsoll?"),
    ({**IMAGES, "history": "3"}, "history is 3: input should be a valid integer", "How many revisions"),
    ({**IMAGES, "history": 1}, "history is 1: input should be greater than or equal to 2", "How many revisions"),
    ({**IMAGES, "proof": "maybe"}, "proof is maybe: input should be 'prompt' or 'ready'", "What a new workload"),
    ({**IMAGES, "profiles": []}, "profiles is []", "The kinds of nodes"),
    ({**IMAGES, "profiles": [{"name": "a"}, {"name": "a"}]}, "profiles has a twice", "rename one of them"),
    ({**IMAGES, "defaultProfile": "b"}, "defaultProfile is b", "use one of cpu"),
    (
        {**IMAGES, "profiles": [{"name": "cpu", "gpu": {"memory": "lots"}}]},
        "profiles[0].gpu.memory is lots",
        "Memory of one GPU",
    ),
    (
        {**IMAGES, "sources": {"privateNetworks": ["10.1.0.3/16"]}},
        "sources.privateNetworks[0]: 10.1.0.3/16 has host bits set",
        "such as 10.20.0.0/16",
    ),
]


REFUSED += [
    ({**IMAGES, "gateway": {"url": url}}, "gateway.url is ", "it ends in /v1")
    for url in (
        "models.example.com/v1",
        "https://models.example.com",
        "https://models.example.com/v1/",
        "https://models.example.com/v1/chat/completions",
        "https://me:pass@models.example.com/v1",
        "https://models.example.com/v1?x=$(id)",
        "https://models.example.com/$(id)/v1",
    )
]
REFUSED += [
    (
        {**IMAGES, "teams": [{"name": "a", "namespaces": ["x"]}, {"name": "a", "namespaces": ["y"]}]},
        "teams has a twice",
        "rename one of them",
    ),
    ({**IMAGES, "teams": [{"name": "a", "namespaces": []}]}, "teams[0].namespaces is []", "whose keys may charge"),
    ({**IMAGES, "teams": [{"name": "A", "namespaces": ["x"]}]}, "teams[0].name is A", "What keys name"),
    (
        {**IMAGES, "teams": [{"name": "a", "namespaces": ["x"], "limits": {"tokens": 1, "window": "2h"}}]},
        "teams[0].limits: the window is shorter than 1s or longer than 1h",
        "choose a time in between",
    ),
    (
        {**IMAGES, "teams": [{"name": "a", "namespaces": ["x"], "limits": {"tokens": 1, "queue": 2}}]},
        "teams[0].limits: nobody stands in line",
        "set whenFull to Wait",
    ),
    (
        {**IMAGES, "teams": [{"name": "a", "namespaces": ["x"], "limits": {}}]},
        "teams[0].limits: these limits limit nothing",
        "give one of requests, tokens, concurrency",
    ),
]


@pytest.mark.parametrize(
    "url",
    [
        "http://gateway/v1",
        "https://models.example.com:8443/v1",
        "https://example.com/llm/v1",
        "http://10.0.0.1:30080/v1",
    ],
)
def test_an_address_of_the_gateway_is_taken_as_it_is(url: str) -> None:
    assert parse_configuration({**IMAGES, "gateway": {"url": url}}).gateway.url == url


def test_without_more_words_there_is_no_team_and_the_gateway_is_where_its_service_is() -> None:
    configuration = parse_configuration({**IMAGES, "gateway": {}})
    assert (configuration.teams, configuration.gateway.url) == ((), None)


def test_teams_have_namespaces_and_limits_with_their_defaults() -> None:
    given = [{"name": "search", "namespaces": ["search"], "limits": {"requests": 5}}]
    (team,) = parse_configuration({**IMAGES, "teams": given}).teams
    assert team.limits is not None
    assert (team.limits.requests, team.limits.window, team.limits.when_full) == (5, "1m", "Refuse")


@pytest.mark.parametrize(("document", "message", "fix"), REFUSED, ids=[str(case[0])[-50:] for case in REFUSED])
def test_a_mistake_is_refused_by_field_value_and_fix(document: Any, message: str, fix: str) -> None:
    with pytest.raises(BadConfiguration) as refused:
        parse_configuration(document)
    assert message in refused.value.message
    assert fix in refused.value.fix


def test_what_is_wrong_inside_a_list_is_told_once() -> None:
    with pytest.raises(BadConfiguration) as refused:
        parse_configuration({**IMAGES, "profiles": [{"name": "A B"}]})
    assert refused.value.message.count("profiles") == 1


def test_many_mistakes_are_counted_and_a_long_value_is_cut() -> None:
    with pytest.raises(BadConfiguration) as refused:
        parse_configuration({**IMAGES, **{f"field{number}": "x" * 500 for number in range(9)}})
    assert refused.value.message.endswith("and 4 more")
    assert len(refused.value.message) < 1000


def test_every_field_is_on_the_page_with_what_it_means() -> None:
    page = configuration_text()
    for path, field in leaves(configuration_schema()):
        assert f"`{path.rpartition('.')[2].removesuffix('[]')}`" in page
        assert len(field.get("description", "")) >= 20, path


def test_the_example_of_the_page_is_accepted() -> None:
    example = configuration_text().partition("```yaml\n")[2].partition("```")[0]
    assert parse_configuration(yaml.safe_load(example)).profile("l4")
