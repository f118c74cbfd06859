"""What a status tells people to copy: the gateway's address, and one call that a shell and the gateway understand."""

from __future__ import annotations

import json
import shlex

import pytest

from plimsoll.api.configuration import Gateway, OperatorConfiguration
from plimsoll.plan.calling import example, gateway_url
from plimsoll.plan.observed import Object
from tests.support.model_configs import base, merged
from tests.support.one_model import BROKEN, FIRST, PENDING, edited, served
from tests.support.rendering import fixed_configuration
from tests.support.simulated import Simulated

URL = "http://plimsoll-gateway.plimsoll-system.svc/v1"
LONGEST_URL = "https://" + "a" * 489 + "/v1"


def configured(**fields: object) -> OperatorConfiguration:
    return fixed_configuration().model_copy(update=fields)


def test_the_gateway_is_reached_at_its_service_or_where_the_platform_team_says() -> None:
    assert gateway_url(configured()) == URL
    assert gateway_url(configured(namespace="models")) == "http://plimsoll-gateway.models.svc/v1"
    public = Gateway(url="https://models.example.com/v1")
    assert gateway_url(configured(gateway=public, namespace="models")) == "https://models.example.com/v1"


@pytest.mark.parametrize(
    ("spec", "path", "asked"),
    [
        (base("hosted"), "chat/completions", {"messages": [{"role": "user", "content": "Hello"}]}),
        (base("external"), "chat/completions", {"messages": [{"role": "user", "content": "Hello"}]}),
        (merged(base("hosted"), {"engine": {"options": {"mode": "embed"}}}), "embeddings", {"input": "Hello"}),
    ],
)
def test_the_example_is_one_command_that_asks_for_the_model_by_its_full_name(
    spec: Object, path: str, asked: Object
) -> None:
    command = example(URL, "team-a/chat", spec)
    assert "\n" not in command
    program, address, *options = shlex.split(command)
    assert (program, address) == ("curl", f"{URL}/{path}")
    given = dict(zip(options[::2], options[1::2], strict=True))
    assert json.loads(given["-d"]) == {"model": "team-a/chat", **asked}
    assert "Authorization: Bearer $PLIMSOLL_API_KEY" in options


def test_a_status_has_both_also_at_zero_and_for_a_model_of_a_provider() -> None:
    for spec in (FIRST, merged(FIRST, {"scaling": {"replicas": 0}}), base("external")):
        status = served(spec).status
        assert status["url"] == URL
        assert status["example"] == example(URL, "default/chat", spec)


def test_before_there_is_a_revision_nobody_is_sent_anywhere() -> None:
    world = Simulated(FIRST)
    world.source = PENDING
    world.pass_()
    assert not {"url", "example"} & set(world.status)


def test_the_example_speaks_of_the_revision_that_serves() -> None:
    world = edited(merged(BROKEN, {"engine": {"options": {"mode": "embed"}}}), 10)
    assert world.status["currentRevision"]["number"] == 1
    assert "/chat/completions" in world.status["example"]


def test_a_new_address_is_told_with_the_next_pass() -> None:
    world = served(FIRST)
    world.configuration = world.configuration.model_copy(update={"gateway": Gateway(url="https://new.example.com/v1")})
    world.pass_()
    assert world.status["url"] == "https://new.example.com/v1"
    assert world.status["example"].startswith("curl https://new.example.com/v1/")


def test_the_longest_address_fits_into_the_status() -> None:
    assert len(LONGEST_URL) == 500
    longest = example(Gateway(url=LONGEST_URL).url or "", f"{'n' * 63}/{'m' * 40}", base("hosted"))
    assert len(longest) <= 1024
